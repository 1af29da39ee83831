"""What OGIP asks of headers: one planted defect per rule, and good files that trip none."""

import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError
from archive.formats.container import open_fits
from archive.formats.ogip import check_good_times
from archive.formats.response import read_response
from archive.formats.spectrum import read_spectrum
from archive.formats.timeseries import read_time_series
from tests.support.fits_files import IJD_KEYWORDS, rmf_hdus, series_hdu, spectrum_hdu, table, write


def unchanged(_):
    """Leave the HDU as it is."""


def without(*keywords):
    def change(hdu):
        for keyword in keywords:
            del hdu.header[keyword]

    return change


def spectrum(path, change=unchanged, **keywords):
    """Codes and severities that a spectrum with one change gives."""
    hdu = spectrum_hdu(**keywords)
    change(hdu)
    return codes(lambda: read_spectrum(write(path, hdu)).findings)


def codes(read):
    try:
        return {(finding.rule, finding.severity) for finding in read()}
    except FormatError as error:
        return {(error.finding.rule, error.finding.severity)}


def series(path, change=unchanged, **keywords):
    hdu = series_hdu(**keywords)
    change(hdu)
    return codes(lambda: read_time_series(write(path, hdu))[0].findings)


def put(name, value):
    def change(hdu):
        hdu.data[name][1] = value

    return change


def test_good_files_trip_nothing(tmp_path):
    assert spectrum(tmp_path / "spectrum.fits") == set()
    assert series(tmp_path / "series.fits") == set()


@pytest.mark.parametrize(
    ("rule", "change", "keywords"),
    [
        ("OGIP-KEYWORD", without("BACKSCAL", "FILTER"), {}),
        ("OGIP-LOGICAL", unchanged, {"POISSERR": "False"}),
        ("OGIP-FLAG", put("QUALITY", 7), {}),
        ("TELESCOPE", unchanged, {"TELESCOP": "SWIFT"}),
        ("FILE-REFERENCE", unchanged, {"RESPFILE": "/home/someone/rmf.fits"}),
        ("DATE-OBS", unchanged, {"DATE-OBS": "2008-03-19T00:00:00"}),
    ],
)
def test_a_doubtful_spectrum_is_taken_with_a_warning(tmp_path, rule, change, keywords):
    assert spectrum(tmp_path / "a.fits", change, **keywords) == {(rule, "warning")}


def test_the_utc_start_date_is_compared_in_its_own_scale(tmp_path):
    """IJD 3000 (TT) is 2008-03-18T23:58:54.816 UTC: TT - UTC was 65.184 s (IERS Bulletin C 30)."""
    assert spectrum(tmp_path / "a.fits", **{"DATE-OBS": "2008-03-18T23:58:54.8"}) == set()


def counts_spectrum(*, errors: bool, rate: bool = False, **keywords):
    columns = {"CHANNEL": ("I", None, np.arange(4)), "COUNTS": ("J", "count", np.array([4, 9, 0, 16]))}
    if rate:
        columns["RATE"] = ("E", "count/s", np.ones(4))
    if errors:
        columns["STAT_ERR"] = ("E", "count", np.ones(4))
    return table("SPECTRUM", columns, **{**header_of(spectrum_hdu()), "POISSERR": True, **keywords})


