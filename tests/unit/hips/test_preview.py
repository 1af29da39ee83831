"""The picture of the whole sky, against astropy's Galactic frame."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from archive.healpix import ipix_nested
from hips import preview, tiles


@pytest.mark.parametrize(("lon", "lat", "row", "column"), [
    (0.0, 0.0, 160, 320), (90.0, 0.0, 160, 160), (270.0, 0.0, 160, 480), (0.0, 89.0, 0, 320), (0.0, -89.0, 319, 320),
], ids=["centre", "left", "right", "north", "south"])  # fmt: skip
def test_galactic_directions_are_where_mollweide_puts_them(lon, lat, row, column):
    centre = SkyCoord(lon * u.deg, lat * u.deg, frame="galactic").icrs
    values = np.zeros(12 * 4**5, np.float32)
    values[ipix_nested(5, centre.ra.deg, centre.dec.deg)] = 1
    picture = preview.read_preview(tiles.pixels_from_array(values))
    assert picture.shape == (320, 640)
    rows, columns = np.nonzero(picture == 1)
    assert abs(rows.mean() - row) < 6
    assert abs(columns.mean() - column) < (6 if abs(lat) < 80 else 40)


def test_outside_of_the_ellipse_is_empty():
    picture = preview.read_preview(tiles.pixels_from_array(np.ones(12 * 4**9, np.float32)))
    assert np.isnan(picture[0, 0])
    assert np.isfinite(picture).mean() == pytest.approx(np.pi / 4, abs=0.003)
