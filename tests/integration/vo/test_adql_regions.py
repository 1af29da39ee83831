"""Regions through TAP: footprints in columns, coverages, and joins of published tables by position."""

import csv
import io

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord, search_around_sky
from mocpy import MOC

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

FOOTPRINTS = {
    "east": "POLYGON ICRS 355 -5 5 -5 5 5 355 5",
    "pole": "POLYGON ICRS 0 80 90 80 180 80 270 80",
    "round": "CIRCLE ICRS 180 -45 10",
    "none": "",
}


@pytest.fixture(autouse=True)
def rows():
    from archive.models import Product, ProductFile, Source

    sources = random_sources(300)
    deliver("random", Source, sources)
    products = [
        {"product_id": name, "title": name, "kind": "mosaic", "instrument": "isgri", "footprint": text}
        for name, text in FOOTPRINTS.items()
    ]
    deliver("products", Product, products)
    file = {"role": "science", "file_name": "x.fits", "media_type": "application/fits", "size_bytes": 1}
    deliver("files", ProductFile, [{**file, "product_id": n, "sha256": n.ljust(64, "0")} for n in FOOTPRINTS])
    return sources


def ask(client, query):
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"})
    content = response.getvalue().decode()
    assert response.status_code == 200, content
    return list(csv.reader(io.StringIO(content)))[1:]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("1 = CONTAINS(POINT(0, 0), s_region)", {"east"}),
        ("1 = CONTAINS(POINT(359.9, 4.9), s_region)", {"east"}),
        ("1 = CONTAINS(POINT(123, 89.99), s_region)", {"pole"}),
        ("1 = CONTAINS(POINT('GALACTIC', 0, 0), s_region)", set()),
        ("0 = CONTAINS(POINT(0, 0), s_region)", {"pole", "round"}),
        ("1 = INTERSECTS(CIRCLE(10, 0, 5.2), s_region)", {"east"}),
        ("1 = INTERSECTS(s_region, CIRCLE(10, 0, 4.8))", set()),
        ("1 = INTERSECTS(BOX(180, -35, 4, 2), s_region)", {"round"}),
        ("1 = INTERSECTS(s_region, POLYGON(180, -33, 184, -33, 182, -30))", set()),
        ("1 = CONTAINS(s_region, CIRCLE(0, 0, 8))", {"east"}),
        ("1 = CONTAINS(CIRCLE(180, -45, 9.9), s_region)", {"round"}),
        ("AREA(s_region) > 250", {"round"}),
        ("COORD2(CENTROID(s_region)) > 89", {"pole"}),
    ],
)
def test_footprints_are_searched(client, condition, names):
    found = {
        name.split("?")[1] for (name,) in ask(client, f"SELECT obs_publisher_did FROM ivoa.obscore WHERE {condition}")
    }
    assert found == names


@pytest.fixture
def circles():
    """400 footprints of all sizes that know their reach, and two without a footprint."""
    from archive.models import Product, ProductFile

    generator = np.random.default_rng(5)
    ra, dec = generator.uniform(0, 360, 400), np.degrees(np.arcsin(generator.uniform(-1, 1, 400)))
    radius = 10 ** generator.uniform(-2, 1.3, 400)
    rows = [
        {
            "product_id": f"c{i}", "title": "circle", "kind": "mosaic", "instrument": "isgri", "ra": a, "dec": d,
            "field_of_view_deg": 2 * r, "footprint": f"CIRCLE ICRS {a!r} {d!r} {r!r}" if i > 1 else "",
        }
        for i, (a, d, r) in enumerate(zip(ra.tolist(), dec.tolist(), radius.tolist(), strict=True))
    ]  # fmt: skip
    deliver("circles", Product, rows)
    file = {"role": "science", "file_name": "y.fits", "media_type": "application/fits", "size_bytes": 1}
    files = [{**file, "product_id": row["product_id"], "sha256": row["product_id"].ljust(64, "1")} for row in rows]
    deliver("their files", ProductFile, files)
    return SkyCoord(ra[2:], dec[2:], unit="deg"), radius[2:]


@pytest.mark.parametrize("reach", [0.0, 0.3, 12.0])
def test_far_footprints_are_told_apart_by_their_reach_alone(client, circles, reach):
    places, radius = circles
    for lon, lat in ((10.0, 0.0), (0.001, 89.5), (200.0, -89.9), (359.99, 30.0)):
        distance = places.separation(SkyCoord(lon, lat, unit="deg")).deg
        shape = f"POINT({lon}, {lat})" if reach == 0 else f"CIRCLE({lon}, {lat}, {reach})"
        for name, wanted in (("INTERSECTS", distance <= radius + reach), ("CONTAINS", distance <= radius - reach)):
            for answer, rows in ((1, wanted), (0, ~wanted)):
                query = f"SELECT product_id FROM integral.products WHERE {name}({shape}, footprint) = {answer}"
                found = {name for (name,) in ask(client, query + " AND title = 'circle'")}
                assert found == {f"c{i + 2}" for i in np.flatnonzero(rows)}


