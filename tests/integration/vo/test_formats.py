"""Formats for programs: read back with their own libraries, equal to the VOTable."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table

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
