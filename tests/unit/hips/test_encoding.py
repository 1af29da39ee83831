"""FITS bytes read back by astropy."""

import io

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from cdshealpix.nested import lonlat_to_healpix

from hips import encoding, tiles


@pytest.mark.parametrize("order", [7, 9])
def test_wcs_of_every_tile_gives_the_healpix_pixel_of_each_value(order):
    # wcslib's HPX projection and cdshealpix both know nothing of our tiles: they must agree about each pixel.
    values = np.arange(12 * 4**order, dtype=np.float32)
    pixels = tiles.pixels_from_array(values)
    grid = tiles.grid_of_order(order)
    numbers = range(12 * 4**grid.tile_order) if order == 7 else (0, 100, 271, 422, 500, 767)
    for ipix in numbers:
        tile = tiles.read_tile(pixels, grid.tile_order, ipix)
        body = encoding.encode_fits_tile(tile, order=grid.tile_order, ipix=ipix, unit="mCrab")
        assert len(body) % 2880 == 0
        with fits.open(io.BytesIO(body)) as file:
            file.verify("exception")
            header, data = file[0].header, file[0].data
        assert (header["BUNIT"], header["ORDER"], header["NPIX"]) == ("mCrab", grid.tile_order, ipix)
        row, column = np.mgrid[0 : grid.tile_width, 0 : grid.tile_width]
        ra, dec = WCS(header).all_pix2world(column.ravel(), row.ravel(), 0)
        found = lonlat_to_healpix((ra % 360) * u.deg, dec * u.deg, depth=order)
        np.testing.assert_array_equal(values[found.astype(np.int64)], data.ravel())


def test_fits_keeps_nan_and_every_bit_of_the_values():
    picture = np.array([[np.nan, -0.0], [1e-30, np.float32(np.pi)]], dtype=np.float32)
    body = encoding.encode_fits_tile(picture, order=0, ipix=0, unit="")
    with fits.open(io.BytesIO(body)) as file:
        data = file[0].data
    assert data[::-1].astype(np.float32).tobytes() == picture.tobytes()


def test_allsky_fits_has_the_first_row_on_top():
    picture = np.arange(6, dtype=np.float32).reshape(3, 2)
    with fits.open(io.BytesIO(encoding.encode_fits_picture(picture, unit="ct/s"))) as file:
        np.testing.assert_array_equal(file[0].data[::-1], picture)


def test_metadata_is_a_header_of_plain_text():
    body = encoding.encode_fits_header({"OBJECT": "It's µ " + "'" * 90, "E_MIN": 20.5, "HPXORDER": 9})
    with fits.open(io.BytesIO(body)) as file:
        file.verify("exception")
        header = file[0].header
    assert header["OBJECT"].startswith("It's ? ''")
    assert (header["E_MIN"], header["HPXORDER"]) == (20.5, 9)
