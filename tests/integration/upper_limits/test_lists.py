"""Lists of positions in every format in and out; what cannot be used is told row by row, what is too large at once."""

import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from django.core.files.uploadedfile import SimpleUploadedFile

from archive.healpix import pixel_centres, pixels_nested
from upper_limits import services

pytestmark = pytest.mark.django_db

URL = "/api/v1/upper-limits"
RA, DEC = [120.0, 315.0, 10.0, 83.633], [-30.0, -41.0, 91.0, 22.0145]
LABELS = ["empty sky", "unseen", "off the sky", "Crab"]
STATUS = ["limit", "outside coverage", "bad position", "detection"]


def as_votable(serialization):
    stream = io.BytesIO()
    table = Table({"ra": RA, "dec": DEC, "label": LABELS})
    table.write(stream, format="votable", tabledata_format=serialization)
    return stream.getvalue()


def as_fits():
    stream = io.BytesIO()
    Table({"RA": RA, "DEC": DEC, "label": LABELS}).write(stream, format="fits")
    return stream.getvalue()


def as_arrow(kind):
    table, sink = pa.table({"ra": RA, "dec": DEC, "label": pa.array(LABELS).dictionary_encode()}), io.BytesIO()
    with (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def as_parquet():
    sink = io.BytesIO()
    pq.write_table(pa.table({"ra": RA, "dec": DEC, "label": LABELS}), sink)
    return sink.getvalue()


def as_csv():
    rows = "\n".join(f"{ra},{dec},{label}" for ra, dec, label in zip(RA, DEC, LABELS, strict=True))
    return f"ra,dec,label\n{rows}\n".encode()


BODIES = {
    "csv": ("text/csv", as_csv),
    "votable text": ("application/x-votable+xml", lambda: as_votable("tabledata")),
    "votable binary": ("text/xml", lambda: as_votable("binary")),
    "votable binary2": ("application/xml", lambda: as_votable("binary2")),
    "fits": ("application/fits", as_fits),
    "arrow stream": ("application/vnd.apache.arrow.stream", lambda: as_arrow("stream")),
    "arrow file": ("application/vnd.apache.arrow.file", lambda: as_arrow("file")),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
    "json": ("application/json", lambda: json.dumps({"ra": RA, "dec": DEC, "label": LABELS}).encode()),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_list_in_any_format_is_answered_in_its_order_row_by_row(client, limits, name):
    content_type, make = BODIES[name]
    response = client.post(f"{URL}?band=20-40", make(), content_type=content_type)
    rows = json.loads(response.getvalue())["results"]
    assert [row["status"] for row in rows] == STATUS
    assert [row["name"] for row in rows] == LABELS
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert rows[2]["message"] == "dec is 91.0; expected -90 to 90 degrees"


@pytest.mark.parametrize("name", BODIES)
def test_the_same_list_as_a_file_of_a_form(client, limits, name):
    file = SimpleUploadedFile("positions", BODIES[name][1]())
    response = client.post(URL, {"file": file, "band": "20-40", "confidence": "0.95"})
    answer = json.loads(response.getvalue())
    assert [row["status"] for row in answer["results"]] == STATUS
    assert answer["confidence"] == 0.95


def ask_as(client, form, **options):
    body = json.dumps({"ra": RA, "dec": DEC, "label": LABELS, **options})
    return client.post(f"{URL}?format={form}", body, content_type="application/json")


def read(form, content):
    if form == "fits":
        with fits.open(io.BytesIO(content)) as hdus:
            hdus.verify("exception")
            table = Table(hdus[1].data)
        return {name: [decode(value) for value in table[name].tolist()] for name in table.colnames}
    if form.startswith("votable"):
        array = parse_single_table(io.BytesIO(content)).array
        return {name: np.ma.getdata(array[name]).tolist() for name in array.dtype.names}
    if form == "json_columns":
        blocks = json.loads(content)["blocks"]
        return {name: [value for block in blocks for value in block[name]] for name in blocks[0]}
    return pa.ipc.open_stream(content).read_all().to_pydict()


def decode(value):
    return value.decode() if isinstance(value, bytes) else value


def plain(value):
    return None if isinstance(value, float) and math.isnan(value) else value


@pytest.mark.parametrize("form", ["fits", "votable", "votable_td", "json_columns", "arrow"])
def test_every_format_holds_the_same_table(client, limits, form):
    expected = json.loads(ask_as(client, "json").getvalue())["results"]
    columns = read(form, ask_as(client, form).getvalue())
    for name in expected[0]:
        assert [plain(value) for value in columns[name]] == [row[name] for row in expected], name


def test_only_the_columns_asked_for_come(client, limits):
    rows = json.loads(ask_as(client, "json", columns="upper_limit,status").getvalue())["results"]
    assert list(rows[0]) == ["upper_limit", "status"]
    table = read("arrow", ask_as(client, "arrow", columns="status upper_limit").getvalue())
    assert list(table) == ["status", "upper_limit"]
    refused = ask_as(client, "json", columns="nothing")
    assert refused.status_code == 400
    assert "there is no column 'nothing'" in refused.content.decode()


def test_healpix_indices_are_positions(client, limits):
    order = 16
    index = pixels_nested(order, np.array(RA[:2]), np.array(DEC[:2]))
    ra, dec = pixel_centres(order, index)
    expected = json.loads(
        client.post(URL, {"ra": ra.tolist(), "dec": dec.tolist()}, content_type="application/json").getvalue()
    )["results"]
    words = ",".join(map(str, index))
    got = json.loads(client.get(URL, {"healpix": words, "healpix_order": order}).getvalue())["results"]
    assert got == expected
    sink = io.BytesIO()
    pq.write_table(pa.table({"healpix": index}), sink)
    got = client.post(f"{URL}?healpix_order=16", sink.getvalue(), content_type="application/vnd.apache.parquet")
    assert json.loads(got.getvalue())["results"] == expected
    beyond = json.loads(client.get(URL, {"healpix": f"{words},-1", "healpix_order": 16}).getvalue())["results"]
    assert beyond[-1]["status"] == "bad position"
    assert "order 16 has the indices 0 to" in beyond[-1]["message"]


def compressed_arrow():
    table, sink = pa.table({"ra": [0.0] * 1000, "dec": [0.0] * 1000}), io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        ("application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff" + b"x" * 40, "not an Arrow stream"),
        ("application/vnd.apache.arrow.stream", as_arrow("stream")[:-200], "not an Arrow stream"),
        ("application/vnd.apache.arrow.stream", compressed_arrow(), "is compressed"),
        ("application/vnd.apache.parquet", as_parquet()[:-9], "cannot be read"),
        ("application/fits", as_fits()[:3000], "cannot be read"),
        ("text/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><VOTABLE/>", "cannot be read"),
        ("text/xml", b"<VOTABLE>", "cannot be read"),
        ("text/csv", b"alpha,delta\n1,2\n", "must name the columns ra and dec"),
        ("text/csv", b"healpix\n5\n", "healpix needs healpix_order"),
        ("application/pdf", b"%PDF", "expected one of"),
    ],
)
def test_what_is_no_list_of_positions_is_refused_in_a_sentence(client, limits, content_type, body, words):
    response = client.post(URL, body, content_type=content_type)
    assert response.status_code == 400
    assert words in response.content.decode()


