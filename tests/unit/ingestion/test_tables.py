"""Profiles of tables: right files, and one planted defect per rule."""

import math

import numpy as np
import pytest

from archive.formats import FormatError
from ingestion.profiles import mission, observation_log, reference_catalogue, science_windows, surveys
from tests.support.fits_files import IJD_KEYWORDS, table, write

OBSERVATION = "00600020001 2.5629999E+02 5.0799999E+01 2002-11-15T10:49:24 115497\n"
SCW = "008200200010,82,10.0,20.0,52764.5,52764.52,1728,UTC,,100,list\n"
SCW_HEADER = ",".join((*science_windows.LIST_COLUMNS, "source_list")) + "\n"
GRB_HEADER = ",".join(surveys.IBAS_COLUMNS) + "\n"
GRB = "16004,GRB 140320B,2014-03-20T09:26:00,145.5409,+60.2794,2,100,0.2,counts,5e-7,\n"


def read(profile_read, tmp_path, text, name="file.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return profile_read(path)


def errors(content) -> list[str]:
    return [finding.rule for finding in content.findings if finding.severity == "error"]


def test_observation_starts_are_utc(tmp_path):
    (row,) = read(observation_log.read, tmp_path, OBSERVATION).rows
    assert (row.obs_id, row.ra, row.dec, row.exposure_s, row.proposal_id) == (
        "00600020001",
        256.29999,
        50.799999,
        115497.0,
        "0060002",
    )
    utc = 52593 + (10 * 3600 + 49 * 60 + 24) / 86400
    assert (row.tstart_mjd_tt - utc) * 86400 == pytest.approx(64.184, abs=1e-3)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0060002 2.5E+02 5.0E+01 2002-11-15T10:49:24 115497", "IDENTIFIER"),
        ("00600020001 4.5E+02 5.0E+01 2002-11-15T10:49:24 115497", "CELL-RANGE"),
        ("00600020001 2.5E+02 9.5E+01 2002-11-15T10:49:24 115497", "CELL-RANGE"),
        ("00600020001 nan 5.0E+01 2002-11-15T10:49:24 115497", "CELL-MISSING"),
        ("00600020001 inf 5.0E+01 2002-11-15T10:49:24 115497", "CELL-FINITE"),
        ("00600020001 east 5.0E+01 2002-11-15T10:49:24 115497", "CELL-NUMBER"),
        ("00600020001 2.5E+02 5.0E+01 2002-13-15T10:49:24 115497", "TIME-UTC"),
        ("00600020001 2.5E+02 5.0E+01 2002-11-15T25:49:24 115497", "TIME-UTC"),
        ("00600020001 2.5E+02 5.0E+01 1999-11-15T10:49:24 115497", "TIME-MISSION"),
        ("00600020001 2.5E+02 5.0E+01 2002-11-15T10:49:24 -5", "CELL-RANGE"),
        ("00600020001 2.5E+02 5.0E+01 2002-11-15T10:49:24", "ROW-LENGTH"),
    ],
)
def test_impossible_observations(tmp_path, line, rule):
    content = read(observation_log.read, tmp_path, OBSERVATION + line + "\n")
    assert errors(content) == [rule]
    (finding,) = [finding for finding in content.findings if finding.severity == "error"]
    assert finding.row == 2


def test_science_windows_state_their_scale(tmp_path):
    text = SCW_HEADER + SCW + SCW.replace("0082002000", "0082002100").replace("UTC", "TT")
    utc, tt = read(science_windows.read_list, tmp_path, text).rows
    assert (utc.tstart_mjd_tt - 52764.5) * 86400 == pytest.approx(64.184, abs=1e-3)
    assert tt.tstart_mjd_tt == 52764.5
    assert (utc.revolution, utc.kind, utc.ra, utc.good_isgri_s, utc.obs_id) == (82, "pointing", 10.0, 100.0, "")


def test_a_blank_pointing_is_unknown_not_zero(tmp_path):
    (row,) = read(science_windows.read_list, tmp_path, SCW_HEADER + SCW.replace("10.0,20.0", ",")).rows
    assert (row.ra, row.dec) == (None, None)


