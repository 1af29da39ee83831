"""TAP sync on the real database: documents, limits, formats, errors, and the sky against astropy."""

import csv
import io
import json

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

COUNT = 1200


@pytest.fixture
def sources():
    from archive.models import Source

    rows = random_sources(COUNT)
    deliver("random", Source, rows)
    return rows


def run(client, query, **parameters):
    response = client.post("/tap/sync", {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query, **parameters})
    return response, response.getvalue()


def table_of(client, query, **parameters):
    response, content = run(client, query, **parameters)
    assert response.status_code == 200, content
    return parse_single_table(io.BytesIO(content)).to_table()


def scalar(client, query):
    (row,) = table_of(client, query)
    return row[0]


def test_the_two_votable_serializations_and_csv_and_json_agree(client, sources):
    query = "SELECT TOP 300 source_id, name, ra, dec, isdc_class, simulated, POINT(ra, dec) AS p FROM integral.sources ORDER BY source_id"
    binary = table_of(client, query)
    plain = table_of(client, query, RESPONSEFORMAT="votable/td")
    assert binary.colnames == plain.colnames == ["source_id", "name", "ra", "dec", "isdc_class", "simulated", "p"]
    for name in binary.colnames:
        np.testing.assert_array_equal(np.ma.filled(binary[name]), np.ma.filled(plain[name]))
        np.testing.assert_array_equal(np.ma.getmaskarray(binary[name]), np.ma.getmaskarray(plain[name]))
    assert binary["ra"].unit == u.deg
    assert binary["isdc_class"].mask.sum() > 20
    assert binary["ra"].tolist() == [row["ra"] for row in sources[:300]]
    _, content = run(client, query, RESPONSEFORMAT="csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [float(row["ra"]) for row in rows] == binary["ra"].tolist()
    assert rows[0]["isdc_class"] == ""
    assert rows[0]["simulated"] == "false"
    _, content = run(client, query, RESPONSEFORMAT="json")
    document = json.loads(content)
    assert [column["name"] for column in document["metadata"]] == binary.colnames
    assert [row[2] for row in document["data"]] == binary["ra"].tolist()
    assert document["data"][0][6] == [sources[0]["ra"], sources[0]["dec"]]
    assert document["status"] == "OK"


@pytest.mark.parametrize("place", [(0.0, 0.0), (359.5, 0.3), (77.0, 90.0), (200.0, -89.5), (120.0, 33.0)], ids=str)
@pytest.mark.parametrize("radius", [0.2, 1.0, 15.0, 40.0, 130.0])
def test_cones_hold_the_same_sources_as_astropy(client, sources, place, radius):
    sky = SkyCoord([row["ra"] for row in sources], [row["dec"] for row in sources], unit="deg")
    separation = sky.separation(SkyCoord(*place, unit="deg")).deg
    expected = {row["source_id"] for row, s in zip(sources, separation, strict=True) if s <= radius}
    lon, lat = place
    for condition in (
        f"1=CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {lon}, {lat}, {radius}))",
        f"DISTANCE(POINT(ra, dec), POINT({lon}, {lat})) <= {radius}",
        f"CONTAINS(POINT(ra+0, dec), CIRCLE(POINT({lon}, {lat}), {radius}))=1",
        f"0<>INTERSECTS(CIRCLE({lon}, {lat}, {radius}), POINT(ra, dec))",
        f"NOT 0=CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))",
    ):
        _, content = run(client, f"SELECT source_id FROM integral.sources WHERE {condition}", RESPONSEFORMAT="csv")
        assert set(content.decode().split()[1:]) == expected, condition


def test_distances_agree_with_astropy(client, sources):
    table = table_of(
        client,
        "SELECT ra, dec, DISTANCE(POINT(ra, dec), POINT(10, -20)) AS d, DISTANCE(ra, dec, ra, dec) AS z FROM integral.sources",
    )
    expected = SkyCoord(table["ra"], table["dec"]).separation(SkyCoord(10, -20, unit="deg")).deg
    np.testing.assert_allclose(table["d"], expected, atol=1e-12, rtol=1e-12)
    assert np.all(table["z"] == 0)


def test_polygons_and_boxes_on_the_index_agree_with_the_formula_on_any_columns(client, sources):
    for shape in (
        "POLYGON(350, -5, 10, -5, 10, 5, 0, 1, 350, 5)",
        "POLYGON(0, 85, 120, 85, 240, 85)",
        "BOX(0, 0, 6, 4)",
    ):
        indexed = scalar(client, f"SELECT COUNT(*) FROM integral.sources WHERE CONTAINS(POINT(ra, dec), {shape}) = 1")
        formula = scalar(client, f"SELECT COUNT(*) FROM integral.sources WHERE CONTAINS(POINT(ra+0, dec), {shape}) = 1")
        assert indexed == formula > 0


def test_the_crossmatch_of_two_tables(client, sources):
    pairs = scalar(
        client,
        "SELECT COUNT(*) FROM integral.sources AS a JOIN integral.sources AS b "
        "ON CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.1)) = 1",
    )
    sky = SkyCoord([row["ra"] for row in sources], [row["dec"] for row in sources], unit="deg")
    one, _, _, _ = sky.search_around_sky(sky, 0.1 * u.deg)
    assert pairs == len(one) > COUNT


def test_maxrec_zero_gives_the_columns_and_overflow(client, sources):
    _, content = run(client, "SELECT ra FROM integral.sources", MAXREC="0")
    text = content.decode()
    assert "<FIELD" in text
    assert text.index("</TABLE>") < text.index('value="OVERFLOW"')
    assert len(parse_single_table(io.BytesIO(content)).to_table()) == 0


@pytest.mark.parametrize("form", ["votable", "votable/td", "json"])
def test_a_result_that_is_cut_off_says_so_after_the_rows(client, sources, form):
    _, cut = run(client, "SELECT ra FROM integral.sources", MAXREC="5", RESPONSEFORMAT=form)
    assert b"OVERFLOW" in cut[-200:]
    _, whole = run(client, "SELECT TOP 5 ra FROM integral.sources", MAXREC="5", RESPONSEFORMAT=form)
    assert b"OVERFLOW" not in whole
    _, exact = run(client, f"SELECT ra FROM integral.sources OFFSET {COUNT - 5}", MAXREC="5", RESPONSEFORMAT=form)
    assert b"OVERFLOW" not in exact


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"QUERY": "SELECT x FROM"}, "expected a table"),
        ({"QUERY": "SELECT nix FROM integral.sources"}, "Unknown column nix"),
        ({"QUERY": "SELECT * FROM pg_catalog.pg_user"}, "Unknown table pg_catalog.pg_user"),
        ({"QUERY": "SELECT pg_sleep(100) FROM integral.sources"}, "unknown function pg_sleep"),
        ({"QUERY": "SELECT 1/0 FROM integral.sources"}, "division by zero"),
        ({"QUERY": "SELECT LOG(0) FROM integral.sources"}, "logarithm"),
        ({"QUERY": "SELECT CAST(name AS INTEGER) FROM integral.sources"}, "invalid input syntax"),
        ({}, "QUERY is missing"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "LANG": "SQL"}, "LANG='SQL'"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "MAXREC": "-1"}, "MAXREC='-1'"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "MAXREC": "many"}, "MAXREC='many'"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "RESPONSEFORMAT": "xls"}, "'xls' is not offered"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "REQUEST": "drop"}, "REQUEST='drop'"),
        ({"QUERY": "SELECT 1 FROM integral.sources", "UPLOAD": "t,param:f"}, "has no such part"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_user_errors_are_400_in_a_votable(client, sources, parameters, words):
    response = client.get("/tap/sync", parameters)
    content = response.getvalue().decode()
    assert response.status_code == 400
    assert response["Content-Type"] == "application/x-votable+xml"
    assert '<INFO name="QUERY_STATUS" value="ERROR">' in content
    assert words in content.replace("&apos;", "'")


def test_a_failure_after_the_first_rows_ends_the_document_properly(client, sources):
    # 1200 sources make 1.44 million pairs; the division fails on the last of them.
    query = (
        "SELECT a.ra, 1/(12345 - a.isdc_class - b.isdc_class) AS r, b.name AS n FROM integral.sources a JOIN integral.sources b ON "
        "a.isdc_class >= 0 UNION ALL SELECT ra, 1/(isdc_class - 6) AS r, name AS n FROM integral.sources"
    )
    response, content = run(client, query, RESPONSEFORMAT="votable/td")
    assert response.status_code == 200
    assert content.count(b"<TR>") > 10_000
    assert b'<INFO name="QUERY_STATUS" value="ERROR">' in content[-400:]
    assert content.endswith(b"</VOTABLE>\n")


def test_markup_and_odd_characters_come_through(client, sources):
    odd = "<b>&amp; \"q\" it''s ]]> é ☃ \x01 \t."
    for form in ("votable", "votable/td"):
        table = table_of(client, f"SELECT TOP 1 '{odd}' AS t FROM integral.sources", RESPONSEFORMAT=form)
        expected = odd.replace("''", "'")
        assert str(table["t"][0]) == (expected.replace("\x01", "\ufffd") if form == "votable/td" else expected)


def test_the_role_cannot_read_the_archive_s_own_tables(sources):
    import psycopg

    from archive.errors import InternalError
    from vo.tap.executor import Run, read_only_transaction

    for statement in (
        "SELECT 1 FROM archive_source",
        "SELECT 1 FROM auth_user",
        "CREATE TABLE x (a int)",
        "DELETE FROM tap_schema.keys",
    ):
        with pytest.raises(InternalError) as caught, read_only_transaction(Run(5)) as connection:
            connection.execute(statement)
        assert isinstance(
            caught.value.__cause__, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction
        )


def test_a_query_past_its_time_is_stopped_with_a_reason(sources):
    from vo.tap.errors import QueryTimeoutError
    from vo.tap.executor import Run
    from vo.tap.formats import find_format
    from vo.tap.params import TapRequest
    from vo.tap.services import run_query

    query = "SELECT COUNT(*) FROM integral.sources a, integral.sources b, integral.sources c WHERE a.ra+b.ra+c.ra < 0"
    with pytest.raises(QueryTimeoutError, match=r"longer than 0\.3 s"):
        run_query(TapRequest(query, 10, find_format(None)), Run(0.3))


@pytest.mark.parametrize("form", ["votable", "csv", "json"])
def test_a_reader_that_leaves_ends_the_query_at_once(sources, form):
    import time

    from django.db import connection as django_connection

    from vo.tap.executor import current_pool
    from vo.tap.formats import find_format
    from vo.tap.params import TapRequest
    from vo.tap.services import run_query

    query = "SELECT a.name, b.name AS other FROM integral.sources a, integral.sources b, integral.sources c"
    result = run_query(TapRequest(query, 20_000_000, find_format(form)))
    assert next(result.content)
    started = time.perf_counter()
    result.content.close()
    assert time.perf_counter() - started < 1
    with django_connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'archipelago tap' AND state <> 'idle'"
        )
        assert cursor.fetchone() == (0,)
    assert current_pool().get_stats().get("requests_errors", 0) == 0


