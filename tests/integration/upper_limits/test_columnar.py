"""Arrow and Parquet hold the same table as JSON."""

import io
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.django_db

URL = "/api/v1/upper-limits"
POSITIONS = [[120.0, -30.0], [315.0, -41.0], [10.0, 91.0], {"name": "Crab"}, {"ra": 10, "dec": 20, "label": "Ünder ☃"}]


def read(content, form):
    if form == "arrow":
        return pa.ipc.open_stream(content).read_all()
    return pq.read_table(io.BytesIO(content))


def post(client, form, **options):
    return client.post(f"{URL}?format={form}", {"positions": POSITIONS, **options}, content_type="application/json")


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_the_table_is_the_same_as_in_json(client, limits, form):
    expected = json.loads(post(client, "json").getvalue())
    response = post(client, form)
    assert response["Content-Type"] == f"application/vnd.apache.{'arrow.stream' if form == 'arrow' else 'parquet'}"
    assert response["Content-Disposition"].startswith("attachment")
    table = read(response.getvalue(), form)
    assert table.num_rows == len(expected["results"]) == 10
    for got, row in zip(table.to_pylist(), expected["results"], strict=True):
        assert {
            name: None if isinstance(value, float) and math.isnan(value) else value for name, value in got.items()
        } == row
    head = json.loads(table.schema.metadata[b"archipelago"])
    assert head["confidence_one_sided"] == expected["confidence_one_sided"]
    assert head["formula"] == expected["formula"]
    assert table.schema.field("exposure_s").metadata[b"unit"] == b"s"


def test_the_format_can_be_asked_for_by_accept(client, limits):
    response = client.get(URL, {"name": "Crab"}, headers={"accept": "application/vnd.apache.arrow.stream"})
    assert read(response.getvalue(), "arrow").column("status").to_pylist() == ["detection"] * 2


def test_chunks_come_one_after_the_other(client, limits, monkeypatch):
    from upper_limits import services

    monkeypatch.setattr(services, "CHUNK", 2)
    expected = [row["flux"] for row in json.loads(post(client, "json").getvalue())["results"]]
    for form in ("arrow", "parquet"):
        table = read(post(client, form).getvalue(), form)
        assert [None if math.isnan(flux) else flux for flux in table.column("flux").to_pylist()] == expected
        assert table.column("index").to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