@pytest.mark.parametrize("mark", ["nan", "-", "XXXX", " ", "NULL"])
def test_marks_of_missing_values(tmp_path, mark):
    content = read(
        science_windows.read_list, tmp_path, SCW_HEADER + SCW.replace("1728", mark).replace(",100,", f",{mark},")
    )
    assert (content.rows[0].elapsed_s, content.rows[0].good_isgri_s) == (None, None)
    assert content.findings == ()


def test_lost_leading_zeros_are_put_back(tmp_path):
    content = read(science_windows.read_list, tmp_path, SCW_HEADER + SCW.replace("008200200010", "8200200010"))
    assert content.rows[0].scw_id == "008200200010"
    assert [finding.rule for finding in content.findings] == ["LEADING-ZEROS"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("UTC", "TAI", "TIME-SCALE"),
        ("008200200010", "00820020001X", "IDENTIFIER"),
        (",82,", ",83,", "REVOLUTION"),
        ("10.0,20.0", "10.0,", "POSITION-HALF"),
        ("52764.52", "52764.4", "TIME-ORDER"),
        ("52764.52", "52864.5", "TIME-ORDER"),
        ("52764.5,52764.52", "42764.5,42764.52", "TIME-MISSION"),
        ("52764.5,", ",", "CELL-MISSING"),
        ("1728", "-1", "CELL-RANGE"),
        ("UTC,,", "UTC,12ab,", "IDENTIFIER"),
    ],
)
def test_impossible_science_windows(tmp_path, old, new, rule):
    content = read(science_windows.read_list, tmp_path, SCW_HEADER + SCW.replace(old, new, 1))
    assert rule in errors(content)
    assert content.rows == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param(b"\xff\xfe" + SCW_HEADER.encode(), "TEXT-UTF8", id="not UTF-8"),
        pytest.param(SCW_HEADER + SCW.replace("list", "l\0st"), "TEXT-BINARY", id="NUL"),
        pytest.param(SCW_HEADER.replace("time_scale", "scale") + SCW, "COLUMN-MISSING", id="missing column"),
        pytest.param(SCW_HEADER.replace("source_list", "scw_id") + SCW, "COLUMN-DUPLICATE", id="column twice"),
        pytest.param(SCW_HEADER, "TABLE-EMPTY", id="no rows"),
        pytest.param(SCW_HEADER + '"unclosed', "CSV-SYNTAX", id="quote"),
    ],
)
def test_unreadable_csv(tmp_path, text, rule):
    with pytest.raises(FormatError) as caught:
        read(science_windows.read_list, tmp_path, text)
    assert caught.value.finding.rule == rule


def test_csv_row_with_too_many_cells(tmp_path):
    assert errors(read(science_windows.read_list, tmp_path, SCW_HEADER + SCW + SCW.strip() + ",more\n")) == [
        "ROW-LENGTH"
    ]


def test_many_findings_of_one_kind_are_counted(tmp_path):
    content = read(science_windows.read_list, tmp_path, SCW_HEADER + SCW.replace("UTC", "TAI") * 50)
    assert len(content.findings) == 21
    assert content.findings[-1].message == "30 further findings of this kind"


def scw_hdu(**changes):
    rows = 2
    columns = {
        "SWID": ("12A", None, ["100090010010", "100090010021"]),
        "SWVER": ("3A", None, ["001"] * rows),
        "REVOL": ("J", None, [1000] * rows),
        "SW_TYPE": ("12A", None, ["POINTING", "SLEW"]),
        "OBS_ID": ("11A", None, ["99010010001"] * rows),
        "TSTART": ("D", "d", [4000.0, 4000.03]),
        "TSTOP": ("D", "d", [4000.03, 4000.04]),
        "TELAPSE": ("D", "s", [2592.0, 864.0]),
    }
    columns |= {name: ("D", "deg", [10.0, 11.0]) for name in ("RA_SCX", "DEC_SCX", "RA_SCZ", "DEC_SCZ", "POSANGLE")}
    columns |= {
        f"GOOD_{name}": ("E", "s", [100.0, 0.0]) for name in ("ISGRI", "PICSIT", "SPI", "JEMX1", "JEMX2", "OMC")
    }
    return table("SCIENCE-WINDOWS", {**columns, **changes}, **IJD_KEYWORDS)


