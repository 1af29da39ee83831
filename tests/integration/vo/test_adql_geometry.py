"""The database's own geometry (schema sky) against astropy, cdshealpix and spherical_geometry, on random shapes."""

import json

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Distance, SkyCoord
from astropy.time import Time
from cdshealpix.nested import lonlat_to_healpix
from spherical_geometry.polygon import SphericalPolygon

from vo.adql.geometry import box_vertices
from vo.adql.position_joins import cover_order

pytestmark = pytest.mark.django_db

PLACES = [(0.0, 0.0), (359.9, 0.1), (10.0, 89.9), (123.0, -90.0), (83.6, 22.0), (180.0, -60.0), (266.4, -29.0)]


def ask(expression, rows):
    """Compute one SQL expression over rows of shapes, given as the fields a, b, c of JSON objects."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression} FROM (SELECT n, ARRAY(SELECT e::float8 FROM json_array_elements_text(r->0) "  # literals of this test
            "WITH ORDINALITY AS t(e, k) ORDER BY k) AS a, ARRAY(SELECT e::float8 FROM json_array_elements_text(r->1) "
            "WITH ORDINALITY AS t(e, k) ORDER BY k) AS b FROM json_array_elements(%s::json) WITH ORDINALITY AS j(r, n)) "
            "AS q ORDER BY n",
            [json.dumps(rows)],
        )
        return [value for (value,) in cursor.fetchall()]


def star(rng, place, size, *, convex=False):
    """Vertices around a place, seen from which they are in order; concave as a rule."""
    count = int(rng.integers(3, 9))
    angles = np.linspace(0, 360, count, endpoint=False) + rng.uniform(0, 200 / count, count)
    reach = size * (np.full(count, 1.0) if convex else rng.uniform(0.3, 1, count))
    corners = SkyCoord(*place, unit="deg").directional_offset_by(angles * u.deg, reach * u.deg)
    if rng.random() < 0.5:
        corners = corners[::-1]
    return np.stack([corners.ra.deg, corners.dec.deg], axis=1)


def moved(rng, place, reach):
    there = SkyCoord(*place, unit="deg").directional_offset_by(
        rng.uniform(0, 360) * u.deg, rng.uniform(0, reach) * u.deg
    )
    return float(there.ra.deg), float(there.dec.deg)


def independent(vertices, place):
    return SphericalPolygon.from_lonlat(vertices[:, 0], vertices[:, 1], center=place)


def outline(vertices, count=400):
    """Places along the edges, by slerp."""
    v = SkyCoord(*vertices.T, unit="deg").cartesian.xyz.value.T
    f = np.linspace(0, 1, count)[:, None]
    pieces = []
    for a, b in zip(v, np.roll(v, -1, axis=0), strict=True):
        angle = np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)
        pieces.append((np.sin((1 - f) * angle) * a + np.sin(f * angle) * b) / np.sin(angle))
    return np.concatenate(pieces)


def separation(vectors, place):
    c = SkyCoord(*place, unit="deg").cartesian.xyz.value
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(vectors - c, axis=1) / 2, 0, 1)))


def cases(seed, count=60):
    rng = np.random.default_rng(seed)
    for i in range(count):
        place = PLACES[i % len(PLACES)]
        yield rng, place, float(rng.choice([0.02, 1.5, 15.0]))


def test_points_and_polygons_agree_with_spherical_geometry():
    rows, expected = [], []
    for rng, place, size in cases(1, 120):
        vertices = star(rng, place, size)
        point = moved(rng, place, 1.3 * size)
        rows.append([list(point), vertices.ravel().tolist()])
        expected.append(independent(vertices, place).contains_lonlat(*point))
    assert ask("sky.contains(a, b)", rows) == expected
    assert ask("sky.intersects(a, b)", rows) == expected
    assert ask("sky.intersects(b, a)", rows) == expected
    antipodes = [[[(a + 180) % 360, -d], shape] for (a, d), shape in rows]
    assert not any(ask("sky.contains(a, b)", antipodes))


def test_circles_and_polygons_agree_with_places_along_the_outline():
    rows, meets, holds = [], [], []
    for rng, place, size in cases(2):
        vertices = star(rng, place, size)
        centre = moved(rng, place, 1.8 * size)
        radius = float(size * rng.uniform(0.05, 1))
        distances = separation(outline(vertices), centre)
        if abs(distances.min() - radius) < 1e-3 * size or abs(distances.max() - radius) < 1e-3 * size:
            continue
        inside = independent(vertices, place).contains_lonlat(*centre)
        rows.append([[*centre, radius], vertices.ravel().tolist()])
        meets.append(inside or distances.min() <= radius)
        holds.append((inside and distances.min() >= radius, distances.max() <= radius))
    assert ask("sky.intersects(a, b)", rows) == meets
    assert ask("sky.contains(a, b)", rows) == [circle_in_polygon for circle_in_polygon, _ in holds]
    assert ask("sky.contains(b, a)", rows) == [polygon_in_circle for _, polygon_in_circle in holds]
    assert 5 < sum(meets) < len(meets) - 5


def test_circles_larger_than_a_hemisphere_hold_what_their_complement_does_not_touch():
    rows, expected = [], []
    for rng, place, size in cases(3, 30):
        vertices = star(rng, place, size)
        centre = float(rng.uniform(0, 360)), float(rng.uniform(-90, 90))
        radius = float(rng.uniform(95, 175))
        rows.append([vertices.ravel().tolist(), [*centre, radius]])
        opposite = ((centre[0] + 180) % 360, -centre[1])
        away = independent(vertices, place).contains_lonlat(*opposite)
        expected.append(bool(not away and separation(outline(vertices), centre).max() <= radius))
    assert ask("sky.contains(a, b)", rows) == expected


def test_polygons_and_polygons_agree_with_spherical_geometry():
    rows, meets, holds = [], [], []
    for rng, place, size in cases(4, 28):
        one = star(rng, place, size)
        other_place = moved(rng, place, 2 * size)
        two = star(rng, other_place, size * rng.uniform(0.1, 1))
        a, b = independent(one, place), independent(two, other_place)
        along = SkyCoord(*outline(two, 60).T, representation_type="cartesian").spherical
        inside = [a.contains_lonlat(x, y) for x, y in zip(along.lon.deg, along.lat.deg, strict=True)]
        back = SkyCoord(*outline(one, 60).T, representation_type="cartesian").spherical
        inside_two = [b.contains_lonlat(x, y) for x, y in zip(back.lon.deg, back.lat.deg, strict=True)]
        rows.append([one.ravel().tolist(), two.ravel().tolist()])
        meets.append(any(inside) or any(inside_two))
        holds.append(all(inside) and not any(inside_two))
    assert ask("sky.intersects(a, b)", rows) == meets
    assert ask("sky.intersects(b, a)", rows) == meets
    assert ask("sky.contains(b, a)", rows) == holds
    assert 3 < sum(meets) < len(meets) - 3
    assert any(holds)


def test_circles_and_points_agree_with_astropy():
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, (2, 300)), np.degrees(np.arcsin(rng.uniform(-1, 1, (2, 300))))
    radii = rng.uniform(0, 90, (2, 300))
    distance = SkyCoord(ra[0], dec[0], unit="deg").separation(SkyCoord(ra[1], dec[1], unit="deg")).deg
    rows = [[[ra[0][i], dec[0][i], radii[0][i]], [ra[1][i], dec[1][i], radii[1][i]]] for i in range(300)]
    np.testing.assert_allclose(ask("sky.separation(a[1], a[2], b[1], b[2])", rows), distance, atol=1e-6)
    assert ask("sky.intersects(a, b)", rows) == (distance <= radii.sum(axis=0)).tolist()
    assert ask("sky.contains(a, b)", rows) == (distance + radii[0] <= radii[1]).tolist()


def test_areas_centres_and_boxes_agree_with_spherical_geometry():
    rows, areas = [], []
    for rng, place, size in cases(6):
        vertices = star(rng, place, size)
        rows.append([vertices.ravel().tolist(), [place[0], place[1], size, size / 3]])
        areas.append(np.degrees(np.degrees(independent(vertices, place).area())))
    # spherical_geometry loses digits in small polygons.
    np.testing.assert_allclose(ask("sky.area(a)", rows), areas, rtol=1e-4, atol=1e-9)
    boxes = ask("sky.box(b[1], b[2], b[3], b[4])", rows)
    for box, (_, numbers) in zip(boxes, rows, strict=True):
        wanted = SkyCoord(*np.array(box_vertices(*numbers)).T, unit="deg")
        assert SkyCoord(*np.array(box).reshape(4, 2).T, unit="deg").separation(wanted).deg.max() < 1e-9
    around = ask("sky.centroid(sky.box(b[1], b[2], b[3], b[4]))", rows)
    wanted = SkyCoord(*np.array([numbers[:2] for _, numbers in rows]).T, unit="deg")
    assert SkyCoord(*np.array(around).T, unit="deg").separation(wanted).deg.max() < 1e-6


def test_galactic_shapes_agree_with_astropy():
    rng = np.random.default_rng(7)
    rows = [
        [[float(a), float(d)], [0, 0]] for a, d in zip(rng.uniform(0, 360, 80), rng.uniform(-90, 90, 80), strict=True)
    ]
    places = np.array([row[0] for row in rows]).T
    to = SkyCoord(*np.array(ask("sky.rotate(a, FALSE)", rows)).T, unit="deg", frame="galactic")
    assert to.separation(SkyCoord(*places, unit="deg").galactic).arcsec.max() < 0.05
    back = SkyCoord(*np.array(ask("sky.rotate(a, TRUE)", rows)).T, unit="deg")
    assert back.separation(SkyCoord(*places, unit="deg", frame="galactic").icrs).arcsec.max() < 0.05


def test_cells_agree_with_cdshealpix():
    rng = np.random.default_rng(8)
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    rows = [[[float(a), float(d)], [0, 0]] for a, d in zip(ra, dec, strict=True)]
    for order in (0, 5, 18, 29):
        wanted = lonlat_to_healpix(ra * u.deg, dec * u.deg, order).astype(np.int64).tolist()
        assert ask(f"sky.cell({order}, a[1], a[2])", rows) == wanted
        assert ask(f"sky.cell({order}, (sky.cell_center({order}, sky.cell({order}, a[1], a[2])))[1], "
                   f"(sky.cell_center({order}, sky.cell({order}, a[1], a[2])))[2])", rows) == wanted  # fmt: skip


@pytest.mark.parametrize("radius", [2e-5, 1 / 720, 0.1, 2.0])
def test_the_cells_around_a_place_hold_the_circle(radius):
    rng = np.random.default_rng(9)
    order = cover_order(radius, slack=16.001)
    places = [moved(rng, PLACES[i % len(PLACES)], 40) if i % 3 else PLACES[i % len(PLACES)] for i in range(150)]
    found = ask(f"sky.cells_around({order}, a[1], a[2], {radius})", [[list(place), [0]] for place in places])
    for place, cells in zip(places, found, strict=True):
        ring = SkyCoord(*place, unit="deg").directional_offset_by(
            rng.uniform(0, 360, 300) * u.deg, radius * np.append(np.ones(200), np.sqrt(rng.uniform(0, 1, 100))) * u.deg
        )
        assert set(lonlat_to_healpix(ring.ra, ring.dec, order).tolist()) <= set(cells)
        assert len(cells) <= 8


def test_motions_agree_with_astropy():
    rows, expected = [], []
    rng = np.random.default_rng(10)
    for i in range(30):
        ra, dec = PLACES[i % len(PLACES)] if i % 2 else (float(rng.uniform(0, 360)), float(rng.uniform(-88, 88)))
        if abs(dec) > 89:
            dec = float(np.sign(dec) * 89)
        parallax, pmra, pmdec, rv = (
            float(v) for v in (rng.uniform(5, 500), *rng.normal(0, 2000, 2), rng.normal(0, 90))
        )
        rows.append([[ra, dec, parallax, pmra, pmdec, rv], [2000.0, 2085.5]])
        star_then = SkyCoord(
            ra * u.deg,
            dec * u.deg,
            distance=Distance(parallax=parallax * u.mas),
            pm_ra_cosdec=pmra * u.mas / u.yr,
            pm_dec=pmdec * u.mas / u.yr,
            radial_velocity=rv * u.km / u.s,
            obstime=Time(2000.0, format="jyear", scale="tdb"),
        )
        expected.append(star_then.apply_space_motion(new_obstime=Time(2085.5, format="jyear", scale="tdb")))
    found = ask("sky.epoch_prop(a[1], a[2], a[3], a[4], a[5], a[6], b[1], b[2])", rows)
    for (ra, dec, parallax, pmra, pmdec, rv), wanted in zip(found, expected, strict=True):
        # ERFA's pmsafe works in relativistic terms: differences of a few microarcseconds a year are the light's travel.
        assert SkyCoord(ra, dec, unit="deg").separation(SkyCoord(wanted.ra, wanted.dec)).mas < 100
        assert parallax == pytest.approx(wanted.distance.parallax.to_value("mas"), rel=1e-4)
        assert (pmra, pmdec) == pytest.approx(
            (wanted.pm_ra_cosdec.to_value("mas/yr"), wanted.pm_dec.to_value("mas/yr")), rel=1e-3, abs=2
        )
        assert rv == pytest.approx(wanted.radial_velocity.to_value("km/s"), abs=0.5)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("POLYGON ICRS 0 0 10 0 0 10", [0, 0, 10, 0, 0, 10]),
        ("  circle  1.5 -2e1 .25 ", [1.5, -20, 0.25]),
        ("Position ICRS 1 2", [1, 2]),
        ("CIRCLE ICRS 1 2", None),
        ("CIRCLE ICRS 1 2 300", None),
        ("CIRCLE GALACTIC 1 2 3", None),
        ("POLYGON 1 2 3 4 5", None),
        ("POLYGON 1 2 3 4 5 x", None),
        ("", None),
        (None, None),
    ],
)
def test_footprints_are_read_or_null(text, shape):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sky.shape(%s), sky.contains(ARRAY[0, 0]::float8[], sky.shape(%s)) IS NULL", [text, text])
        assert cursor.fetchone() == (shape, shape is None)
