"""Circles, boxes and polygons against astropy, at random places and at the poles and RA 0."""

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord, UnitSphericalRepresentation

from archive.healpix import hpx29, unit_vector
from vo.adql.geometry import (
    ShapeError,
    box_vertices,
    circle_cover,
    convex_pieces,
    icrs_from_galactic,
    polygon_area,
    polygon_centroid,
    polygon_cover,
    separation,
)

PLACES = [
    (0.0, 0.0),
    (359.9, 0.1),
    (10.0, 90.0),
    (123.0, -90.0),
    (83.6, 22.0),
    (45.0, 89.95),
    (180.0, -60.0),
    (266.4, -29.0),
]


def sky_around(lon, lat, radius, count=4000, seed=1):
    """Random positions in a cap, and some anywhere."""
    rng = np.random.default_rng(seed)
    near = SkyCoord(lon, lat, unit="deg").directional_offset_by(
        rng.uniform(0, 360, count) * u.deg, radius * np.sqrt(rng.uniform(0, 1, count)) * u.deg
    )
    far = SkyCoord(rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200))), unit="deg")
    return np.concatenate([near.ra.deg, far.ra.deg]), np.concatenate([near.dec.deg, far.dec.deg])


def in_ranges(hpx, ranges):
    inside = np.zeros(hpx.shape, bool)
    for low, high in ranges:
        inside |= (hpx >= low) & (hpx < high)
    return inside


def in_pieces(vertices, ra, dec):
    points = np.array(unit_vector(ra, dec))
    return np.any([np.all(np.array(piece) @ points >= 0, axis=0) for piece in convex_pieces(vertices)], axis=0)


def winds_around(vertices, ra, dec):
    """Point in polygon by the turns of the bearing to the vertices, as seen from the point: no code in common."""
    points = SkyCoord(ra, dec, unit="deg")
    corners = SkyCoord(*np.array(vertices).T, unit="deg")
    bearings = np.array([points.position_angle(corner).rad for corner in corners])
    turns = np.diff(np.vstack([bearings, bearings[:1]]), axis=0)
    total = np.sum((turns + np.pi) % (2 * np.pi) - np.pi, axis=0)
    middle = SkyCoord(corners.cartesian.mean().represent_as(UnitSphericalRepresentation))
    return (np.abs(total) > np.pi) & (points.separation(middle).deg < 90)


@pytest.mark.parametrize("radius", [0.001, 0.3, 5.0, 40.0, 100.0])
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_circle_s_cover_holds_the_circle_and_its_full_cells_are_inside(place, radius):
    ra, dec = sky_around(*place, min(2 * radius, 180))
    inside = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(*place, unit="deg")).deg <= radius
    cover = circle_cover(*place, radius)
    hpx = hpx29(ra, dec)
    full, partial = in_ranges(hpx, cover.full), in_ranges(hpx, cover.partial)
    assert not np.any(inside & ~full & ~partial)
    assert not np.any(full & ~inside)
    assert len(cover.full) + len(cover.partial) < 70


@pytest.mark.parametrize("seed", range(20))
def test_random_polygons_agree_with_the_turns_of_the_bearings(seed):
    rng = np.random.default_rng(seed)
    place = PLACES[seed % len(PLACES)]
    size = rng.choice([0.05, 2.0, 20.0])
    count = rng.integers(3, 12)
    angles = np.sort(rng.uniform(0, 360, count))
    if np.max(np.diff(np.append(angles, angles[0] + 360))) > 170:
        angles = np.linspace(0, 300, count)
    reach = size * rng.uniform(0.3, 1, count)
    corners = SkyCoord(*place, unit="deg").directional_offset_by(angles * u.deg, reach * u.deg)
    vertices = tuple(zip(corners.ra.deg.tolist(), corners.dec.deg.tolist(), strict=True))
    ra, dec = sky_around(*place, 1.3 * size, seed=seed)
    inside = in_pieces(vertices, ra, dec)
    np.testing.assert_array_equal(inside, winds_around(vertices, ra, dec))
    np.testing.assert_array_equal(inside, in_pieces(vertices[::-1], ra, dec))
    cover = polygon_cover(vertices)
    hpx = hpx29(ra, dec)
    assert not np.any(inside & ~in_ranges(hpx, cover.full) & ~in_ranges(hpx, cover.partial))
    assert not np.any(in_ranges(hpx, cover.full) & ~inside)
    fraction = inside[:4000].mean() * 2 * math.pi * (1 - math.cos(math.radians(1.3 * size)))
    assert polygon_area(vertices) == pytest.approx(math.degrees(math.degrees(fraction)), rel=0.25)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_box_reaches_half_its_sides_along_its_arms(place):
    vertices = box_vertices(*place, 8.0, 3.0)
    centre = SkyCoord(*place, unit="deg")
    for bearing, half in ((0, 1.5), (90, 4.0), (180, 1.5), (270, 4.0)):
        for factor, expected in ((0.9999, True), (1.0001, False)):
            point = centre.directional_offset_by(bearing * u.deg, half * factor * u.deg)
            assert in_pieces(vertices, point.ra.deg, point.dec.deg) == expected


def test_cells_inside_a_polygon_of_many_edges_are_inside():
    corners = SkyCoord(40.0, 30.0, unit="deg").directional_offset_by(np.arange(0, 360, 6) * u.deg, 8 * u.deg)
    vertices = tuple(zip(corners.ra.deg.tolist(), corners.dec.deg.tolist(), strict=True))
    cover = polygon_cover(vertices)
    ra, dec = sky_around(40.0, 30.0, 10.0)
    hpx, inside = hpx29(ra, dec), in_pieces(vertices, ra, dec)
    full = in_ranges(hpx, cover.full)
    assert not np.any(full & ~inside)
    assert not np.any(inside & ~full & ~in_ranges(hpx, cover.partial))
    assert full.sum() > 0.4 * inside.sum()


def test_areas_known_by_heart():
    assert polygon_area(((0, 0), (90, 0), (0, 90))) == pytest.approx(41252.96 / 8, rel=1e-6)
    assert polygon_area(((10, 20), (10.001, 20), (10.001, 20.001), (10, 20.001))) == pytest.approx(
        1e-6 * math.cos(math.radians(20.0005)), rel=1e-4
    )


def test_the_centroid_of_a_symmetric_polygon_is_its_middle():
    lon, lat = polygon_centroid(box_vertices(100.0, -35.0, 12.0, 4.0))
    assert (lon, lat) == pytest.approx((100.0, -35.0), abs=1e-9)


@pytest.mark.parametrize(
    ("vertices", "reason"),
    [
        (((1, 1), (1, 1), (2, 2)), "three different"),
        (((0, 0), (10, 0), (20, 0)), "one line"),
        (((0, 0), (10, 10), (10, 0), (0, 10)), "cross"),
        (((0, 0), (120, 0), (240, 0)), "hemisphere|opposite"),
    ],
)
def test_shapes_that_are_none_are_refused(vertices, reason):
    with pytest.raises(ShapeError, match=reason):
        convex_pieces(vertices)


def test_galactic_positions_agree_with_astropy():
    rng = np.random.default_rng(3)
    for lon, lat in zip(rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50), strict=True):
        expected = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
        assert separation(icrs_from_galactic(lon, lat), (expected.ra.deg, expected.dec.deg)) < 1e-5
