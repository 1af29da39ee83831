"""One planted defect for each rule that no other test of the readers trips."""

import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError
from archive.formats.container import open_fits
from ingestion import cells, discover
from ingestion.cells import Findings, csv_lines
from ingestion.discover import DiscoveredFile
from ingestion.profiles import PROFILES
from ingestion.sources import identify_sources
from ingestion.validator import validate_delivery
from tests.support.deliveries import deliver, seal
from tests.support.fits_files import arf_hdu, image_header, rmf_hdus, series_hdu, table, write
from tests.unit.ingestion.test_sources import entry


def read(profile, path):
    """Codes that reading a file as a profile gives, a refusal included."""
    try:
        content = next(one for one in PROFILES if one.name == profile).read(path)
    except FormatError as error:
        return {error.finding.rule}
    return {finding.rule for finding in content.findings}


def response(change):
    def make(path):
        matrix, bounds = rmf_hdus(variable=False)
        change(matrix, bounds)
        return write(path, matrix, bounds)

    return make


def put(name, value):
    def change(matrix, bounds):
        matrix.data[name][1] = value

    return change


def cut_bounds(matrix, bounds):
    bounds.data["E_MAX"][2] = 0.0


def without_bounds(path):
    return write(path, rmf_hdus()[0])


def map_hdu(**keywords):
    columns = {
        "FLUX": ("E", "mCrab", np.ones(12)),
        "VARIANCE": ("E", "mCrab**2", np.ones(12)),
        "EXPOSURE": ("E", "s", np.full(12, 1000.0)),
    }
    header = {
        "PIXTYPE": "HEALPIX",
        "ORDERING": "NESTED",
        "COORDSYS": "C",
        "INDXSCHM": "IMPLICIT",
        "NSIDE": 1,
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "E_MIN": 17.0,
        "E_MAX": 60.0,
        "MJDREF": 51544.0,
        "TIMESYS": "TT",
        "TIMEUNIT": "d",
        "TSTART": 3000.0,
        "TSTOP": 3001.0,
        "MAPEPOCH": "REV-0662",
        "PSFFWHM": 12.0,
        "CRABFLUX": 1.43e-11,
    }
    return table("SKY-MAPS", columns, **{**header, **keywords})


def map_with(column, value):
    def make(path):
        hdu = map_hdu()
        hdu.data[column][4] = value
        return write(path, hdu)

    return make


def image_without_band(path):
    header = image_header(IMATYPE="INTENSITY")
    del header["E_MIN"], header["E_MAX"]
    return write(path, fits.ImageHDU(np.ones((21, 21), "f4"), fits.Header(header), name="ISGR-MOSA-IMA"))


def no_rows(path):
    hdu = series_hdu(rows=0)
    del hdu.header["TSTART"], hdu.header["TSTOP"]
    return write(path, hdu)


READ = {
    "ARF-NONE": ("arf", lambda path: write(path, series_hdu())),
    "SPECTRUM-NONE": ("spectrum", lambda path: write(path, series_hdu())),
    "RESPONSE-NONE": ("rmf", without_bounds),
    "EBOUNDS": ("rmf", response(cut_bounds)),
    "RMF-NEGATIVE": ("rmf", response(put("MATRIX", -0.1))),
    "RMF-NORM": ("rmf", response(put("MATRIX", 3.0))),
    "RMF-VALUES": ("rmf", response(put("MATRIX", np.nan))),
    "SERIES-EMPTY": ("time_series", no_rows),
    "BAND-ABSENT": ("mosaic", image_without_band),
    "HDU-MISSING": ("sky_maps", lambda path: write(path, series_hdu())),
    "MAP-LAYOUT": ("sky_maps", lambda path: write(path, map_hdu(ORDERING="RING"))),
    "MAP-SIZE": ("sky_maps", lambda path: write(path, map_hdu(NSIDE=2))),
    "MAP-KEYWORDS": ("sky_maps", lambda path: write(path, map_hdu(E_MIN=0.0))),
    "MAP-EPOCH": ("sky_maps", lambda path: write(path, map_hdu(MAPEPOCH="YEAR-2004"))),
    "MAP-MASK": ("sky_maps", map_with("FLUX", np.nan)),
    "MAP-VARIANCE": ("sky_maps", map_with("VARIANCE", 0.0)),
}


@pytest.mark.parametrize("rule", list(READ))
def test_the_reader_sees_it(tmp_path, rule):
    profile, make = READ[rule]
    assert rule in read(profile, make(tmp_path / "a.fits"))