def header_of(hdu):
    structural = ("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "TTYPE", "TFORM", "TUNIT", "EXTNAME")
    return {key: value for key, value in hdu.header.items() if not key.startswith(structural)}


def test_counts_and_rate_together_are_refused(tmp_path):
    path = write(tmp_path / "a.fits", counts_spectrum(errors=True, rate=True))
    assert ("COUNTS-AND-RATE", "error") in codes(lambda: read_spectrum(path).findings)


def test_poisson_errors_are_taken_where_no_mask_codes_the_counts(tmp_path):
    path = write(tmp_path / "a.fits", counts_spectrum(errors=False, INSTRUME="XRT", DETNAM="NONE"))
    read = read_spectrum(path)
    np.testing.assert_allclose(read.error * read.exposure_s, [2, 3, 0, 4])
    assert {(finding.rule, finding.severity) for finding in read.findings} == {("STAT-ERR", "info")}


def test_a_coded_mask_needs_the_errors_of_its_extraction(tmp_path):
    path = write(tmp_path / "a.fits", counts_spectrum(errors=False))
    assert codes(lambda: read_spectrum(path).findings) == {("STAT-ERR", "error")}


def test_counts_without_errors_and_without_poisserr_are_refused(tmp_path):
    path = write(tmp_path / "a.fits", counts_spectrum(errors=False, POISSERR=False))
    assert codes(lambda: read_spectrum(path).findings) == {("COLUMN-MISSING", "error")}


def test_a_second_spectrum_is_never_left_out_without_a_word(tmp_path):
    path = write(tmp_path / "a.fits", spectrum_hdu(), spectrum_hdu())
    assert codes(lambda: read_spectrum(path).findings) == {("SPECTRUM-SEVERAL", "error")}


def test_type_two_is_named(tmp_path):
    columns = {"SPEC_NUM": ("J", None, [1, 2]), "CHANNEL": ("4I", None, np.ones((2, 4)))}
    columns["COUNTS"] = ("4J", "count", np.ones((2, 4)))
    path = write(tmp_path / "a.fits", table("SPECTRUM", columns, **header_of(spectrum_hdu())))
    assert codes(lambda: read_spectrum(path).findings) == {("SPECTRUM-TYPE-2", "error")}


@pytest.mark.parametrize(
    ("rule", "severity", "change", "keywords"),
    [
        ("TIMEPIXR", "warning", unchanged, {"TIMEPIXR": 2.0}),
        ("BIN-OVERLAP", "warning", put("TIMEDEL", 1.1), {}),
        ("BARYCENTRE", "warning", unchanged, {"TIMEREF": "SOLARSYSTEM"}),
        ("CORRECTIONS", "info", without("DEADAPP"), {}),
        ("TELESCOPE", "warning", unchanged, {"TELESCOP": "NuSTAR"}),
    ],
)
def test_a_doubtful_light_curve_is_taken_with_a_word(tmp_path, rule, severity, change, keywords):
    assert series(tmp_path / "a.fits", change, **keywords) == {(rule, severity)}


def test_an_impossible_exposed_fraction_is_an_error(tmp_path):
    hdu = series_hdu()
    columns = [*hdu.columns, fits.Column("FRACEXP", "E", array=[1.0, 0.5, 97.0, 1.0, 1.0])]
    made = fits.BinTableHDU.from_columns(columns, header=hdu.header, name="TIMESERIES")
    found = read_time_series(write(tmp_path / "a.fits", made))[0].findings
    assert [(one.rule, one.severity, one.row, one.count) for one in found] == [("FRACEXP", "error", 3, 1)]


@pytest.mark.parametrize(
    ("rule", "start", "stop"),
    [("GTI-ORDER", [3000.1, 3000.6], [3000.5, 3000.2]), ("GTI-OUTSIDE", [3000.1, 3000.6], [3000.5, 3001.2])],
)
def test_good_times_are_in_order_and_inside_the_span(tmp_path, rule, start, stop):
    columns = {"START": ("D", "d", start), "STOP": ("D", "d", stop)}
    keywords = {**IJD_KEYWORDS, "HDUCLAS1": "GTI", "TSTART": 3000.0, "TSTOP": 3001.0}
    with open_fits(write(tmp_path / "a.fits", table("GTI", columns, **keywords))) as file:
        found = check_good_times(file)
    assert [(one.rule, one.row) for one in found] == [(rule, 2)]


def test_channels_of_a_response_without_tlmin_may_count_from_one(tmp_path):
    """CAL/GEN/92-002a takes 1 where TLMIN is absent; EBOUNDS of Fermi's matrices count from 0 beside it."""
    good, bounds = rmf_hdus(variable=False)
    expected = read_response(write(tmp_path / "good.fits", good, bounds)).matrix
    matrix, bounds = rmf_hdus(variable=False)
    del matrix.header["TLMIN4"]
    matrix.data["F_CHAN"] += 1
    read = read_response(write(tmp_path / "from-one.fits", matrix, bounds))
    np.testing.assert_array_equal(read.matrix, expected)
    assert [(one.rule, one.severity) for one in read.findings] == [("RMF-FIRST-CHANNEL", "warning")]
