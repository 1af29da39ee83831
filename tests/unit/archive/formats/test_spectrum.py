import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError, read_effective_area, read_response, read_spectrum
from tests.support.fits_files import arf_hdu, rmf_hdus, spectrum_hdu, write

ISLA = "products/isla/SMC_X-1_ISGRI_0745_06340000001_spectrum_"


def test_spectrum_with_the_energies_of_its_response(tmp_path):
    spectrum = read_spectrum(write(tmp_path / "s.fits", spectrum_hdu()), write(tmp_path / "rmf.fits", *rmf_hdus()))
    assert spectrum.energy_min_kev.tolist() == [20, 30, 40, 50]
    assert spectrum.energy_max_kev.tolist() == [30, 40, 50, 60]
    assert spectrum.rate.tolist() == [4, 3, 2, 1]
    assert (spectrum.response_file, spectrum.area_file) == ("rmf.fits", "arf.fits")
    assert (spectrum.tstart_mjd_tt, spectrum.exposure_s) == (54544.0, 1000.0)
    assert spectrum.findings == ()


def test_without_a_response_energies_are_unknown(tmp_path):
    spectrum = read_spectrum(write(tmp_path / "s.fits", spectrum_hdu(RESPFILE="NONE")))
    assert np.isnan(spectrum.energy_min_kev).all()
    assert spectrum.response_file is None


def test_counts_become_rates(tmp_path):
    hdu = spectrum_hdu()
    hdu.columns.change_name("RATE", "COUNTS")
    spectrum = read_spectrum(write(tmp_path / "s.fits", hdu))
    assert spectrum.rate == pytest.approx(np.array([4, 3, 2, 1]) / 1000.0)
    assert spectrum.error == pytest.approx(np.full(4, 1e-4))


@pytest.mark.parametrize(
    ("hdu", "rule"),
    [
        pytest.param(spectrum_hdu(EXPOSURE=0.0), "EXPOSURE", id="no exposure"),
        pytest.param(spectrum_hdu(EXPOSURE="Real"), "EXPOSURE", id="exposure left to the template"),
        pytest.param(spectrum_hdu(rate_unit="keV"), "UNIT-WRONG", id="unit"),
    ],
)
def test_impossible_spectra_are_refused(tmp_path, hdu, rule):
    with pytest.raises(FormatError, match=rule):
        read_spectrum(write(tmp_path / "s.fits", hdu))


def test_gaps_in_channels_are_refused(tmp_path):
    hdu = spectrum_hdu()
    hdu.data["CHANNEL"] = [0, 1, 3, 4]
    with pytest.raises(FormatError, match="CHANNELS"):
        read_spectrum(write(tmp_path / "s.fits", hdu))


def test_response_with_other_channels_is_refused(tmp_path):
    with pytest.raises(FormatError, match="CHANNELS"):
        read_spectrum(write(tmp_path / "s.fits", spectrum_hdu()), write(tmp_path / "r.fits", *rmf_hdus(channels=5)))


def test_template_words_in_times_are_none(tmp_path):
    spectrum = read_spectrum(write(tmp_path / "s.fits", spectrum_hdu(TSTART="Real", TSTOP="Real")))
    assert (spectrum.tstart_mjd_tt, spectrum.tstop_mjd_tt) == (None, None)
    assert [finding.rule for finding in spectrum.findings] == ["TIME-SPAN"]


def test_channels_without_numbers_are_missing(tmp_path):
    hdu = spectrum_hdu()
    hdu.data["RATE"][1] = np.nan
    hdu.data["STAT_ERR"][2] = np.inf
    spectrum = read_spectrum(write(tmp_path / "s.fits", hdu))
    assert np.isnan(spectrum.rate).tolist() == [False, True, True, False]
    assert [finding.rule for finding in spectrum.findings] == ["VALUE-NAN"]


@pytest.mark.parametrize("variable", [True, False], ids=["variable-length rows", "fixed rows"])
def test_response_matrix(tmp_path, variable):
    response = read_response(write(tmp_path / "r.fits", *rmf_hdus(variable=variable)))
    assert response.matrix.tolist() == [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]]
    assert response.channel_min_kev.tolist() == [20, 30, 40, 50]