def test_a_good_map_and_response_trip_nothing(tmp_path):
    assert read("sky_maps", write(tmp_path / "map.fits", map_hdu())) == set()
    assert read("rmf", write(tmp_path / "rmf.fits", *rmf_hdus())) <= {"UNIT-ABSENT"}


def opened(content, path):
    path.write_bytes(content)
    try:
        with open_fits(path) as file:
            _ = [dict(hdu.header) for hdu in file.hdus]
            return {finding.rule for finding in file.findings}
    except FormatError as error:
        return {error.finding.rule}


def test_structure(tmp_path):
    path = write(tmp_path / "a.fits", series_hdu(), checksum=False)
    content = path.read_bytes()
    assert "FITS-PADDING" in opened(content[:-100], path)
    card = b"EXTNAME = 'TIMESERIES'"
    twice = content.replace(b"NAME    = 'Crab", b"EQUINOX = 'Crab")
    assert "FITS-DUPLICATE-KEYWORD" in opened(twice, path)
    assert card in content
    broken = content.replace(b"NAME    = 'Crab    '", b"NAME    = = 'Crab   ")
    assert "FITS-CARD" in opened(broken, path)


def test_what_astropy_says_is_passed_on(tmp_path, monkeypatch):
    import warnings

    from archive.formats import container

    path = write(tmp_path / "a.fits", series_hdu())
    real = fits.open

    def warn(*args, **options):
        warnings.warn("something is odd", container.AstropyWarning, stacklevel=1)
        return real(*args, **options)

    monkeypatch.setattr(container.fits, "open", warn)
    with open_fits(path) as file:
        assert ("FITS-NOTE", "something is odd") in {(one.rule, one.message) for one in file.findings}


def test_cells(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("a\n1.5\n2\n")
    findings = Findings()
    assert [line.integer_or_none("a", 0, 9) for line in csv_lines(path, ("a",), findings)] == [None, 2]
    assert [finding.rule for finding in findings.finish()] == ["CELL-INTEGER"]
    monkeypatch.setattr(cells, "MAX_ROWS", 1)
    with pytest.raises(FormatError, match="TABLE-ROWS"):
        list(csv_lines(path, ("a",), findings))


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(discover, "MAX_FILES", 1)
    for name in "ab":
        (tmp_path / name).write_text("x")
    found = discover.discover(tmp_path)
    assert [finding.rule for finding in found.findings] == ["TOO-MANY-FILES"]
    assert isinstance(found.files[0], DiscoveredFile)
    assert len(found.files) == 1


def test_names_of_sources():
    first = entry("A 1", 10.0, 20.0, source_id="J004000.0+200000", comments="X-ray one, X 1")
    second = entry("B 1", 50.0, 20.0, source_id="J032000.0+200000", comments="X 1")
    found = {finding.rule for finding in identify_sources([first, second, entry("X 1", 90.0, 0.0, "40")], {}).findings}
    assert {"SOURCE-AMBIGUOUS", "SOURCE-MATCH"} <= found


def test_products_without_source_or_spectrum(tmp_path):
    folder = deliver(tmp_path / "d")
    assert "SOURCE-UNKNOWN" in {code.rule for code in validate_delivery(folder).codes}
    write(folder / "arf.fits", arf_hdu())
    files = [{"pattern": "a.fits", "profile": "time_series"}, {"pattern": "arf.fits", "profile": "arf"}]
    (folder / "a.fits").unlink()
    deliver(folder, files=files)
    seal(folder)
    assert "FILE-ORPHAN" in {code.rule for code in validate_delivery(folder).codes if code.severity == "error"}


def test_nothing_to_deliver(tmp_path):
    assert "NOTHING" in {code.rule for code in validate_delivery(tmp_path).codes}


def test_a_known_source_under_another_name():
    known = entry("Crab", 83.633, 22.0145, source_id="J053432.0+220052", comments="PSR B0531+21, Tau X-1")
    found = identify_sources([known, entry("Tau X-1", 83.63, 22.01, "40")], {}).findings
    assert {"SOURCE-ALIAS"} <= {finding.rule for finding in found}


def test_a_region_that_is_none(tmp_path):
    path = tmp_path / "a.reg"
    path.write_text("icrs;circle(83.6,22.0,0.1) # text={Crab}\nicrs;polygon(1,2,3)\n")
    assert read("region", path) == {"REGION"}


@pytest.mark.shared
def test_the_extract_of_an_instrument_is_said(shared_data):
    assert "EXTRACT" in read("isdc_reference_catalogue", shared_data / "catalogues" / "jmx_cat_0043.fits.gz")
