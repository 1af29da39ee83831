"""`integral_ul` over TAP gives the limits of the API, in every format, for uploads too."""

import csv
import io
import json
import math

import pytest
from astropy.io.votable import parse_single_table
from django.test import Client

from tests.integration.upper_limits.conftest import CRAB, publish
from tests.support.archive_rows import deliver, random_sources
from tests.support.tap_worker import closed_pools, own_files
from vo.tap import late_limits

__all__ = ["closed_pools", "own_files"]
pytestmark = pytest.mark.django_db(transaction=True)

QUERY = (
    "SELECT source_id, ra, dec, integral_ul('isgri', '20-40', ra, dec, 0.95) AS ul FROM integral.sources ORDER BY dec"
)


@pytest.fixture
def sources(transactional_db, roots):
    from archive.models import Source
    from upper_limits.services import build_current_store

    publish()
    build_current_store()
    rows = random_sources(60)
    deliver("random", Source, rows)
    return rows


def run(query, **parameters):
    asked = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query, **parameters}
    response = Client().post("/tap/sync", asked)
    return response.status_code, response.getvalue()


def limits_of_the_api(rows):
    body = {"ra": [float(row["ra"]) for row in rows], "dec": [float(row["dec"]) for row in rows]}
    response = Client().post(
        "/api/v1/upper-limits?band=20-40&confidence=0.95", json.dumps(body), content_type="application/json"
    )
    return [row["upper_limit_mcrab"] for row in json.loads(response.getvalue())["results"]]


def test_a_query_gets_the_limits_of_the_api_in_every_format(sources):
    status, content = run(QUERY)
    assert status == 200, content
    table = parse_single_table(io.BytesIO(content))
    field = next(field for field in table.fields if field.name == "ul")
    assert (str(field.unit), field.ucd) == ("mCrab", "phot.flux;stat.max")
    for words in ("0.95 one-sided", "isgri 20-40 keV", "simulated", "10*E**-2.1"):
        assert words in field.description
    rows = table.to_table()
    assert len(rows) == 61
    assert list(rows["dec"]) == sorted(rows["dec"])
    expected = limits_of_the_api(rows)
    outside = [limit is None for limit in expected]
    assert any(outside)
    for value, limit in zip(rows["ul"].filled(math.nan), expected, strict=True):
        assert math.isnan(value) if limit is None else value == pytest.approx(limit, rel=1e-6)
    _, text = run(QUERY, FORMAT="csv")
    lines = list(csv.DictReader(io.StringIO(text.decode())))
    assert [line["ul"] == "" for line in lines] == outside
    _, text = run(QUERY, FORMAT="json")
    assert [row[3] is None for row in json.loads(text)["data"]] == outside
    for form in ("fits", "parquet", "votable/td"):
        status, content = run(QUERY, FORMAT=form)
        assert status == 200, content
        assert len(content) > 1000


def test_maxrec_and_top_hold(sources):
    status, content = run(QUERY, MAXREC=5)
    assert (status, b"OVERFLOW" in content) == (200, True)
    assert len(parse_single_table(io.BytesIO(content)).to_table()) == 5
    _, text = run(QUERY.replace("SELECT", "SELECT TOP 3"), FORMAT="csv")
    assert len(text.splitlines()) == 4


def test_positions_of_an_upload_that_are_missing_or_no_positions_give_null(sources):
    upload = io.BytesIO(f"ra,dec\n{CRAB[0]},{CRAB[1]}\n,10\n400,10\n10,-95\n".encode())
    upload.name = "mine.csv"
    query = "SELECT ra, dec, integral_ul('ISGRI', '20-40', ra, dec, 0.95) AS ul FROM tap_upload.mine"
    status, text = run(query, FORMAT="csv", UPLOAD="mine,param:mine", mine=upload)
    assert status == 200, text
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert float(rows[0]["ul"]) > 900
    assert [row["ul"] for row in rows[1:]] == ["", "", ""]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("integral_ul('osse', '20-40', ra, dec, 0.9)", b"there is no instrument 'osse'; there are isgri (line 1, column 8)"),
        ("integral_ul('isgri', '1-2', ra, dec, 0.9)", b"there is no band '1-2'; there are 20-40, 40-100 keV (line 1"),
        ("2 * integral_ul('isgri', '20-40', ra, dec, 0.9)", b"only be a column of the outermost SELECT"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_told_with_its_place(sources, call, words):
    status, content = run(f"SELECT {call} FROM integral.sources")
    assert status == 400
    assert words in content.replace(b"&gt;", b">").replace(b"&#x27;", b"'").replace(b"&apos;", b"'")


def test_too_many_rows_are_refused_and_none_is_lost(sources, monkeypatch):
    monkeypatch.setattr(late_limits, "MOST_ROWS", 10)
    status, content = run(QUERY)
    assert status == 400
    assert b"at most 10 rows" in content
    assert run(QUERY.replace("SELECT", "SELECT TOP 10"))[0] == 200


def test_without_a_store_the_query_says_so(transactional_db, roots):
    status, content = run(QUERY)
    assert status == 503
    assert b"upper limits cannot be served" in content


def test_capabilities_name_the_function(sources):
    assert b"integral_ul(instrument TEXT, band TEXT" in Client().get("/tap/capabilities").getvalue()
