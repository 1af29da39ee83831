"""Products and catalogues: OGIP consistency, folded spectra, series that follow the source, agreement with maps."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from ingestion.simulation import SimulationOptions, write_mission


@pytest.fixture(scope="module")
def mission(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "products"
    write_mission(folder, SimulationOptions(science_windows=1200, order=8, products=12), print)
    return folder


def _power_law(low, high, index, norm):
    """Photons per bin by fine numerical integration, not by the simulation's own formula."""
    fine = np.geomspace(low, high, 41, axis=-1)
    return np.trapezoid(norm * fine**-index, fine, axis=-1)


def test_spectrum_arf_and_rmf_belong_together(mission):
    for path in sorted((mission / "products").glob("*_spectrum_spe.fits")):
        header, rows = fits.getheader(path, 1), fits.getdata(path, 1)
        with fits.open(path.parent / header["RESPFILE"]) as rmf, fits.open(path.parent / header["ANCRFILE"]) as arf:
            matrix, bounds, area = rmf["SPECRESP MATRIX"].data, rmf["EBOUNDS"].data, arf["SPECRESP"].data
            assert header["DETCHANS"] == len(rows) == len(bounds) == rmf["SPECRESP MATRIX"].header["DETCHANS"] == 62
            assert np.array_equal(rows["CHANNEL"], bounds["CHANNEL"])
            assert np.array_equal(rows["CHANNEL"], np.arange(header["TLMIN1"], header["TLMAX1"] + 1))
            assert np.array_equal(area["ENERG_LO"], matrix["ENERG_LO"])
            assert np.array_equal(matrix["ENERG_LO"][1:], matrix["ENERG_HI"][:-1])
            assert np.all(matrix["MATRIX"] >= 0.0)
            assert matrix["MATRIX"].sum(axis=1).max() <= 1.0 + 1e-6
            assert np.all(area["SPECRESP"] > 0.0)
        assert np.all(rows["STAT_ERR"] > 0.0)
        assert header["EXPOSURE"] > 0.0
        assert header["HDUCLAS1"] == "SPECTRUM"


def test_crab_spectrum_folds_to_what_was_planted(mission):
    folder = mission / "products"
    (path,) = folder.glob("crab_isgri_*_spectrum_spe.fits")
    rows = fits.getdata(path, 1)
    matrix = fits.getdata(folder / "isgri_62ch_rmf.fits", "SPECRESP MATRIX")
    area = fits.getdata(folder / "isgri_62ch_arf.fits", "SPECRESP")
    low, high = (matrix[name].astype(float) for name in ("ENERG_LO", "ENERG_HI"))
    model = (_power_law(low, high, 2.1, 10.0) * area["SPECRESP"]) @ matrix["MATRIX"].astype(float)
    good = rows["QUALITY"] == 0
    assert good.sum() > 40
    pull = ((rows["RATE"] - model) / rows["STAT_ERR"])[good]
    # chi-squared per channel, 45 or so channels: 1 +- 0.21
    assert np.mean(pull**2) == pytest.approx(1.0, abs=0.7)
    inside = (low >= 20.0) & (high <= 60.0)
    on_axis = np.sum((_power_law(low, high, 2.1, 10.0) * area["SPECRESP"])[inside])
    assert on_axis == pytest.approx(230.92, rel=0.05)  # the Crab's rate in the ISDC reference catalogue


def test_long_series_of_the_crab_is_constant_and_of_others_is_not(mission):
    crab = fits.getdata(mission / "products/crab_isgri_20_60_timeseries.fits", 1)
    assert np.all(np.diff(crab["TIME"]) > 0.0)
    assert np.all(crab["ERROR"] > 0.0)
    assert np.average(crab["RATE"], weights=crab["ERROR"] ** -2.0) == pytest.approx(230.92, rel=0.01)
    chi2 = np.mean(((crab["RATE"] - 230.92) / crab["ERROR"]) ** 2)
    assert chi2 == pytest.approx(1.0, abs=0.5)
    other = fits.getdata(mission / "products/cyg_x_1_isgri_20_60_timeseries.fits", 1)
    assert np.mean(((other["RATE"] - other["RATE"].mean()) / other["ERROR"]) ** 2) > 50.0


def test_points_lie_within_pointings(mission):
    windows = fits.getdata(mission / "mission/science_windows_0001.fits")
    windows = windows[windows["SW_TYPE"] == "POINTING"]
    for path in sorted((mission / "products").glob("*timeseries.fits")):
        rows = fits.getdata(path, 1)
        at = np.searchsorted(windows["TSTART"], rows["TIME"], side="right") - 1
        assert np.all(rows["TIME"] < windows["TSTOP"][at])
        np.testing.assert_allclose(rows["TIMEDEL"] * 86400.0, windows["TELAPSE"][at], atol=1e-3)


