"""Set operations and the three forms of a MOC, against mocpy."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

from archive.errors import TooLargeError, UsageError
from hips import moc_files
from hips.footprints import cover_circles
from hips.moc import Coverage, at_order, difference, encode_moc, expand, intersection, normalize, union
from hips.moc_files import decode_moc, encode_ascii, encode_json

CASES = settings(max_examples=60, deadline=None)


@st.composite
def coverages(draw):
    order = draw(st.integers(0, 4))
    size = 12 << (2 * order)
    starts = draw(st.lists(st.integers(0, size - 1), max_size=12))
    ranges = [(low, min(size, low + draw(st.integers(1, max(1, size // 3))))) for low in starts]
    return normalize(order, np.array(ranges, np.int64).reshape(-1, 2))


def theirs(coverage):
    cells = expand(coverage.ranges).astype(np.uint64)
    return MOC.from_healpix_cells(cells, np.full(cells.size, coverage.order, np.uint8), max_depth=coverage.order)


@CASES
@given(coverages(), coverages())
def test_operations_agree_with_mocpy(first, second):
    one, two = theirs(first), theirs(second)
    assert theirs(union(first, second)) == one.union(two)
    assert theirs(intersection(first, second)) == one.intersection(two)
    assert theirs(difference(first, second)) == one.intersection(two.complement())  # mocpy 0.21: 0/0 minus 0/1 is empty
    for order in range(first.order):
        assert theirs(at_order(first, order)) == one.degrade_to_order(order)


@CASES
@given(coverages())
def test_every_form_is_read_by_mocpy_and_by_us(coverage):
    expected = theirs(coverage)
    text, document = encode_ascii(coverage), encode_json(coverage)
    assert MOC.from_json(json.loads(document)) == expected
    assert MOC.from_string(text) == expected
    for content in (text.encode(), document.encode(), encode_moc(coverage, simulated=True)):
        read = decode_moc(content)
        assert read.order == coverage.order
        assert read.ranges.tolist() == coverage.ranges.tolist()


@pytest.mark.parametrize("old", [False, True])
def test_files_of_mocpy_are_read(old, tmp_path):
    coverage = cover_circles(np.array([10.0, 200.0]), np.array([-80.0, 5.0]), 7.0)
    path = tmp_path / "moc.fits"
    theirs(coverage).save(path, v1_compatible=old)
    read = decode_moc(path.read_bytes())
    assert (read.order, read.ranges.tolist()) == (coverage.order, coverage.ranges.tolist())


def broken_fits(**cards):
    from astropy.io import fits

    whole = encode_moc(Coverage(3, np.array([[1, 5]])))
    table = fits.BinTableHDU.from_columns([fits.Column("RANGE", cards.pop("form", "1K"), array=cards.pop("data", [1]))])
    table.header.update({"COORDSYS": "C", "MOCDIM": "SPACE", "ORDERING": "RANGE", "MOCORD_S": 29} | cards)
    import io

    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    assert whole
    return file.getvalue()


@pytest.mark.parametrize(("content", "words"), [
    (b"", "like 3/1"), (b"5 6", "like 3/1"), (b"3/768", "0 to 767"), (b"3/7-5", "ascending"), (b"30/1", "0 to 29"),
    (b"3/x", "like 3/1"), (b"\xff\xfe", "neither FITS"), (b"{", "no JSON"), (b'{"a": [1]}', "the key 'a'"),
    (b'{"3": [1.5]}', "whole numbers"), (b'{"3": [-1]}', "ascending"), (b'{"3": {"1": 2}}', "the key '3'"),
    (b"{" * 5000, "no JSON"), (encode_moc(Coverage(3, np.array([[1, 5]])))[:3000], "FITS"),
    (broken_fits(), "even count"), (broken_fits(COORDSYS="G"), "COORDSYS 'G'"),
    (broken_fits(MOCORD_S=40), "0 to 29"), (broken_fits(MOCORD_S="a"), "MOCORD_S"),
    (broken_fits(data=[1, 5], MOCORD_S=3), "finer"), (broken_fits(data=[5, 1]), "ascending"),
    (broken_fits(data=[1.0, 2.0], form="1D"), "whole numbers"), (broken_fits(data=[2], ORDERING="NUNIQ"), "begin at 4"),
    (broken_fits(data=[1 << 40], ORDERING="NUNIQ", MOCORD_S=3), "pixels of order"),
])  # fmt: skip
def test_what_is_no_moc_is_refused_in_one_sentence(content, words):
    with pytest.raises(UsageError, match=words):
        decode_moc(content)


def test_size_is_bounded(monkeypatch):
    monkeypatch.setattr(moc_files, "MAX_BYTES", 10)
    with pytest.raises(TooLargeError, match="at most 10"):
        decode_moc(b"3/1 2 3 4 5 6")
    monkeypatch.undo()
    monkeypatch.setattr(moc_files, "MAX_CELLS", 2)
    for content in (b"3/1 3 5", b'{"3": [1, 3, 5]}', broken_fits(data=[1, 2, 3, 4, 5, 6])):
        with pytest.raises(TooLargeError, match=r"at most|the most"):
            decode_moc(content)


def test_circles_hold_the_pixels_whose_centre_is_near():
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from cdshealpix.nested import healpix_to_skycoord

    random = np.random.default_rng(5)
    ra, dec = random.uniform(0, 360, 30), np.degrees(np.arcsin(random.uniform(-1, 1, 30)))
    ra[0], dec[0] = 0.1, 89.9
    centres = healpix_to_skycoord(np.arange(12 << 12, dtype=np.uint64), depth=6)
    near = np.zeros(12 << 12, bool)
    for lon, lat in zip(ra, dec, strict=True):
        near |= centres.separation(SkyCoord(lon * u.deg, lat * u.deg)) <= 6.6 * u.deg
    assert expand(cover_circles(ra, dec, 6.6, order=6).ranges).tolist() == np.flatnonzero(near).tolist()
