"""HEALPix files of every flavour, made by astropy with positions known to cdshealpix and astropy."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from cdshealpix import to_ring
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from archive.errors import UsageError
from hips.healpix_files import read_healpix_file

ORDER = 4
SIZE = 12 * 4**ORDER
TRUTH = np.random.default_rng(11).normal(size=SIZE).astype(np.float32)


def write(path, columns=None, **header):
    cards = {"PIXTYPE": "HEALPIX", "ORDERING": "NESTED", "NSIDE": 16, "COORDSYS": "C", "INDXSCHM": "IMPLICIT", **header}
    columns = columns or {"FLUX": TRUTH}
    table = fits.BinTableHDU.from_columns([
        fits.Column(name, "K" if name == "PIXEL" else f"{values.size // len(values)}E", array=values, unit="mCrab")
        for name, values in columns.items()
    ])  # fmt: skip
    for key, value in cards.items():
        if value is not None:
            table.header[key] = value
    table.writeto(path)
    return path


def test_nested_icrs_map_is_taken_as_it_is(tmp_path):
    found = read_healpix_file(write(tmp_path / "a.fits"))
    np.testing.assert_array_equal(found.values, TRUTH)
    assert (found.order, found.unit, found.rotated) == (ORDER, "mCrab", False)


def test_rows_of_many_values_are_one_map(tmp_path):
    found = read_healpix_file(write(tmp_path / "a.fits", {"FLUX": TRUTH.reshape(-1, 1024)}))
    np.testing.assert_array_equal(found.values, TRUTH)


def test_ring_map_is_reordered(tmp_path):
    ring = np.empty_like(TRUTH)
    ring[to_ring(np.arange(SIZE, dtype=np.uint64), depth=ORDER).astype(int)] = TRUTH
    found = read_healpix_file(write(tmp_path / "a.fits", {"FLUX": ring}, ORDERING="RING"))
    np.testing.assert_array_equal(found.values, TRUTH)


def test_galactic_map_is_turned_without_mixing_values(tmp_path):
    found = read_healpix_file(write(tmp_path / "a.fits", COORDSYS="G"))
    lon, lat = healpix_to_lonlat(np.arange(SIZE, dtype=np.uint64), depth=ORDER)
    galactic = SkyCoord(lon, lat, frame="icrs").galactic
    expected = TRUTH[lonlat_to_healpix(galactic.l, galactic.b, depth=ORDER).astype(int)]
    assert found.rotated
    # astropy's frame differs by milliarcseconds: no centre lies that close to a border here
    np.testing.assert_array_equal(found.values, expected)


def test_every_mark_of_no_data_becomes_nan(tmp_path):
    values = TRUTH.copy()
    values[:4] = -1.6375e30, np.nan, -999.0, -1.63750e30
    found = read_healpix_file(write(tmp_path / "a.fits", {"FLUX": values}, BAD_DATA=-999.0))
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [0, 1, 2, 3]


def test_partial_sky_leaves_the_rest_unobserved(tmp_path):
    pixels = np.array([700, 5, 3071])
    columns = {"PIXEL": pixels, "FLUX": TRUTH[pixels]}
    found = read_healpix_file(write(tmp_path / "a.fits", columns, INDXSCHM="EXPLICIT"))
    assert np.flatnonzero(np.isfinite(found.values)).tolist() == [5, 700, 3071]
    np.testing.assert_array_equal(found.values[pixels], TRUTH[pixels])


def test_column_is_chosen_by_name(tmp_path):
    path = write(tmp_path / "a.fits", {"FLUX": TRUTH, "VARIANCE": TRUTH**2})
    np.testing.assert_array_equal(read_healpix_file(path, column="VARIANCE").values, TRUTH**2)
    for column in (None, "RATE"):
        with pytest.raises(UsageError, match="FLUX, VARIANCE"):
            read_healpix_file(path, column=column)


@pytest.mark.parametrize(("columns", "header", "words"), [
    (None, {"NSIDE": 17}, "power of two"), (None, {"NSIDE": None}, "power of two"), (None, {"NSIDE": 32}, "12288"),
    (None, {"ORDERING": "NUNIQ"}, "RING or NESTED"), (None, {"ORDERING": None}, "RING or NESTED"),
    (None, {"COORDSYS": "E"}, "Galactic"), (None, {"COORDSYS": None}, "Galactic"),
    (None, {"PIXTYPE": "HPX"}, "no HEALPix table"), (None, {"INDXSCHM": "EXPLICIT"}, "no column PIXEL"),
    ({"FLUX": np.full(SIZE, np.nan, np.float32)}, {}, "no observed pixel"),
    ({"FLUX": np.full(SIZE, np.inf, np.float32)}, {}, "infinite"),
    ({"PIXEL": np.array([1, 1]), "FLUX": TRUTH[:2]}, {"INDXSCHM": "EXPLICIT"}, "each pixel once"),
    ({"PIXEL": np.array([1, SIZE]), "FLUX": TRUTH[:2]}, {"INDXSCHM": "EXPLICIT"}, "each pixel once"),
])  # fmt: skip
def test_map_that_contradicts_itself_is_refused(tmp_path, columns, header, words):
    with pytest.raises(UsageError, match=words):
        read_healpix_file(write(tmp_path / "a.fits", columns, **header))


def test_damaged_file_is_refused(tmp_path):
    path = write(tmp_path / "a.fits")
    body = path.read_bytes()
    for content in (b"", b"no FITS at all" * 300, body[: len(body) - 5760]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"damaged|no HEALPix"):
            read_healpix_file(path)