def test_short_curve_has_bands_good_times_and_a_constant_crab(mission):
    (path,) = (mission / "products").glob("crab_isgri_*_lightcurve.fits")
    with fits.open(path) as hdus:
        assert [(hdu.name, hdu.ver) for hdu in hdus[1:]] == [("ISGR-SRC.-LCR", 1), ("ISGR-SRC.-LCR", 2), ("GTI", 1)]
        gti = hdus["GTI"].data
        for hdu in hdus[1:3]:
            rows = hdu.data
            at = np.searchsorted(gti["START"], rows["TIME"], side="right") - 1
            assert np.all(rows["TIME"] + rows["XAX_E"] <= gti["STOP"][at] + 1e-9)
            assert np.all((rows["FRACEXP"] > 0.0) & (rows["FRACEXP"] <= 1.0))
            pull = (rows["RATE"] - rows["RATE"].mean()) / rows["ERROR"]
            assert np.mean(pull**2) == pytest.approx(1.0, abs=0.4)
            np.testing.assert_allclose(rows["TOT_COUNTS"] - rows["BACKV"], rows["RATE"], atol=1e-2)


def test_mosaic_planes_agree_and_show_the_source(mission):
    paths = sorted((mission / "products").glob("*_mosaic.fits"))
    assert paths
    for path in paths:
        with fits.open(path) as hdus:
            planes = {hdu.header["IMATYPE"]: hdu.data for hdu in hdus[2:]}
            assert list(planes) == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
            assert list(hdus["GROUPING"].data["IMATYPE"]) == list(planes)
            expected = planes["INTENSITY"] / np.sqrt(planes["VARIANCE"])
            np.testing.assert_allclose(planes["SIGNIFICANCE"], expected, rtol=1e-4, atol=1e-3)
            assert np.nanmax(planes["SIGNIFICANCE"]) > 20.0


def test_event_list_is_in_order_within_its_good_time(mission):
    paths = sorted((mission / "products").glob("*_events.fits"))
    assert len(paths) == 2
    for path in paths:
        with fits.open(path) as hdus:
            rows, gti = hdus["GNRL-EVTS-LST"].data, hdus["GNRL-EVTS-GTI"].data
            assert 10_000 < len(rows) <= 20_000
            assert np.all(np.diff(rows["TIME"]) >= 0.0)
            assert gti["START"][0] <= rows["TIME"][0] <= rows["TIME"][-1] <= gti["STOP"][0]
            assert np.all((rows["PIF_1"] >= 0.0) & (rows["PIF_1"] <= 1.0))
            assert np.all((rows["ENERGY"] >= 13.0) & (rows["ENERGY"] <= 1000.0))


def test_stars_have_the_points_their_catalogue_says(mission):
    catalogue = {row["OMC_ID"]: row for row in fits.getdata(mission / "catalogues/omc_catalogue.fits")}
    assert len(catalogue) == 100
    paths = sorted((mission / "products").glob("iomc_*"))
    assert len(paths) == 12
    for path in paths:
        header, rows = fits.getheader(path, 1), fits.getdata(path, 1)
        entry = catalogue[header["OMC_ID"]]
        assert entry["N_POINTS"] == len(rows)
        assert entry["MAG_V"] == pytest.approx(np.median(rows["MAG"]), abs=1e-4)
        assert header["BARYTIME"] is False
        assert np.all(np.diff(rows["TIME"]) > 0.0)
        assert np.all((rows["PROBLEMS"] >= 0) & (rows["PROBLEMS"] < 16))


def test_survey_catalogue_agrees_with_the_map(mission):
    rows = fits.getdata(mission / "catalogues/ibis_catalogue.fits")
    assert len(rows) > 50
    assert np.all(rows["SIGNIF"] >= 4.5)
    np.testing.assert_allclose(rows["FLUX_17_60"] / rows["ERR_17_60"], rows["SIGNIF"], rtol=1e-4)
    crab = rows[rows["NAME"] == "Crab"][0]
    assert crab["FLUX_17_60"] == pytest.approx(1000.0, rel=0.03)
    assert np.hypot((crab["RA_OBJ"] - 83.6332) * np.cos(np.radians(22.0)), crab["DEC_OBJ"] - 22.0145) < 0.02


def test_bursts_are_told_in_two_time_scales(mission):
    rows = fits.getdata(mission / "catalogues/spi_grb_catalogue.fits")
    assert len(rows) == 60
    utc = Time(list(rows["TRIGUTC"]), format="isot", scale="utc").tt.mjd - 51544.0
    np.testing.assert_allclose(utc, rows["TRIGTIME"], atol=1e-3 / 86400.0)
    assert [name[8:14] for name in rows["NAME"]] == [text[2:10].replace("-", "") for text in rows["TRIGUTC"]]


def test_reference_catalogue_has_the_columns_of_the_original(mission):
    with fits.open(mission / "catalogues/gnrl_refr_cat.fits") as hdus:
        columns = hdus["GNRL-REFR-CAT"].columns
        assert len(columns) == 36
        assert (columns.names[0], columns.names[21], columns.names[-1]) == ("SOURCE_ID", "COMMENTS", "FLAG")
        crab = next(row for row in hdus["GNRL-REFR-CAT"].data if row["NAME"] == "Crab")
        assert crab["ISGR_FLUX_1"] == pytest.approx(230.92, abs=0.01)
        assert crab["SOURCE_ID"] == "J053432.0+220052"
        assert not np.all(hdus["GNRL-REFR-CAT"].data["JEMX_FLAG"])