def test_group_that_leaves_the_channels_is_refused(tmp_path):
    matrix, bounds = rmf_hdus()
    matrix.data["F_CHAN"][2] = 3
    with pytest.raises(FormatError) as caught:
        read_response(write(tmp_path / "r.fits", matrix, bounds))
    assert (caught.value.finding.rule, caught.value.finding.row) == ("RMF-GROUPS", 3)


def test_energies_that_fall_are_refused(tmp_path):
    matrix, bounds = rmf_hdus()
    bounds.data["E_MAX"][1] = 5
    with pytest.raises(FormatError, match="EBOUNDS"):
        read_response(write(tmp_path / "r.fits", matrix, bounds))


@pytest.mark.parametrize(("unit", "area"), [("cm**2", 10.0), ("dm**2", 1000.0), (None, 10.0)])
def test_areas_come_out_in_cm2(tmp_path, unit, area):
    assert read_effective_area(write(tmp_path / "a.fits", arf_hdu(unit=unit))).area_cm2.tolist() == [area] * 3


@pytest.mark.parametrize(("options", "rule"), [({"unit": "keV"}, "UNIT-WRONG"), ({"area": -1.0}, "AREA-NEGATIVE")])
def test_impossible_areas_are_refused(tmp_path, options, rule):
    with pytest.raises(FormatError, match=rule):
        read_effective_area(write(tmp_path / "a.fits", arf_hdu(**options)))


def test_files_of_another_kind_are_refused(tmp_path):
    path = write(tmp_path / "a.fits", arf_hdu())
    for read in (read_spectrum, read_response):
        with pytest.raises(FormatError):
            read(path)


# Real files


def test_isla_spectrum(shared_data):
    rmf = shared_data / f"{ISLA}rmf.fits"
    spectrum = read_spectrum(shared_data / f"{ISLA}spe.fits", rmf)
    assert (spectrum.source_name, spectrum.instrument, spectrum.revolution, len(spectrum)) == (
        "SMC X-1",
        "isgri",
        745,
        256,
    )
    assert spectrum.exposure_s == pytest.approx(42904.44577497381)
    assert (spectrum.energy_min_kev[0], spectrum.energy_max_kev[-1]) == (12.5, 1029.5)
    assert spectrum.response_file == rmf.name
    response, area = read_response(rmf), read_effective_area(shared_data / f"{ISLA}arf.fits")
    assert response.matrix.shape == (len(area.area_cm2), len(spectrum)) == (2466, 256)
    with fits.open(rmf) as hdus:  # variable-length rows, in the file's own order
        table = hdus["SPECRESP MATRIX"].data
        for row in (0, 1000, 2465):
            assert response.matrix[row].sum() == pytest.approx(np.sum(table["MATRIX"][row]), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "rmf", "channels", "instrument"),
    [
        ("IBIS_spectrum_GRB221009A.fits", "IBIS_rmf_GRB221009A.fits.gz", 256, "isgri"),
        ("JMX1_spectrum_GRB221009A.fits", "JMX1_rmf_GRB221009A.fits", 16, "jemx1"),
        ("isgri_62ch_spec.fits", "isgri_62ch_rmf.fits", 62, "isgri"),
        ("jemx_query_spectrum_spec_Crab_pha.fits.gz", "jemx_query_spectrum_rmf_Crab.fits.gz", 16, "jemx1"),
        (
            "spectrum_GRB2rGRB2022sgrsp10aCVGRB_photo_GRB221009A_avrg.fits",
            "rmf_GRB2rGRB2022sgrsp10aCVGRB_photo_GRB221009A_avrg.fits",
            10,
            "spi",
        ),
    ],
    ids=["IBIS", "JEM-X", "OSA names", "gzip", "SPI"],
)
def test_osa_spectra(shared_data, name, rmf, channels, instrument):
    folder = shared_data / "products/spectra"
    spectrum = read_spectrum(folder / name, folder / rmf)
    assert (len(spectrum), spectrum.instrument) == (channels, instrument)
    assert np.isfinite(spectrum.energy_min_kev).all()
