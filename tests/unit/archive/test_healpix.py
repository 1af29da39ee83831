import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from archive.healpix import cone_ranges, hpx29, ipix_nested, pixel_centres, pixels_nested, unit_vector


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


@pytest.mark.parametrize("radius", [0.001, 0.1, 1.0, 5.0, 15.0, 60.0])
def test_cone_ranges_hold_the_whole_circle_and_little_more(radius):
    random = np.random.default_rng(1)
    centres = [(0.0, 90.0), (77.0, -90.0), (12.0, 89.99), (45.0, -41.81), *random.uniform((0, -90), (360, 90), (40, 2))]
    for ra, dec in centres:
        ranges = cone_ranges(ra, dec, radius)
        low, high = np.array(ranges).T
        pole = np.stack(unit_vector(ra, dec))
        east = np.cross(pole, (1.0, 0.0, 0.0) if abs(pole[0]) < 0.9 else (0.0, 1.0, 0.0))
        east /= np.linalg.norm(east)
        north = np.cross(pole, east)
        angle = np.radians(radius) * np.append(np.full(100, 0.999999), np.sqrt(random.uniform(0, 1, 300)))
        turn = random.uniform(0, 2 * np.pi, 400)
        x, y, z = np.outer(pole, np.cos(angle)) + np.sin(angle) * (
            np.outer(east, np.cos(turn)) + np.outer(north, np.sin(turn))
        )
        found = hpx29(np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y))))
        place = np.searchsorted(low, found, side="right") - 1
        assert (place >= 0).all()
        assert (found < high[place]).all()
        share = float(np.sum(high - low)) / (12 * 4**29) / np.sin(np.radians(radius) / 2) ** 2
        assert share < 2.5
        assert len(ranges) < 100
