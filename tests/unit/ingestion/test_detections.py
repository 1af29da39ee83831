"""Source lists of OSA: right files of each kind, and one planted defect for each rule."""

import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError
from ingestion.discover import discover
from ingestion.product_rows import PartFile
from ingestion.products import assemble_products
from ingestion.profiles import detections
from ingestion.validator import validate_delivery
from tests.support.deliveries import deliver, seal
from tests.support.fits_files import IJD_KEYWORDS, series_hdu, table, write

CRAB, NEW = "J053432.0+220052", "NEW_1"
HEADER = {
    **IJD_KEYWORDS,
    "TELESCOP": "INTEGRAL",
    "INSTRUME": "IBIS",
    "DETNAM": "ISGRI",
    "CREATOR": "ii_skyimage 5.4.4",
    "RADECSYS": "FK5",
    "EQUINOX": 2000.0,
    "TSTART": 1169.98,
    "TSTOP": 1170.08,
    "EXPOSURE": 7000.0,
    "E_MIN": 20.0,
    "E_MAX": 40.0,
}


def columns(**changes):
    """Two sources as `ii_skyimage` writes them: one of the catalogue, one new without RA_OBJ."""
    made = {
        "SOURCE_ID": ("16A", None, [CRAB, NEW]),
        "NAME": ("100A", None, ["Crab", NEW]),
        "NEW_SOURCE": ("I", None, [0, 1]),
        "RA_OBJ": ("E", "deg", [83.633, np.nan]),
        "DEC_OBJ": ("E", "deg", [22.0145, np.nan]),
        "RA_FIN": ("E", "deg", [83.63, 85.0]),
        "DEC_FIN": ("E", "deg", [22.01, 23.0]),
        "FLUX": ("E", "counts/sec", [150.0, 2.0]),
        "FLUX_ERR": ("E", "counts/sec", [0.5, 0.3]),
        "DETSIG": ("E", None, [290.0, 6.5]),
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def mosaic_list(name="ISGR-MOSA-RES", keywords=None, **changes):
    held = {**HEADER, **(keywords or {})}
    return table(name, columns(**changes), **{key: value for key, value in held.items() if value is not None})


def vectors(*rows):
    return np.array([[*row, *[0.0] * (4 - len(row))] for row in rows], dtype="f4")


def banded(name="ISGR-SRCL-RES", keywords=None, **changes):
    """One table with two bands a row, filled up to four places."""
    several = {
        "FLUX": ("4E", "count s-1", vectors((150.0, 60.0), (2.0, 0.0))),
        "FLUX_ERR": ("4E", "count s-1", vectors((0.5, 0.4), (0.3, 0.3))),
        "E_MIN": ("4E", "keV", vectors((20.0, 40.0), (20.0, 40.0))),
        "E_MAX": ("4E", "keV", vectors((40.0, 80.0), (40.0, 80.0))),
    }
    return mosaic_list(name, {"E_MIN": None, "E_MAX": None, **(keywords or {})}, **{**several, **changes})


def jemx(**keywords):
    """Of one JEM-X unit and science window: no RA_FIN, INSTRUME names the unit."""
    without = dict.fromkeys(("RA_FIN", "DEC_FIN", "NEW_SOURCE"))
    places = {"RA_OBJ": ("E", "deg", [83.633, 85.0]), "DEC_OBJ": ("E", "deg", [22.0145, 23.0])}
    held = {"INSTRUME": "JMX1", "DETNAM": None, "SWID": "010200200010", **keywords}
    return banded("JMX1-SRCL-RES", held, **without, **places)


def grouping():
    return table("GROUPING", {"MEMBER_NAME": ("32A", None, ["ISGR-MOSA-RES"])}, GRPNAME="ISGR-MOSA-RES-IDX")


def content_of(tmp_path, *hdus):
    return detections.read(write(tmp_path / "list.fits", *hdus))


def codes(tmp_path, *hdus):
    """Codes with severities that a file gives, a refusal included."""
    try:
        return {(one.rule, one.severity) for one in content_of(tmp_path, *hdus).findings}
    except FormatError as error:
        return {(error.finding.rule, error.finding.severity)}


def _no_source(_subject):
    return ""


def product_of(path):
    (found,) = discover(path).files
    assert found.profile is not None
    assert found.profile.name == "detections"
    part = found.profile.read(path).part
    (product,) = assemble_products([PartFile(path.name, "0" * 64, 1, part)], _no_source).products
    return product


def test_a_mosaic_has_a_list_for_each_band(tmp_path):
    second = mosaic_list(keywords={"E_MIN": 40.0, "E_MAX": 80.0})
    path = write(tmp_path / "isgri_mosa_res.fits", grouping(), mosaic_list(), second)
    assert codes(tmp_path, grouping(), mosaic_list(), second) == set()
    product = product_of(path)
    assert (product.product_id, product.kind) == ("isgri_mosa_res_52713.98000_52714.08000", "table")
    assert (product.instrument, product.energy_min_kev, product.energy_max_kev) == ("isgri", 20.0, 80.0)
    assert (product.band, product.sample_count, product.exposure_s) == ("", 4, 7000.0)
    assert (product.tstart_mjd_tt, product.tstop_mjd_tt) == (pytest.approx(52713.98), pytest.approx(52714.08))
    assert (product.ra, product.dec) == (pytest.approx(84.31, abs=0.01), pytest.approx(22.51, abs=0.01))
    assert product.field_of_view_deg == pytest.approx(1.61, abs=0.01)
    assert product.metadata["bands_kev"] == [[20.0, 40.0], [40.0, 80.0]]
    assert {"name": "FLUX", "unit": "ct/s"} in product.metadata["columns"]
    assert product.metadata["new_sources"] == 2


def test_a_list_of_a_jemx_unit(tmp_path):
    assert codes(tmp_path, jemx()) == set()
    product = product_of(write(tmp_path / "jmx1_srcl_res.fits", jemx()))
    assert (product.product_id, product.instrument) == ("jmx1_srcl_res_010200200010", "jemx1")
    assert (product.revolution, product.metadata["scw_id"]) == (102, "010200200010")
    assert product.title == "Source list jemx1 20-80 keV science window 010200200010"


def test_rows_of_many_science_windows(tmp_path):
    rows = {
        "SWID": ("12A", None, ["010200200010", "010200210010"]),
        "TSTART": ("D", "d", [1169.98, 1170.0]),
        "TSTOP": ("D", "d", [1170.0, 1170.08]),
    }
    unstated = {"TSTART": None, "TSTOP": None}
    hdu = banded("ISGR-OBS.-RES", unstated, **rows)
    assert codes(tmp_path, hdu) == set()
    part = detections.read(tmp_path / "list.fits").part
    assert (part.tstart_mjd_tt, part.tstop_mjd_tt) == (pytest.approx(52713.98), pytest.approx(52714.08))


def test_another_name_of_the_file_is_kept(tmp_path):
    assert product_of(write(tmp_path / "crab_field.fits", mosaic_list())).product_id == "crab_field"


def test_simulated_lists_say_so(tmp_path):
    path = write(tmp_path / "a.fits", mosaic_list(keywords={"SIMULATD": True}))
    assert product_of(path).title.startswith("Simulated: ")


def test_a_source_that_was_never_found_moves_nothing(tmp_path):
    """`ii_skyimage` writes 0, 0 as its position and the significance of the map."""
    places = {"RA_FIN": ("E", "deg", [83.63, 0.0]), "DEC_FIN": ("E", "deg", [22.01, 0.0])}
    part = content_of(tmp_path, banded(**places)).part
    assert (part.ra, part.dec) == (pytest.approx(83.63, abs=1e-4), pytest.approx(22.01, abs=1e-4))
    assert part.field_of_view_deg is None


def pair(form, unit, first, second):
    return (form, unit, [first, second])


DEFECTS = {
    ("DETECTION-NONE", "info"): lambda: table(
        "ISGR-SKY.-RES", {key: (form, unit, []) for key, (form, unit, _) in columns().items()}, **HEADER
    ),
    ("DETECTION-ORIGIN", "warning"): lambda: mosaic_list(keywords={"TSTART": None, "TSTOP": None}),
    ("DETECTION-ID", "warning"): lambda: mosaic_list(SOURCE_ID=pair("16A", None, "Crab", NEW)),
    ("DETECTION-SIGNIFICANCE", "warning"): lambda: mosaic_list(DETSIG=pair("E", None, 29.0, 6.5)),
    ("DETECTION-LIMIT", "warning"): lambda: mosaic_list(FLUX_ERR=pair("E", "count/s", 0.5, 0.0)),
    ("DETECTION-LIMIT", "info"): lambda: banded(FLUX_ERR=("4E", "count/s", vectors((0.5, 0.0), (0.3, 0.3)))),
    ("DETECTION-BANDS", "warning"): lambda: banded(E_MIN=("4E", "keV", vectors((20.0, 40.0), (21.0, 40.0)))),
    ("DETECTION-BANDS", "error"): lambda: banded(
        FLUX=("4E", "count/s", vectors((150.0, 60.0, 7.0), (2.0,))),
        FLUX_ERR=("4E", "count/s", vectors((0.5, 0.4, 0.4), (0.3,))),
    ),
    ("BAND-WRONG", "error"): lambda: banded(E_MIN=("4E", "keV", vectors((50.0, 40.0), (50.0, 40.0)))),
    ("BAND-ABSENT", "warning"): lambda: mosaic_list(keywords={"E_MIN": None}),
    ("ERROR-NEGATIVE", "error"): lambda: mosaic_list(FLUX_ERR=pair("E", "count/s", 0.5, -0.3)),
    ("CELL-FINITE", "error"): lambda: mosaic_list(FLUX=pair("E", "count/s", 150.0, np.inf)),
    ("CELL-RANGE", "error"): lambda: mosaic_list(DEC_FIN=pair("E", "deg", 22.0, 92.0)),
    ("CELL-MISSING", "error"): lambda: mosaic_list(RA_FIN=pair("E", "deg", 83.63, np.nan)),
    ("COLUMN-MISSING", "error"): lambda: mosaic_list(DETSIG=None),
    ("COLUMN-TYPE", "error"): lambda: mosaic_list(FLUX=pair("8A", None, "150", "<2")),
    ("UNIT-WRONG", "error"): lambda: mosaic_list(FLUX=pair("E", "mCrab", 150.0, 2.0)),
    ("UNIT-ABSENT", "warning"): lambda: mosaic_list(FLUX=pair("E", None, 150.0, 2.0)),
    ("IDENTIFIER", "error"): lambda: mosaic_list("ISGR-SKY.-RES", {"SWID": "82"}),
    ("INSTRUMENT", "error"): lambda: mosaic_list(keywords={"INSTRUME": "JMX2", "DETNAM": None}),
    ("TIME-MISSION", "error"): lambda: mosaic_list(keywords={"MJDREF": 0.0}),
    ("TIME-SPAN", "error"): lambda: mosaic_list(keywords={"TSTART": 1171.0}),
    ("SKY-FRAME", "error"): lambda: mosaic_list(keywords={"RADECSYS": "GALACTIC"}),
}


@pytest.mark.parametrize("code", list(DEFECTS))
def test_one_defect_is_one_finding(tmp_path, code):
    assert codes(tmp_path, DEFECTS[code]()) == {code}


def test_fluxes_and_bands_must_go_together(tmp_path):
    short = np.ones((2, 2), "f4")
    assert codes(tmp_path, banded(FLUX=("2E", "count/s", short))) == {("DETECTION-BANDS", "error")}
    assert codes(tmp_path / "..", banded(FLUX_ERR=("2E", "count/s", short))) == {("DETECTION-BANDS", "error")}


def test_science_windows_do_not_mix_without_a_word(tmp_path):
    lists = (mosaic_list("ISGR-SKY.-RES", {"SWID": swid}) for swid in ("005100200010", "005100210010"))
    assert codes(tmp_path, *lists) == {("DETECTION-ORIGIN", "warning")}


def test_kinds_do_not_mix(tmp_path):
    assert codes(tmp_path, mosaic_list(), mosaic_list("ISGR-SKY.-RES")) == {("DETECTION-MIXED", "error")}


def test_a_file_without_a_list_is_refused(tmp_path):
    assert codes(tmp_path, series_hdu()) == {("HDU-MISSING", "error")}


def test_a_delivery_of_lists_is_valid(tmp_path):
    folder = deliver(tmp_path / "d", files=[{"pattern": "*_res.fits", "profile": "detections"}])
    (folder / "a.fits").unlink()
    write(folder / "isgri_sky_res.fits", mosaic_list("ISGR-SKY.-RES", {"SWID": "005100200010"}))
    write(folder / "jmx1_srcl_res.fits", jemx())
    seal(folder)
    report = validate_delivery(folder)
    assert [code.rule for code in report.codes if code.severity == "error"] == []


def test_other_tables_stay_what_they_were(tmp_path):
    other = fits.BinTableHDU.from_columns([fits.Column("FLUX", "E", array=[1.0])], name="ISGR-FLUX-TAB")
    (found,) = discover(write(tmp_path / "other.fits", other)).files
    assert found.profile is None
