"""Formats for programs: read back with their own libraries, equal to the VOTable."""

import gzip
import io
import warnings

import lxml.html
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

QUERY = (
    "SELECT source_id, ra, dec, isdc_class, simulated, POINT(ra, dec) AS p, 'Å' AS letter FROM integral.sources "
    "ORDER BY source_id"
)


@pytest.fixture(autouse=True)
def sources():
    from archive.models import Source

    rows = random_sources(400)
    deliver("random", Source, rows)
    return rows


def fetch(client, form, query=QUERY, **parameters):
    response = client.post("/tap/sync", {"QUERY": query, "RESPONSEFORMAT": form, **parameters})
    content = response.getvalue()
    assert response.status_code == 200, content
    return response, content


def arrow_table(content):
    return pa.ipc.open_stream(content).read_all()


@pytest.mark.parametrize(
    ("form", "read", "media_type"),
    [
        ("parquet", lambda c: pq.read_table(io.BytesIO(c)), "application/vnd.apache.parquet"),
        ("application/x-parquet", lambda c: pq.read_table(io.BytesIO(c)), "application/vnd.apache.parquet"),
        ("arrow", arrow_table, "application/vnd.apache.arrow.stream"),
    ],
)
def test_columnar_formats_hold_what_the_votable_holds(client, sources, form, read, media_type):
    response, content = fetch(client, form)
    assert response["Content-Type"] == media_type
    table = read(content)
    assert table.column_names == ["source_id", "ra", "dec", "isdc_class", "simulated", "p", "letter"]
    assert table["ra"].to_pylist() == [row["ra"] for row in sources]
    assert table["isdc_class"].to_pylist() == [row["isdc_class"] for row in sources]
    assert table["p"].to_pylist()[3] == [sources[3]["ra"], sources[3]["dec"]]
    assert table["letter"].to_pylist()[0] == "Å"
    assert table.schema.field("ra").metadata[b"unit"] == b"deg"
    assert table.schema.field("simulated").type == pa.bool_()


def test_parquet_carries_the_votable_and_the_overflow(client):
    _, content = fetch(client, "parquet", MAXREC="7")
    metadata = pq.read_metadata(io.BytesIO(content))
    assert metadata.num_rows == 7
    document = metadata.metadata[b"IVOA.VOTable-Parquet.content"]
    assert b'value="OVERFLOW"' in document
    fields = parse_single_table(io.BytesIO(document)).fields
    assert [field.name for field in fields][:3] == ["source_id", "ra", "dec"]
    _, content = fetch(client, "parquet")
    assert b'value="OVERFLOW"' not in pq.read_metadata(io.BytesIO(content)).metadata[b"IVOA.VOTable-Parquet.content"]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_empty_results_keep_their_columns(client, form):
    for parameters in ({"query": QUERY.replace(" ORDER", " WHERE ra < -1 ORDER")}, {"MAXREC": "0"}):
        _, content = fetch(client, form, **parameters)
        table = pq.read_table(io.BytesIO(content)) if form == "parquet" else arrow_table(content)
        assert (table.num_rows, table.num_columns) == (0, 7)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_early_failures_are_still_errors(client, form):
    response = client.post("/tap/sync", {"QUERY": "SELECT 1/(ra-ra) FROM integral.sources", "RESPONSEFORMAT": form})
    assert response.status_code == 400
    assert b"division by zero" in response.content


def test_batches_join_up(client, monkeypatch):
    monkeypatch.setattr("vo.tap.arrow.ROW_GROUP_ROWS", 33)
    for form in ("parquet", "arrow"):
        _, content = fetch(client, form)
        table = pq.read_table(io.BytesIO(content)) if form == "parquet" else arrow_table(content)
        assert table.num_rows == 400


TRICKY = (
    "SELECT a.source_id, a.ra, b.dec AS missing, b.source_id AS absent, b.isdc_class, b.simulated, POINT(a.ra, a.dec) AS p, "
    "'<Å&\"#,' AS letter, CAST(3 AS SMALLINT) AS three, '#' || a.source_id AS sharp FROM integral.sources AS a "
    "LEFT OUTER JOIN integral.sources AS b ON a.source_id = b.source_id AND b.dec > 0 ORDER BY a.source_id"
)


@pytest.fixture
def truth(client):
    """The same result by way of JSON, NULL as None."""
    _, content = fetch(client, "json", TRICKY)
    document = orjson.loads(content)
    return {field["name"]: [row[n] for row in document["data"]] for n, field in enumerate(document["metadata"])}


def test_fits_holds_the_same_values(client, truth):
    response, content = fetch(client, "fits", TRICKY)
    assert response["Content-Type"] == "application/fits"
    assert len(content) % 2880 == 0
    with warnings.catch_warnings(), fits.open(io.BytesIO(content)) as hdus:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Column 'simulated' contains NULL")
        hdus.verify("exception")
        assert hdus[1].header["QSTATUS"] == "OK"
        assert hdus[1].header["TUNIT2"] == "deg"
        assert hdus[1].header["TUCD2"] == "pos.eq.ra;meta.main"
        assert "character references" in str(hdus[1].header["COMMENT"])
        table = Table.read(hdus[1])
    assert table["source_id"].tolist() == truth["source_id"]
    assert table["ra"].tolist() == truth["ra"]
    assert [None if np.ma.is_masked(v) or np.isnan(v) else v for v in table["missing"]] == truth["missing"]
    assert [None if value is np.ma.masked else int(value) for value in table["isdc_class"]] == truth["isdc_class"]
    assert [None if np.ma.is_masked(text) else text or None for text in table["absent"]] == truth["absent"]
    assert table["p"].tolist() == truth["p"]
    assert table["letter"][0] == '<&#197;&"#,'
    assert table["three"].dtype == np.dtype(">i2")