def test_fits_index(tmp_path):
    pointing, slew = science_windows.read_fits(write(tmp_path / "s.fits", scw_hdu())).rows
    assert (pointing.scw_id, pointing.kind, pointing.tstart_mjd_tt, pointing.good_isgri_s) == (
        "100090010010",
        "pointing",
        55544.0,
        100.0,
    )
    assert slew.kind == "slew"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"TSTART": ("D", "d", [4000.0, 99999.0])}, "TIME-MISSION"),
        ({"TSTOP": ("D", "d", [3999.0, 4000.04])}, "TIME-ORDER"),
        ({"RA_SCX": ("D", "deg", [np.nan, 10.0])}, "CELL-RANGE"),
        ({"DEC_SCX": ("D", "deg", [-91.0, 10.0])}, "CELL-RANGE"),
        ({"GOOD_ISGRI": ("E", "s", [-1.0, 10.0])}, "CELL-RANGE"),
        ({"SWID": ("12A", None, ["100090010010", "1000"])}, "IDENTIFIER"),
        ({"SW_TYPE": ("12A", None, ["SLEW", "SLEW"])}, "SCW-KIND"),
        ({"REVOL": ("J", None, [999, 1000])}, "SCW-KIND"),
    ],
)
def test_impossible_rows_of_the_fits_index(tmp_path, changes, rule):
    content = science_windows.read_fits(write(tmp_path / "s.fits", scw_hdu(**changes)))
    assert rule in errors(content)
    assert len(content.rows) < 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"TSTART": ("D", "s", [4000.0, 4000.03])}, "UNIT-WRONG"),
        ({"RA_SCX": ("D", "rad", [1.0, 1.0])}, "UNIT-WRONG"),
        ({"TSTART": ("8A", None, ["now", "then"])}, "COLUMN-TYPE"),
        ({"GOOD_SPI": ("2E", "s", [[1, 2], [3, 4]])}, "COLUMN-TYPE"),
        ({"SWID": ("D", None, [1.0, 2.0])}, "COLUMN-TYPE"),
    ],
)
def test_wrong_columns_of_the_fits_index(tmp_path, changes, rule):
    with pytest.raises(FormatError) as caught:
        science_windows.read_fits(write(tmp_path / "s.fits", scw_hdu(**changes)))
    assert caught.value.finding.rule == rule


def test_a_missing_column_of_the_fits_index(tmp_path):
    hdu = scw_hdu()
    hdu.columns.del_col("OBS_ID")
    with pytest.raises(FormatError, match="COLUMN-MISSING"):
        science_windows.read_fits(write(tmp_path / "s.fits", hdu))


def test_bursts(tmp_path):
    (row,) = read(surveys.read_ibas, tmp_path, GRB_HEADER + GRB.replace("5e-7,", "5e-7,lower limit")).rows
    assert (row.name, row.instrument, row.error_radius_deg, row.fluence_limit_flag) == (
        "GRB 140320B",
        "isgri",
        pytest.approx(2 / 60),
        ">",
    )
    assert (row.peak_flux, row.peak_flux_unit, row.gcn_circular) == (0.2, "ct/(cm**2.s)", 16004)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("counts", "mJy", "UNIT-UNKNOWN"),
        ("GRB 140320B", "the bright one", "IDENTIFIER"),
        ("5e-7,", "5e-7,about", "LIMIT-FLAG"),
        ("2014-03-20T09:26:00", "2014-03-20", "TIME-UTC"),
        ("2014-03-20", "1994-03-20", "TIME-MISSION"),
    ],
)
def test_impossible_bursts(tmp_path, old, new, rule):
    assert rule in errors(read(surveys.read_ibas, tmp_path, GRB_HEADER + GRB.replace(old, new)))


