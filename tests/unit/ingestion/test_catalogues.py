"""Catalogues of fixed layout: units, UCDs, and upper limits that are marked as such; a planted defect per rule."""

import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError
from ingestion.profiles import PROFILES
from ingestion.profiles.catalogues import catalogue_format
from tests.support.fits_files import IJD_KEYWORDS, table, write

ROWS = 3
FORM = {"text": "20A", "number": "D", "logical": "L"}
VALUES = {"text": ["a", "b", "c"], "number": [1.0, 2.0, 3.0], "logical": [True, False, True]}
FULL_UCD = {
    "meta.id": "meta.id;src",
    "phot.flux": "phot.flux;em.X-ray",
    "pos.eq.ra": "pos.eq.ra;meta.main",
    "spect.index": "spect.index;em.gamma",
}


def unchanged(_):
    """Leave the columns as they are."""


def catalogue(path, name, change=unchanged, ucds=None, **keywords):
    """A right catalogue of a profile with one change to its columns (name -> form, unit, values), UCDs or keywords."""
    layout = catalogue_format(name)
    columns = {
        column.name: [FORM[column.kind], column.unit or None, np.array(VALUES[column.kind])]
        for column in layout.columns.values()
    }
    if "TRIGTIME" in columns:
        columns["TRIGTIME"][2] = np.array([3000.0, 3001.0, 3002.0])
    change(columns)
    header = {**IJD_KEYWORDS, "RADESYS": "ICRS", "VERSION": 1, **keywords}
    hdu = table(layout.extname, columns, **header)
    for number, column in enumerate(columns, start=1):
        if (ucds or {}).get(column) != "" and column in layout.columns:
            ucd = layout.columns[column].ucd
            hdu.header[f"TUCD{number}"] = (ucds or {}).get(column, FULL_UCD.get(ucd, ucd))
    return write(path, hdu)


def read(path, name):
    return next(profile for profile in PROFILES if profile.name == name).read(path)


def codes(content):
    return {(finding.rule, finding.severity) for finding in content.findings}


def put(name, row, value):
    def change(columns):
        columns[name][2][row] = value

    return change


def flag(flux, row, limit="IS_UL_17_60", value=None):
    def change(columns):
        columns[limit] = ["L", None, np.arange(ROWS) == row]
        if value is not None:
            columns[flux][2][row] = value

    return change


@pytest.mark.parametrize("name", ["ibis_catalogue", "jemx_catalogue", "spi_grb_catalogue", "omc_catalogue"])
def test_a_right_catalogue_trips_nothing(tmp_path, name):
    content = read(catalogue(tmp_path / "a.fits", name), name)
    assert (codes(content), len(content.rows)) == (set(), ROWS)


def test_a_limit_is_marked_and_has_no_error(tmp_path):
    path = catalogue(tmp_path / "a.fits", "ibis_catalogue", flag("FLUX_17_60", 1, value=0.7), UL_CONF=0.9973)
    content = read(path, "ibis_catalogue")
    assert codes(content) == set()
    kept = [(row.flux_17_60_mcrab, row.flux_17_60_error_mcrab, row.flux_17_60_limit_flag) for row in content.rows]
    assert kept == [(1.0, 1.0, ""), (0.7, None, "<"), (3.0, 3.0, "")]
    assert {row.limit_confidence for row in content.rows} == {0.9973}


def test_limits_of_bursts_are_marked_too(tmp_path):
    path = catalogue(tmp_path / "a.fits", "spi_grb_catalogue", flag("PEAKFLUX", 0, "IS_UL_PEAK"), UL_CONF=0.95)
    row = read(path, "spi_grb_catalogue").rows[0]
    assert (row.peak_flux, row.peak_flux_error, row.peak_flux_limit_flag, row.limit_confidence) == (
        1.0,
        None,
        "<",
        0.95,
    )


@pytest.mark.parametrize("error", [0.0, -1.0, np.nan])
def test_an_error_that_is_none_is_no_way_to_say_limit(tmp_path, error):
    path = catalogue(tmp_path / "a.fits", "ibis_catalogue", put("ERR_20_40", 1, error))
    content = read(path, "ibis_catalogue")
    assert [(one.rule, one.severity, one.row, one.column) for one in content.findings] == [
        ("LIMIT-UNMARKED", "error", 2, "ERR_20_40")
    ]
    assert "IS_UL_20_40" in content.findings[0].fix
    assert len(content.rows) == ROWS - 1


