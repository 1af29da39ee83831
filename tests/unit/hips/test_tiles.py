"""Tiles against cdshealpix, which knows where every nested pixel lies."""

import numpy as np
import pytest
from astropy import units as u
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from archive.errors import NotFoundError, UsageError
from hips import tiles


def make_map(order: int) -> np.ndarray:
    return np.arange(12 * 4**order, dtype=np.float32)


@pytest.mark.parametrize("order", range(14))
def test_grid_multiplies_to_the_order_of_the_map(order):
    grid = tiles.grid_of_order(order)
    assert grid.tile_width << grid.tile_order == 1 << order
    assert grid.tile_width <= 512


def test_deepest_tile_holds_exactly_the_slice_of_the_array():
    values = make_map(9)
    pixels = tiles.pixels_from_array(values)
    for ipix in (0, 5, 271, 767):
        tile = tiles.read_tile(pixels, 3, ipix)
        assert sorted(tile.ravel()) == list(values[ipix * 4096 : (ipix + 1) * 4096])


@pytest.mark.parametrize("ipix", [0, 77, 300, 511, 700])
def test_tile_corners_point_the_way_hips_wants(ipix):
    # HiPS 1.0 4.2.1: the top left pixel is the south corner of the cell, the bottom right one the north corner,
    # the bottom left one the east corner, the top right one the west corner.
    pixels = tiles.pixels_from_array(make_map(9))
    tile = tiles.read_tile(pixels, 3, ipix).astype(np.uint64)
    corners = np.array([tile[0, 0], tile[-1, -1], tile[-1, 0], tile[0, -1]])
    lon, lat = healpix_to_lonlat(corners, depth=9)
    centre_lon, _ = healpix_to_lonlat(np.array([ipix], dtype=np.uint64), depth=3)
    offset = (lon.deg - centre_lon.deg + 180) % 360 - 180
    south, north, east, west = range(4)
    assert lat[south] == lat.min()
    assert lat[north] == lat.max()
    assert offset[east] == offset.max()
    assert offset[west] == offset.min()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_coarse_tile_is_the_mean_of_the_pixels_that_lie_in_it(order):
    rng = np.random.default_rng(7)
    values = rng.normal(size=12 * 4**9).astype(np.float32)
    pixels = tiles.pixels_from_array(values)
    # independent: find the coarse pixel of every fine pixel by position
    lon, lat = healpix_to_lonlat(np.arange(values.size, dtype=np.uint64), depth=9)
    parent = lonlat_to_healpix(lon, lat, depth=order + 6).astype(np.int64)
    expected = np.bincount(parent, weights=values) / np.bincount(parent)
    for ipix in (0, 3, 12 * 4**order - 1):
        tile = tiles.read_tile(pixels, order, ipix)
        where = ipix * 4096 + tiles.tile_positions(64)
        np.testing.assert_allclose(tile, expected[where], rtol=0, atol=2e-6)


def test_mean_leaves_out_what_was_not_observed():
    values = np.full(12 * 4**7, np.nan, dtype=np.float32)
    values[0], values[1], values[64] = 4.0, 8.0, 1.0
    pixels = tiles.pixels_from_array(values)
    top = tiles.read_tile(pixels, 0, 0)
    assert np.isnan(top).sum() == top.size - 2
    assert top[0, 0] == 6.0
    assert np.nanmin(top) == 1.0


def test_tile_without_observed_pixel_does_not_exist():
    values = np.full(12 * 4**7, np.nan, dtype=np.float32)
    values[0] = 1
    pixels = tiles.pixels_from_array(values)
    assert tiles.read_tile(pixels, 1, 1) is None
    assert tiles.read_tile(pixels, 1, 0) is not None


@pytest.mark.parametrize(("order", "ipix"), [(4, 0), (-1, 0), (3, 768), (3, -1), (0, 12)])
def test_impossible_tile_is_refused(order, ipix):
    with pytest.raises(NotFoundError, match="There is no tile"):
        tiles.read_tile(tiles.pixels_from_array(make_map(9)), order, ipix)