def grc_hdu(**changes):
    columns = {
        "SOURCE_ID": ("16A", None, ["J053432.0+220052", "J174536.3-290133"]),
        "NAME": ("20A", None, ["Crab", "1A 1742-289"]),
        "CLASS": ("I", None, [3101, 9999]),
        "RA_OBJ": ("E", "deg", [83.633209, 266.4]),
        "DEC_OBJ": ("E", "deg", [22.014471, -29.03]),
        "ERR_RAD": ("E", "deg", [0.00028, 0.007]),
        "SPE_MODL": ("128A", None, ["wabs*powerlaw", ""]),
        "SPE_NPAR": ("I", None, [2, 0]),
        "SPE_PARS": ("32E", None, np.full((2, 32), 2.0)),
        "COMMENTS": ("128A", None, ["PSR B0531+21", "-"]),
    }
    columns |= {
        name: ("B", None, [1, 0]) for name in ("ISGRI_FLAG", "ISGRI_FLAG2", "JEMX_FLAG", "SPI_FLAG", "PICSIT_FLAG")
    }
    columns |= {f"{name}_FLUX_{n}": ("E", "count s-1", [230.9, 0.0]) for name in ("ISGR", "JEMX") for n in (1, 2)}
    columns |= {f"SPI_FLUX_{n}": ("E", "cm-2 ph s-1", [0.5, np.nan]) for n in (1, 2)}
    return table(
        "GNRL-REFR-CAT",
        {**columns, **changes},
        VERSION=43,
        RADECSYS="FK5",
        EQUINOX=2000.0,
        ISGEMIN1=20.0,
        ISGEMAX1=60.0,
    )


def test_zero_and_nan_rates_are_null(tmp_path):
    content = reference_catalogue.read_fits(write(tmp_path / "c.fits", grc_hdu()))
    crab, other = content.rows
    assert crab.isgri_20_60_cps == pytest.approx(230.9)
    assert (other.isgri_20_60_cps, other.spi_15_300_ph_cm2_s, other.comments) == (None, None, "")
    assert crab.spectral_parameters == (2.0, 2.0)
    assert {"RATE-NO-MODEL", "FRAME-FK5"} <= {finding.rule for finding in content.findings}
    assert 0 < math.hypot(crab.ra - 83.633209, crab.dec - 22.014471) < 1e-4


def test_extracts_fill_their_own_catalogue(tmp_path):
    jemx = reference_catalogue.read_fits(write(tmp_path / "j.fits", grc_hdu(JEMX_FLAG=("B", None, [1, 1]))))
    assert [type(row).__name__ for row in jemx.rows] == ["ReferenceRow", "ReferenceRow", "JemxRow", "JemxRow"]
    spi = reference_catalogue.read_fits(write(tmp_path / "s.fits", grc_hdu(SPI_FLAG=("B", None, [1, 1]))))
    assert [type(row).__name__ for row in spi.rows][2:] == ["SpiRow", "SpiRow"]


def test_class_of_no_class_is_null(tmp_path):
    content = reference_catalogue.read_fits(write(tmp_path / "c.fits", grc_hdu(CLASS=("J", None, [32768, 3101]))))
    assert content.rows[0].isdc_class is None
    assert "CLASS-UNKNOWN" in {finding.rule for finding in content.findings}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"SOURCE_ID": ("16A", None, ["Crab", "J174536.3-290133"])}, "IDENTIFIER"),
        ({"NAME": ("20A", None, ["", "x"])}, "CELL-MISSING"),
        ({"RA_OBJ": ("E", "deg", [np.nan, 1.0])}, "CELL-RANGE"),
    ],
)
def test_impossible_catalogue_rows(tmp_path, changes, rule):
    assert rule in errors(reference_catalogue.read_fits(write(tmp_path / "c.fits", grc_hdu(**changes))))