def test_pages_of_other_sites_may_read_the_service(client, sources):
    assert client.get("/tap/sync", {"QUERY": "SELECT 1 FROM"})["Access-Control-Allow-Origin"] == "*"
    preflight = client.options("/tap/sync")
    assert preflight.status_code == 204
    assert "POST" in preflight["Access-Control-Allow-Methods"]


def test_names_of_parameters_do_not_mind_their_case_and_unknown_ones_are_ignored(client, sources):
    response = client.get(
        "/tap/tap/sync?TAPCLIENT=x&format=votable_plain&query=SELECT+TOP+1+ra+FROM+integral.sources&lang=ADQL-2.0&runid=1"
    )
    assert response.status_code == 200
    assert b"<TABLEDATA>" in response.getvalue()
    mixed = client.post(
        "/tap/sync?format=votable_plain", {"QUERY": "SELECT TOP 1 ra FROM integral.sources", "RESPONSEFORMAT": "csv"}
    )
    assert mixed["Content-Type"] == "text/csv;header=present"
    assert mixed.getvalue().startswith(b"ra\n")


def test_examples_run(client, sources):
    from vo.tap.examples import EXAMPLES

    for example in EXAMPLES:
        response, content = run(client, example.query)
        assert response.status_code == 200, (example.slug, content)