def test_too_many_positions_are_refused_at_once(client, limits, monkeypatch):
    monkeypatch.setattr("upper_limits.params.MAX_POSITIONS", 3)
    monkeypatch.setattr("upper_limits.bodies.MAX_POSITIONS", 3)
    for content_type, make in BODIES.values():
        response = client.post(URL, make(), content_type=content_type)
        assert response.status_code == 413, content_type
        assert "at most 3" in response.content.decode()


def test_bad_rows_among_many_get_their_status_and_the_rest_its_limit(client, limits):
    """More positions than are computed at once, every seventh of them bad in one of five ways."""
    count = 3 * services.CHUNK // 2 + 1
    rng = np.random.default_rng(4)
    ra, dec = rng.uniform(0.0, 360.0, count), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
    wrong = [(np.nan, 0.0), (10.0, np.nan), (10.0, 90.5), (-1.0, 0.0), (np.inf, 0.0)]
    bad = np.arange(0, count, 7)
    for kind, (bad_ra, bad_dec) in enumerate(wrong):
        ra[bad[kind::5]], dec[bad[kind::5]] = bad_ra, bad_dec
    sink = io.BytesIO()
    table = pa.table({"ra": ra, "dec": dec})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    path = "/api/v1/upper-limits?format=arrow&band=20-40&columns=index,status,message,upper_limit"
    response = client.post(path, sink.getvalue(), content_type="application/vnd.apache.arrow.stream")
    assert response.status_code == 200
    with pa.ipc.open_stream(response.getvalue()) as reader:
        found = reader.read_all()
    assert found["index"].to_numpy().tolist() == list(range(count))
    status, limit = np.array(found["status"].to_pylist()), found["upper_limit"].to_numpy()
    expected = np.zeros(count, dtype=bool)
    expected[bad] = True
    assert ((status == "bad position") == expected).all()
    assert np.isnan(limit[expected]).all()
    seen = np.isin(status, ("limit", "detection"))
    assert (limit[seen] > 0.0).all()
    assert (seen | expected | (status == "outside coverage")).all()
    messages = found["message"].to_pylist()
    assert [messages[one] for one in bad[2:4]] == [
        "dec is 90.5; expected -90 to 90 degrees",
        "ra is -1.0; expected 0 to 360 degrees",
    ]