def test_sources_are_joined_to_footprints(client, rows):
    found = ask(
        client,
        "SELECT s.source_id FROM integral.sources AS s JOIN integral.products AS p "
        "ON 1 = CONTAINS(POINT(s.ra, s.dec), p.footprint) WHERE p.product_id = 'round'",
    )
    places = SkyCoord([r["ra"] for r in rows], [r["dec"] for r in rows], unit="deg")
    inside = places.separation(SkyCoord(180, -45, unit="deg")).deg <= 10
    assert {i for (i,) in found} == {r["source_id"] for r, good in zip(rows, inside, strict=True) if good}


def test_a_coverage_is_searched_through_the_index_and_without_it(client, rows):
    circles = [
        MOC.from_cone(lon=Longitude(lon, u.deg), lat=Latitude(lat, u.deg), radius=12 * u.deg, max_depth=7)
        for lon, lat in ((0, 0), (40, 89), (200, -30))
    ]
    moc = circles[0].union(circles[1]).union(circles[2])
    text = " ".join(moc.to_string().split())
    places = SkyCoord([r["ra"] for r in rows], [r["dec"] for r in rows], unit="deg")
    wanted = {r["source_id"] for r, good in zip(rows, moc.contains_skycoords(places), strict=True) if good}
    assert 10 < len(wanted) < 290
    for region in (f"MOC('{text}')", f"REGION('MOC {text}')"):
        for point in ("POINT(ra, dec)", "POINT(ra + 0, dec)"):
            found = ask(client, f"SELECT source_id FROM integral.sources WHERE 1 = CONTAINS({point}, {region})")
            assert {i for (i,) in found} == wanted
    ((area,),) = ask(client, f"SELECT TOP 1 AREA(MOC('{text}')) FROM integral.sources")
    assert float(area) == pytest.approx(moc.sky_fraction * 41252.96124941928)


@pytest.mark.parametrize("radius", [0.02, 0.3, 2.0])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.source_id, b.source_id FROM integral.sources AS a, integral.sources AS b WHERE DISTANCE(a.ra, a.dec, b.ra, b.dec) <= {}",
        (
            "SELECT a.source_id, b.source_id FROM integral.sources AS a JOIN integral.sources AS b "
            "ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, {}))"
        ),
        (
            "SELECT a.source_id, b.source_id FROM (SELECT * FROM integral.sources) AS a LEFT JOIN integral.sources AS b "
            "ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) <= {}"
        ),
        (
            "SELECT a.source_id, b.source_id FROM integral.sources AS a RIGHT JOIN integral.sources AS b "
            "ON {} >= DISTANCE(a.ra, a.dec, b.ra, b.dec)"
        ),
    ],
    ids=["comma", "join", "left", "right"],
)
def test_tables_are_joined_by_position(client, rows, query, radius):
    places = SkyCoord([r["ra"] for r in rows], [r["dec"] for r in rows], unit="deg")
    one, two, _, _ = search_around_sky(places, places, radius * u.deg)
    wanted = {(rows[i]["source_id"], rows[j]["source_id"]) for i, j in zip(one, two, strict=True)}
    found = ask(client, query.format(radius))
    assert len(found) == len(wanted)
    assert {tuple(pair) for pair in found} == wanted


def test_times_become_ijd_and_revolutions(client):
    from archive.models import Revolution

    starts = np.array([52000.0, 52003.0, 52006.0])
    revolutions = [
        {"revolution": n, "tstart_mjd_tt": float(t), "tstop_mjd_tt": float(t) + 3} for n, t in enumerate(starts, 10)
    ]
    deliver("revolutions", Revolution, revolutions)
    expressions = {
        "revolution_of(52004.5)": "11",
        "revolution_of(52003)": "11",
        "revolution_of(51999)": "",
        "revolution_of(52009.1)": "",
        "revolution_of('2001-04-07T12:00:00')": "12",
        "ijd(TIMESTAMP('2017-01-01T00:00:00'))": str(57754 + 69.184 / 86400 - 51544),
        "ijd('2016-12-31T00:00:00')": str(57753 + 68.184 / 86400 - 51544),
        "ivo_to_mjd('2017-01-01T00:00:00')": "57754",
    }
    (row,) = ask(client, f"SELECT TOP 1 {', '.join(expressions)} FROM integral.sources")
    for found, (expression, wanted) in zip(row, expressions.items(), strict=True):
        assert (found == wanted == "") or float(found) == pytest.approx(float(wanted), abs=1e-9), expression