def test_the_page_shows_rows_and_errors(client, sources):
    page = client.get(
        "/tap", {"QUERY": "SELECT TOP 3 source_id, ra FROM integral.sources ORDER BY source_id"}
    ).content.decode()
    assert "J000000" in page
    assert "3 rows" in page
    broken = client.get("/tap", {"QUERY": "SELECT <script> FROM x"})
    assert broken.status_code == 400
    assert b"<script> FROM" not in broken.content
    assert b'<p lang="en">syntax error at &lt;' in broken.content


def test_examples_and_errors_are_english_whoever_asks(client, sources):
    french = {"HTTP_ACCEPT_LANGUAGE": "fr"}
    assert '<html lang="fr">' in client.get("/tap", **french).content.decode()
    for address in ("/tap/examples", "/tap/sync?QUERY=SELECT+1+FROM", "/tap/capabilities"):
        assert client.get(address, **french).content == client.get(address).content, address


@pytest.mark.parametrize("form", ["csv", "tsv", "arrow"])
def test_formats_without_overflow_state_the_limit_in_a_header(client, sources, form):
    response, _ = run(client, "SELECT ra FROM integral.sources", MAXREC="5", RESPONSEFORMAT=form)
    assert response["X-Archipelago-Maxrec"] == "5"
    whole, _ = run(client, "SELECT TOP 5 ra FROM integral.sources")
    assert "X-Archipelago-Maxrec" not in whole
