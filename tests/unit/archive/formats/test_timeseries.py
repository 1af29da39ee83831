import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError, read_time_series
from tests.support.fits_files import IJD_KEYWORDS, series_hdu, table, write

ISLA = "products/isla/1A_1742-289_JEMX1_allmission_timeseries.fits"


def rules(series) -> set[str]:
    return {finding.rule for finding in series.findings}


def test_times_come_out_as_mjd_tt(tmp_path):
    (series,) = read_time_series(write(tmp_path / "a.fits", series_hdu()))
    assert series.time_mjd_tt.tolist() == [54544.0, 54544.5, 54545.0, 54545.5, 54546.0]
    assert series.half_width_d == pytest.approx(np.full(5, 0.01))
    assert (series.rate_unit, series.quantity, series.timeref) == ("ct/s", "rate", "LOCAL")
    assert (series.energy_min_kev, series.energy_max_kev, series.instrument) == (20.0, 40.0, "isgri")
    assert (series.tstart_mjd_tt, series.tstop_mjd_tt) == (54544.0, 54547.0)
    assert series.findings == ()


def test_fk5_positions_come_out_as_icrs(tmp_path):
    (series,) = read_time_series(write(tmp_path / "a.fits", series_hdu()))
    shift_mas = np.hypot((series.ra - 83.633) * np.cos(np.radians(22.0145)), series.dec - 22.0145) * 3.6e6
    assert 1 < shift_mas < 60  # FK5 and ICRS differ by some 10 mas


def test_one_series_per_band(tmp_path):
    path = write(tmp_path / "a.fits", series_hdu("ISGR-SRC.-LCR"), series_hdu("ISGR-SRC.-LCR", E_MIN=40.0, E_MAX=100.0))
    assert [(one.energy_min_kev, one.energy_max_kev) for one in read_time_series(path)] == [(20.0, 40.0), (40.0, 100.0)]


def test_float32_times_are_said(tmp_path):
    (series,) = read_time_series(write(tmp_path / "a.fits", series_hdu(time_format="E")))
    assert "TIME-FLOAT32" in rules(series)
    assert series.time_resolution_s == pytest.approx(2.0**-12 * 86400)


def test_reference_split_in_two_keywords(tmp_path):
    hdu = series_hdu()
    del hdu.header["MJDREF"]
    hdu.header.update({"MJDREFI": 51544, "MJDREFF": 0.25})
    (series,) = read_time_series(write(tmp_path / "a.fits", hdu))
    assert series.time_mjd_tt[0] == 54544.25


def test_zero_time_from_timezero_when_mjdref_is_blank(tmp_path):
    """ESAC's long-term series: TIME in s from an unstated zero."""
    hdu = series_hdu(
        "RATES",
        MJDREF="",
        TIMESYS="MJD",
        TIMEUNIT="s",
        TIMEZERO=54544.0 * 86400,
        TIMEREF="F",
        TSTART=54544.0 * 86400,
        TSTOP=54545.0 * 86400,
    )
    hdu.columns["TIME"].unit = "s"
    hdu.header["TUNIT1"] = "s"
    (series,) = read_time_series(write(tmp_path / "a.fits", hdu))
    assert series.time_mjd_tt[0] == pytest.approx(54544.0 + 3000.0 / 86400)
    assert series.tstart_mjd_tt == 54544.0
    assert {"TIME-ZERO", "TIME-REFERENCE"} <= rules(series)
    assert series.timeref == "UNKNOWN"


@pytest.mark.parametrize(
    ("keywords", "rule"),
    [
        pytest.param({"MJDREF": ""}, "TIME-ZERO", id="no zero time"),
        pytest.param({"TIMESYS": "UTC"}, "TIME-SYSTEM", id="UTC"),
        pytest.param({"TIMEUNIT": "fortnight"}, "TIME-UNIT", id="unit of time"),
        pytest.param({"E_MIN": 40.0, "E_MAX": 20.0}, "BAND-WRONG", id="band upside down"),
        pytest.param({"DEC_OBJ": 95.0}, "SKY-POSITION", id="impossible position"),
        pytest.param({"RADECSYS": "FK4"}, "SKY-FRAME", id="frame"),
        pytest.param({"E_MIN": "many"}, "FITS-KEYWORD", id="text for a number"),
    ],
)
def test_headers_that_do_not_say_are_refused(tmp_path, keywords, rule):
    with pytest.raises(FormatError) as caught:
        read_time_series(write(tmp_path / "a.fits", series_hdu(**keywords)))
    assert caught.value.finding.rule == rule


@pytest.mark.parametrize("unit", ["furlong", "s", "no units"])
def test_wrong_rate_units_are_refused(tmp_path, unit):
    with pytest.raises(FormatError, match="UNIT-"):
        read_time_series(write(tmp_path / "a.fits", series_hdu(rate_unit=unit)))


@pytest.mark.parametrize("unit", ["cnts/s", "count/sec", "counts/s", "counts/sec", "ct/s"])
def test_spellings_of_the_rate_unit(tmp_path, unit):
    (series,) = read_time_series(write(tmp_path / "a.fits", series_hdu(rate_unit=unit)))
    assert series.rate_unit == "ct/s"


def test_absent_rate_unit_is_assumed_and_said(tmp_path):
    (series,) = read_time_series(write(tmp_path / "a.fits", series_hdu(rate_unit=None)))
    assert series.rate_unit == "ct/s"
    assert "UNIT-ABSENT" in rules(series)


def with_column(name: str, values):
    hdu = series_hdu()
    hdu.data[name] = values
    return hdu