def test_long_texts_of_fits_stand_in_the_heap(client, truth, monkeypatch):
    monkeypatch.setattr("vo.tap.fits._WASTE", -(2**30))
    monkeypatch.setattr("vo.tap.fits.BATCH_ROWS", 33)
    _, content = fetch(client, "fits", TRICKY)
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        assert hdus[1].columns["source_id"].format.startswith("1QA")
        assert ["".join(text) for text in hdus[1].data["source_id"]] == truth["source_id"]
        assert ["".join(text) or None for text in hdus[1].data["absent"]] == truth["absent"]


def test_fits_says_that_rows_are_left_out(client):
    for rows in (0, 7):
        _, content = fetch(client, "fits", MAXREC=str(rows))
        with fits.open(io.BytesIO(content)) as hdus:
            assert (hdus[1].header["QSTATUS"], hdus[1].header["NAXIS2"]) == ("OVERFLOW", rows)
            assert hdus[1].columns.names[:2] == ["source_id", "ra"]


def test_fits_refuses_what_it_cannot_hold(client):
    many = ", ".join(f"ra AS r{n}" for n in range(1000))
    response = client.post("/tap/sync", {"QUERY": f"SELECT {many} FROM integral.sources", "RESPONSEFORMAT": "fits"})
    assert response.status_code == 400
    assert b"at most 999" in response.content


def test_ecsv_holds_the_same_values(client, truth):
    response, content = fetch(client, "ecsv", TRICKY, MAXREC="399")
    assert response["Content-Type"] == "text/ecsv"
    assert content.endswith(b"# QUERY_STATUS OVERFLOW\n")
    table = Table.read(io.BytesIO(content), format="ascii.ecsv")
    assert table.meta["query"] == TRICKY
    assert table["ra"].unit == "deg"
    assert len(table) == 399
    for name in ("source_id", "ra", "missing", "absent", "isdc_class", "simulated", "letter", "three", "sharp"):
        values = [None if value is np.ma.masked else value for value in table[name]]
        assert values == truth[name][:399], name
    assert table["p"].tolist() == truth["p"][:399]
    assert table["three"].dtype == np.int16


def test_html_holds_the_same_values(client, truth):
    response, content = fetch(client, "html", TRICKY)
    assert response["Content-Type"] == "text/html"
    page = lxml.html.fromstring(content.decode())
    rows = [[cell.text or "" for cell in row.xpath("td")] for row in page.xpath("//tbody/tr")]
    assert [row[0] for row in rows] == truth["source_id"]
    assert [float(row[1]) for row in rows] == truth["ra"]
    assert [row[3] or None for row in rows] == truth["absent"]
    assert {row[7] for row in rows} == {'<Å&"#,'}
    assert page.xpath("//p[@class='status']") == []
    assert page.xpath("//h1/text()") == ["Result of a query"]
    _, content = fetch(client, "html", TRICKY.replace("'<Å", "'<script>alert(1)</script>"), MAXREC="2")
    assert b"<script>" not in content
    assert b"OVERFLOW" in content


@pytest.mark.parametrize("form", ["votable/b", "application/x-votable+xml;serialization=BINARY", "votable_gzip"])
def test_other_votables_hold_the_same_values(client, truth, form):
    _, content = fetch(client, form, TRICKY)
    content = gzip.decompress(content) if form == "votable_gzip" else content
    table = parse_single_table(io.BytesIO(content)).to_table()
    for name in ("source_id", "ra", "isdc_class", "simulated", "letter", "three"):
        assert [None if value is np.ma.masked else value for value in table[name]] == truth[name], name


@pytest.mark.parametrize("form", ["ecsv", "fits", "html", "votable_gzip"])
def test_early_failures_of_other_formats_are_errors(client, form):
    response = client.post("/tap/sync", {"QUERY": "SELECT 1/(ra-ra) FROM integral.sources", "RESPONSEFORMAT": form})
    assert response.status_code == 400
    assert b"division by zero" in response.content


@pytest.mark.parametrize(("form", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_lines_are_what_copy_writes(client, form, delimiter):
    from django.db import connection

    cells = ["'a,b'", "'tab\there'", "'say \"no\"'", "'two\nlines'", "'return\r'", "''", "NULL", "'\\'", "'%_'", "'Å'"]
    query = " UNION ALL ".join(
        f"SELECT TOP 1 {place} AS i, {cell} AS t, 1.5e300 / 7 AS x, NULL AS n, POINT(1, 2) AS p FROM tap_schema.schemas"
        for place, cell in enumerate(cells)
    )
    _, content = fetch(client, form, query)
    values = " UNION ALL ".join(
        f"SELECT {place}, {cell}::text, 1.5e300 / 7::float8, NULL, '1 2'" for place, cell in enumerate(cells)
    )
    wanted = b""
    with connection.cursor().copy(
        f"COPY (SELECT i, t, x::float8, n, p FROM ({values}) AS v(i, t, x, n, p)) TO STDOUT "
        f"(FORMAT csv, DELIMITER '{delimiter}')"
    ) as copy:
        wanted = b"".join(map(bytes, copy))
    assert sorted(content.split(b"\n", 1)[1].splitlines()) == sorted(wanted.splitlines())