def test_catalogue_without_version_or_with_other_bands_is_refused(tmp_path):
    hdu = grc_hdu()
    hdu.header["ISGEMAX1"] = 40.0
    with pytest.raises(FormatError, match="CATALOGUE-BAND"):
        reference_catalogue.read_fits(write(tmp_path / "a.fits", hdu))
    hdu = grc_hdu()
    del hdu.header["VERSION"]
    with pytest.raises(FormatError, match="CATALOGUE-VERSION"):
        reference_catalogue.read_fits(write(tmp_path / "b.fits", hdu))


# Real files


def test_three_windows_listed_in_both_scales_agree(shared_data, tmp_path):
    """ESAC's lists are IJD in TT, HEASARC's are MJD in UTC: as written, the same windows differ by 66.18 s."""
    listed = science_windows.read_list(shared_data / "observations/derived/scw_with_times.csv").rows
    rows = {row.scw_id: row for row in listed}
    as_utc = {}
    for line in (shared_data / "observations/crab_scws.txt").read_text().splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if cells[0][:12] in {"114100200010", "114100270010", "114100280010"}:
            as_utc[cells[0][:12]] = (cells[1], cells[2])
    text = SCW_HEADER + "".join(
        f"{scw_id},1141,,,{start},{stop},,UTC,,,crab_scws\n" for scw_id, (start, stop) in as_utc.items()
    )
    converted = read(science_windows.read_list, tmp_path, text).rows
    assert len(converted) == 3
    for row in converted:
        as_written = rows[row.scw_id].tstart_mjd_tt - float(as_utc[row.scw_id][0])
        assert as_written * 86400 == pytest.approx(66.184, abs=0.01)
        assert (rows[row.scw_id].tstart_mjd_tt - row.tstart_mjd_tt) * 86400 == pytest.approx(0.0, abs=0.01)
        assert (rows[row.scw_id].tstop_mjd_tt - row.tstop_mjd_tt) * 86400 == pytest.approx(0.0, abs=0.01)


def test_real_counts(shared_data):
    assert len(observation_log.read(shared_data / "observations/observations.dat").rows) == 4168
    windows = science_windows.read_list(shared_data / "observations/derived/scw_with_times.csv").rows
    assert (len(windows), sum(row.ra is not None for row in windows)) == (10625, 2238)
    assert (
        len(science_windows.read_heasarc(shared_data / "observations/heasarc_intscwpub_jupiter_subset_no_pi.csv").rows)
        == 915
    )
    assert len(surveys.read_ibas(shared_data / "catalogues/derived/ibas_grb_gcn_2014_2019.csv").rows) == 31
    assert (
        len(mission.read_radiation(shared_data / "spacecraft_radiation/derived/revolutions_iremTC3.csv").rows) == 2130
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("isgri_cat_inMosa_0042", 721),
        ("isgri_cat_inMosa_0043", 724),
        ("jmx_cat_0043", 233 * 2),
        ("spi_cat_0043", 277 * 2),
    ],
)
def test_real_catalogues(shared_data, name, rows):
    assert len(reference_catalogue.read_fits(shared_data / f"catalogues/{name}.fits.gz").rows) == rows


def test_crab_in_the_reference_catalogue(shared_data):
    rows = reference_catalogue.read_csv(shared_data / "catalogues/derived/isdc_grc43_union.csv").rows
    assert len(rows) == 947
    (crab,) = [row for row in rows if row.name == "Crab"]
    assert crab.isgri_20_60_cps == pytest.approx(230.92, abs=0.005)
    assert crab.source_id == "J053432.0+220052"
    assert sum(row.isgri_20_60_cps is not None for row in rows) == 382


def test_perigee_column_counts_utc_days(shared_data):
    rows = {
        row.revolution: row
        for row in mission.read_radiation(shared_data / "spacecraft_radiation/derived/revolutions_iremTC3.csv").rows
    }
    assert (rows[2].tstart_mjd_tt - (52566 + 86383 / 86400)) * 86400 == pytest.approx(64.184, abs=1e-3)
    assert rows[2].tstop_mjd_tt == rows[3].tstart_mjd_tt
    assert rows[3].belt_entry_mjd_tt is None