def test_nan_time_is_refused_with_its_row(tmp_path):
    with pytest.raises(FormatError) as caught:
        read_time_series(write(tmp_path / "a.fits", with_column("TIME", [3000, np.nan, 3001, 3002, 3003])))
    assert (caught.value.finding.rule, caught.value.finding.row) == ("TIME-NAN", 2)


def test_negative_error_is_refused(tmp_path):
    with pytest.raises(FormatError, match="ERROR-NEGATIVE"):
        read_time_series(write(tmp_path / "a.fits", with_column("ERROR", [1, 1, -1, 1, 1])))


def test_times_that_fall_and_widths_below_zero_are_said(tmp_path):
    hdu = with_column("TIME", [3000, 3001, 3000.5, 3002, 3003])
    hdu.data["TIMEDEL"] = [0.1, 0.1, -0.1, 0.1, 0.1]
    (series,) = read_time_series(write(tmp_path / "a.fits", hdu))
    assert {"TIME-ORDER", "BIN-WIDTH"} <= rules(series)
    assert np.isnan(series.half_width_d[2])
    assert len(series) == 5


def test_missing_values_are_kept_as_missing(tmp_path):
    (series,) = read_time_series(write(tmp_path / "a.fits", with_column("RATE", [1, np.nan, 2, 3, 4])))
    assert np.isnan(series.rate[1])
    assert "VALUE-NAN" in rules(series)


def test_a_column_of_arrays_is_refused(tmp_path):
    columns = {
        "TIME": ("D", "d", [3000.0]),
        "RATE": ("2E", "count/s", [[1.0, 2.0]]),
        "ERROR": ("2E", "count/s", [[1.0, 2.0]]),
    }
    with pytest.raises(FormatError, match="COLUMN-TYPE"):
        read_time_series(write(tmp_path / "a.fits", table("TIMESERIES", columns, **IJD_KEYWORDS)))


def test_a_missing_error_column_is_refused(tmp_path):
    columns = {"TIME": ("D", "d", [3000.0]), "RATE": ("E", "count/s", [1.0])}
    with pytest.raises(FormatError, match="COLUMN-MISSING"):
        read_time_series(write(tmp_path / "a.fits", table("TIMESERIES", columns, **IJD_KEYWORDS)))


def test_no_light_curve_at_all(tmp_path):
    with pytest.raises(FormatError, match="SERIES-NONE"):
        read_time_series(write(tmp_path / "a.fits", fits.ImageHDU(np.zeros((2, 2)))))


def test_omc_magnitudes(tmp_path):
    columns = {
        "TIME": ("D", "d", [3000.0, 3001.0]),
        "EXPOSURE": ("E", "s", [100.0, 50.0]),
        "MAG": ("E", "mag", [12.0, 12.5]),
        "ERRMAG": ("E", "mag", [0.01, 0.02]),
    }
    keywords = {**IJD_KEYWORDS, "INSTRUME": "OMC", "TSTART": 3000.0, "TSTOP": 3001.0}
    (series,) = read_time_series(write(tmp_path / "a.fits", table("OMC-SRC-LCR", columns, **keywords)))
    assert (series.quantity, series.rate_unit, series.instrument) == ("magnitude", "mag", "omc")
    assert series.half_width_d * 2 * 86400 == pytest.approx([100.0, 50.0])
    assert 0.002 < series.energy_min_kev < series.energy_max_kev < 0.0026  # Johnson V: 500 to 600 nm


# Real files


def test_isla_series(shared_data):
    (series,) = read_time_series(shared_data / ISLA)
    assert (len(series), series.source_name, series.instrument) == (863, "1A 1742-289", "jemx1")
    assert (series.energy_min_kev, series.energy_max_kev) == (3.08, 19.85)
    assert series.time_resolution_s == pytest.approx(42.19, abs=0.01)
    assert len(series.inputs) == 50
    assert series.tstart_mjd_tt == pytest.approx(51544 + 2617.037037044936)
    with fits.open(shared_data / ISLA) as hdus:
        assert np.array_equal(series.rate, hdus[1].data["RATE"].astype(float))


def test_esac_series_starts_where_its_qdp_header_says(shared_data):
    (series,) = read_time_series(shared_data / "products/lightcurves/ts_isgri_255.706_-48.790_20-35keV.fits")
    header = (shared_data / "products/lightcurves/ts_isgri_255.706_-48.790_20-35keV.qdp.header.txt").read_text()
    zero = float(header.split("s since MJD ")[1].split(")")[0])
    assert series.time_mjd_tt[0] == pytest.approx(zero + 1424.94571686 / 86400, abs=1e-8)
    assert len(series) == 6403


@pytest.mark.parametrize(
    ("name", "rows", "instrument"), [("IBIS", 335, "isgri"), ("JMX1", 198, "jemx1"), ("JMX2", 198, "jemx2")]
)
def test_osa_light_curves(shared_data, name, rows, instrument):
    (series,) = read_time_series(shared_data / f"products/lightcurves/{name}_lc_GRB221009A.fits")
    assert (len(series), series.instrument) == (rows, instrument)
    assert np.nanmedian(series.half_width_d) * 2 * 86400 == pytest.approx(1000, abs=0.1)


def test_crab_light_curves_of_single_windows(shared_data):
    """Rates agree with the author's own table of the same files."""
    table_lines = (shared_data / "products/lightcurves/crab_longterm_lc_data_15_30.txt").read_text().splitlines()[1:]
    listed = {line.split(",")[0]: float(line.split(",")[3]) for line in table_lines if "," in line}
    for path in sorted((shared_data / "products/lightcurves/crab_15_30keV_per_scw").glob("*.fits")):
        (series,) = read_time_series(path)
        assert series.scw_id == path.name[:12]
        assert series.rate[0] == pytest.approx(listed[path.name.removesuffix(".fits")], rel=1e-4)