def test_a_flux_that_was_not_measured_needs_no_error(tmp_path):
    def change(columns):
        columns["FLUX_3_10"][2][1] = columns["ERR_3_10"][2][1] = np.nan

    content = read(catalogue(tmp_path / "a.fits", "jemx_catalogue", change), "jemx_catalogue")
    assert (codes(content), content.rows[1].flux_3_10_mcrab) == (set(), None)


@pytest.mark.parametrize(
    ("rule", "change", "keywords"),
    [
        ("LIMIT-VALUE", flag("FLUX_17_60", 1, value=-0.5), {"UL_CONF": 0.9973}),
        ("LIMIT-CONFIDENCE", flag("FLUX_17_60", 1), {}),
        ("LIMIT-CONFIDENCE", flag("FLUX_17_60", 1), {"UL_CONF": 3.0}),
        ("CELL-FINITE", put("FLUX_17_60", 1, np.inf), {}),
    ],
)
def test_a_limit_must_say_what_it_is(tmp_path, rule, change, keywords):
    assert codes(read(catalogue(tmp_path / "a.fits", "ibis_catalogue", change, **keywords), "ibis_catalogue")) == {
        (rule, "error")
    }


def test_a_limit_written_as_text_is_refused_by_name(tmp_path):
    def change(columns):
        columns["FLUX_17_60"] = ["8A", None, np.array(["1.0", "<0.7", "3.0"])]

    path = catalogue(tmp_path / "a.fits", "ibis_catalogue", change)
    with pytest.raises(FormatError) as caught:
        read(path, "ibis_catalogue")
    finding = caught.value.finding
    assert (finding.rule, finding.row, finding.column, finding.found) == ("LIMIT-TEXT", 2, "FLUX_17_60", "'<0.7'")


def test_a_limit_written_as_text_in_any_table_is_said(tmp_path):
    columns = {"NAME": ("4A", None, ["a", "b"]), "FX": ("8A", None, ["1.2", "> 3"])}
    path = write(tmp_path / "a.fits", table("T", columns, TUCD1="meta.id;src", TUCD2="phot.flux;em.X-ray"))
    found = [one for one in read(path, "table").findings if one.rule == "LIMIT-TEXT"]
    assert [(one.severity, one.row, one.found) for one in found] == [("warning", 2, "'> 3'")]


@pytest.mark.parametrize(
    ("ucd", "expected"),
    [
        ("phot.flux;em.X-ray", ("UCD-WRONG", "warning")),
        ("phot.fluks", ("UCD-UNKNOWN", "warning")),
        ("", ("UCD-ABSENT", "info")),
    ],
)
def test_what_a_column_says_it_means_is_compared_with_what_it_must_mean(tmp_path, ucd, expected):
    path = catalogue(tmp_path / "a.fits", "ibis_catalogue", ucds={"ERR_17_60": ucd})
    content = read(path, "ibis_catalogue")
    assert [(one.rule, one.severity, one.column) for one in content.findings] == [(*expected, "ERR_17_60")]


def test_a_wrong_unit_is_refused(tmp_path):
    def change(columns):
        columns["FLUX_17_60"][1] = "erg/cm2/s"

    with pytest.raises(FormatError, match="UNIT-WRONG"):
        read(catalogue(tmp_path / "a.fits", "ibis_catalogue", change), "ibis_catalogue")


def test_columns_that_would_be_dropped_are_named(tmp_path):
    def change(columns):
        columns["FLUX_100_200"] = ["D", "mCrab", np.ones(ROWS)]

    content = read(catalogue(tmp_path / "a.fits", "ibis_catalogue", change), "ibis_catalogue")
    assert [(one.rule, one.severity, one.found) for one in content.findings] == [
        ("COLUMN-EXTRA", "warning", "FLUX_100_200")
    ]


def test_an_extra_hdu_of_another_kind_is_no_catalogue(tmp_path):
    path = write(tmp_path / "a.fits", fits.ImageHDU(np.ones((2, 2)), name="IBIS-SURVEY-CAT"))
    with pytest.raises(FormatError, match="HDU-MISSING"):
        read(path, "ibis_catalogue")


def test_a_unit_that_is_no_text_is_a_wrong_unit(tmp_path):
    path = catalogue(tmp_path / "a.fits", "ibis_catalogue")
    with fits.open(path, mode="update") as file:
        file[1].header["TUNIT3"] = True
    with pytest.raises(FormatError, match="UNIT-WRONG"):
        read(path, "ibis_catalogue")
