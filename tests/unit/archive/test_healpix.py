import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from archive.healpix import hpx29, ipix_nested, pixel_centres, pixels_nested, unit_vector


@pytest.mark.parametrize("order", [0, 3, 8, 13, 29])
def test_scalar_index_agrees_with_cdshealpix(order):
    random = np.random.default_rng(20260101)
    ra = np.r_[random.uniform(0, 360, 4000), 0.1, 200.0, 359.9999999, 45.0]
    dec = np.r_[np.degrees(np.arcsin(random.uniform(-1, 1, 4000))), 89.99999999, -89.99999999, 1e-7, 41.9]
    expected = lonlat_to_healpix(Longitude(ra, units.deg), Latitude(dec, units.deg), order).astype(np.int64)
    assert pixels_nested(order, ra, dec).tolist() == expected.tolist()
    assert [ipix_nested(order, a, d) for a, d in zip(ra, dec, strict=True)] == expected.tolist()


@pytest.mark.parametrize("dec", [90.0, -90.0])
def test_the_poles_have_a_pixel_for_every_right_ascension(dec):
    faces = {ipix_nested(0, ra, dec) for ra in (0.0, 89.9, 180.0, 359.9)}
    assert faces <= (set(range(4)) if dec > 0 else set(range(8, 12)))


def test_index_at_order_29_is_the_parent_of_nothing_lost():
    assert (hpx29([83.633212], [22.01446]) >> 58).tolist() == [ipix_nested(0, 83.633212, 22.01446)]


def test_unit_vectors_have_length_one():
    x, y, z = unit_vector([0, 90, 210.5], [0, 89, -33])
    assert np.allclose(x**2 + y**2 + z**2, 1)


@pytest.mark.parametrize("order", [0, 1, 5, 13, 29])
def test_centres_agree_with_cdshealpix(order):
    count = 12 << (2 * order)
    pixels = np.arange(count) if count < 20000 else np.random.default_rng(order).integers(0, count, 20000)
    lon, lat = healpix_to_lonlat(pixels.astype(np.uint64), depth=order)
    ra, dec = pixel_centres(order, pixels)
    np.testing.assert_allclose((ra - lon.to_value("deg") + 180) % 360, 180, atol=1e-9)
    np.testing.assert_allclose(dec, lat.to_value("deg"), atol=1e-12)
    assert pixels_nested(order, ra, dec).tolist() == pixels.tolist()