def test_large_map_is_degraded_piece_by_piece(monkeypatch):
    rng = np.random.default_rng(1)
    pixels = tiles.pixels_from_array(rng.normal(size=12 * 4**8).astype(np.float32))
    whole = tiles.read_degraded(pixels, 0, pixels.size, times=3)
    monkeypatch.setattr(tiles, "_CHUNK", 1024)
    np.testing.assert_array_equal(tiles.read_degraded(pixels, 0, pixels.size, times=3), whole)


@pytest.mark.parametrize("values", [
    np.zeros(13, np.float32), np.zeros(24, np.float32), np.zeros((12, 1), np.float32), np.zeros(0, np.float32),
    np.zeros(12, np.float64),
], ids=["13", "24", "2-d", "empty", "float64"])  # fmt: skip
def test_array_that_is_no_map_is_refused(values):
    with pytest.raises(UsageError, match="sky map"):
        tiles.pixels_from_array(values)


def test_allsky_shows_tile_n_in_row_n_over_27():
    pixels = tiles.pixels_from_array(make_map(9))
    picture = tiles.read_allsky(pixels, 3)
    assert picture.shape == (29 * 64, 27 * 64)
    row, column = divmod(500, 27)
    part = picture[row * 64 : (row + 1) * 64, column * 64 : (column + 1) * 64]
    np.testing.assert_array_equal(part, tiles.read_tile(pixels, 3, 500))
    assert np.isnan(picture[28 * 64 :, (768 - 28 * 27) * 64 :]).all()


def test_allsky_of_wide_tiles_has_thumbnails():
    pixels = tiles.pixels_from_array(make_map(10))
    picture = tiles.read_allsky(pixels, 3)
    assert picture.shape == (29 * 64, 27 * 64)
    tile = tiles.read_tile(pixels, 3, 0)
    np.testing.assert_allclose(picture[:64, :64], tile.reshape(64, 2, 64, 2).mean(axis=(1, 3)), rtol=1e-6)


@pytest.mark.parametrize("order", [4, -1])
def test_allsky_of_other_orders_is_refused(order):
    with pytest.raises(NotFoundError, match="Allsky"):
        tiles.read_allsky(tiles.pixels_from_array(make_map(9)), order)


def test_significance_is_nan_where_the_variance_is_not_positive():
    flux = tiles.pixels_from_array(np.full(12, 6, np.float32))
    spread = np.full(12, 4, np.float32)
    spread[:3] = 0, -1, np.nan
    variance = tiles.pixels_from_array(spread)
    result = tiles.significance(flux, variance).read(0, 12)
    assert np.isnan(result[:3]).all()
    assert (result[3:] == 3).all()
    assert tiles.sensitivity(variance, n_sigma=5).read(3, 4) == 10


def test_significance_of_maps_of_two_orders_is_refused():
    small, large = (tiles.pixels_from_array(np.ones(12 * 4**k, np.float32)) for k in (0, 1))
    with pytest.raises(UsageError, match="order 0"):
        tiles.significance(small, large)


def test_position_of_a_source_is_where_healpix_says():
    # the Crab, ICRS
    values = np.zeros(12 * 4**9, np.float32)
    ipix = int(lonlat_to_healpix([83.6331] * u.deg, [22.0145] * u.deg, depth=9)[0])
    values[ipix] = 1
    tile = tiles.read_tile(tiles.pixels_from_array(values), 3, ipix >> 12)
    assert tiles.tile_positions(64)[tuple(np.argwhere(tile == 1)[0])] == ipix % 4096


def test_zero_exposure_is_no_exposure():
    values = np.zeros(12, np.float32)
    values[3:5] = 100, np.nan
    shown = tiles.exposure(tiles.pixels_from_array(values))
    assert np.flatnonzero(np.isfinite(shown.read(0, 12))).tolist() == [3]
