"""Uploaded tables through the whole service: every type and serialization, joins by position, privacy, bad input."""

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.io.votable import parse_single_table
from astropy.io.votable.tree import VOTableFile
from astropy.table import MaskedColumn, Table
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


def send(client, query, *, upload="t,param:t", address="/tap/sync", form=None, **parts):
    files = {name: SimpleUploadedFile(f"{name}.vot", content) for name, content in parts.items()}
    return client.post(address, {"LANG": "ADQL", "QUERY": query, "UPLOAD": upload, **(form or {}), **files})


def table_of(client, query, **arguments):
    response = send(client, query, **arguments)
    content = response.getvalue()
    assert response.status_code == 200, content
    return parse_single_table(io.BytesIO(content)).to_table(use_names_over_ids=True)


def written(table, serialization):
    out = io.BytesIO()
    document = table if isinstance(table, VOTableFile) else VOTableFile.from_table(table)
    document.to_xml(out, tabledata_format=serialization)
    return out.getvalue()


def every_type(*, masked):
    rng = np.random.default_rng(3)
    mask = [False, masked, False, False]
    table = Table()
    table["b"] = MaskedColumn([True, False, False, True], mask=mask)
    table["i1"] = MaskedColumn(np.array([0, 7, 255, 1], "u1"), mask=mask)
    table["i2"] = MaskedColumn(np.array([-32768, 7, 32767, 0], "i2"), mask=mask)
    table["i4"] = MaskedColumn(np.array([-(2**31), 7, 2**31 - 1, 0], "i4"), mask=mask)
    table["i8"] = MaskedColumn(np.array([-(2**62), 7, 2**63 - 1, 0], "i8"), mask=mask)
    table["f4"] = MaskedColumn(np.array([1.25e-30, 7, np.inf, -0.0], "f4"), mask=mask)
    table["f8"] = MaskedColumn(np.array([1 / 3, 7, -np.inf, 1e308], "f8"), mask=mask)
    table["text"] = ["plain", "", "<&\"'>", "x" * 300]
    table["greek letters"] = ["γ-ray", "", "ß", "\U0001f52d"]
    table["a3"] = rng.normal(size=(4, 3))
    table["a2x2"] = rng.integers(-9, 9, size=(4, 2, 2)).astype("i4")
    table["select"] = np.arange(4)
    return table


@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.VOWarning")
@pytest.mark.parametrize("serialization", ["tabledata", "binary", "binary2"])
def test_every_type_comes_back_as_it_was_sent(client, serialization):
    table = every_type(masked=serialization != "binary")  # astropy has no way to write a NULL integer there
    back = table_of(client, 'SELECT * FROM TAP_UPLOAD.t ORDER BY "select"', t=written(table, serialization))
    assert back.colnames == table.colnames
    for name in table.colnames:
        mine, theirs = table[name], back[name]
        mask = np.ma.getmaskarray(mine)
        if mine.dtype.kind in "US":
            assert [str(v) for v in theirs] == [str(v) for v in mine], name
            continue
        np.testing.assert_array_equal(np.ma.getmaskarray(theirs), mask, name)
        sent, got = np.ma.asarray(mine)[~mask], np.ma.asarray(theirs)[~mask]
        np.testing.assert_array_equal(np.ma.getdata(got).reshape(np.shape(sent)), np.ma.getdata(sent), name)


def test_variable_arrays_bits_and_complex_numbers(client):
    content = b"""<VOTABLE><RESOURCE><TABLE><FIELD name="v" datatype="float" arraysize="*"/>
      <FIELD name="bits" datatype="bit" arraysize="4"/><FIELD name="z" datatype="doubleComplex"/>
      <FIELD name="c" datatype="char"/><FIELD name="when" datatype="char" arraysize="*" xtype="adql:TIMESTAMP"/>
      <DATA><TABLEDATA><TR><TD>1 2.5 NaN</TD><TD>1011</TD><TD>1 -2</TD><TD>x</TD><TD>2005-01-31T12:00:00</TD></TR>
      <TR><TD/><TD>0 0 0 1</TD><TD/><TD/><TD/></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
    for form in ("votable", "votable/td"):
        back = table_of(client, "SELECT * FROM TAP_UPLOAD.t", t=content, form={"RESPONSEFORMAT": form})
        np.testing.assert_array_equal(back["v"][0], [1, 2.5, np.nan])
        assert back["bits"][0].tolist() == [True, False, True, True]
        assert back["z"][0].tolist() == [1, -2]
        assert back["c"][0] == "x"
        assert back["when"][0] == "2005-01-31T12:00:00"
    csv = send(client, "SELECT v, bits, z FROM TAP_UPLOAD.t", t=content, form={"RESPONSEFORMAT": "csv"}).getvalue()
    assert csv.decode().splitlines()[1] == "1 2.5 NaN,t f t t,1 -2"
    json = send(client, "SELECT v, z FROM TAP_UPLOAD.t", t=content, form={"RESPONSEFORMAT": "json"})
    assert json.status_code == 200


def test_metadata_and_expressions_of_uploaded_columns(client):
    table = Table({"ra": [10.0, 20.0] * u.deg, "flux": [1.5, 2.5]})
    back = table_of(client, "SELECT ra, flux*2 AS twice FROM tap_upload.T WHERE flux > 2", t=written(table, "binary2"))
    assert back["ra"].unit == u.deg
    assert back["twice"].tolist() == [5.0]


def test_several_tables_in_one_and_in_repeated_parameters(client):
    one, two = (written(Table({"k": [1, 2, 3], n: [n, n, n]}), "tabledata") for n in ("a", "b"))
    query = "SELECT x.k, a, b FROM TAP_UPLOAD.one AS x JOIN TAP_UPLOAD.two AS y ON x.k = y.k WHERE x.k > 1 ORDER BY k"
    for upload in ("one,param:p;two,param:q", ["one,param:p", "two,param:q"]):
        back = table_of(client, query, upload=upload, p=one, q=two)
        assert back["k"].tolist() == [2, 3]


@pytest.fixture
def sources():
    from archive.models import Source

    rows = random_sources(1200)
    deliver("random", Source, rows)
    return rows


@pytest.mark.parametrize("radius", [0.2, 1.5, 4.9, 12.0])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT u.n, s.source_id FROM TAP_UPLOAD.t AS u JOIN integral.sources AS s ON 1=CONTAINS(POINT(s.ra,s.dec),CIRCLE(u.x,u.y,{r}))",
        "SELECT u.n, s.source_id FROM integral.sources AS s JOIN TAP_UPLOAD.t AS u ON DISTANCE(POINT(u.x,u.y),POINT(s.ra,s.dec))<={r}",
        "SELECT u.n, s.source_id FROM TAP_UPLOAD.t AS u, integral.sources AS s WHERE INTERSECTS(CIRCLE(u.x,u.y,{r}),POINT(s.ra,s.dec))=1 AND u.n>=0",
        "SELECT u.n, s.source_id FROM TAP_UPLOAD.t AS u LEFT JOIN integral.sources AS s ON CONTAINS(POINT(s.ra,s.dec),CIRCLE(u.x,u.y,{r}))=1",
        "SELECT u.n, s.source_id FROM integral.sources AS s RIGHT JOIN TAP_UPLOAD.t AS u ON {r}>=DISTANCE(s.ra,s.dec,u.x,u.y)",
    ],
    ids=["contains", "distance", "comma", "left", "right"],
)
def test_joins_by_position_give_what_astropy_gives(client, sources, query, radius):
    rng = np.random.default_rng(11)
    places = Table({"n": np.arange(150)})
    places["x"] = np.concatenate([rng.uniform(0, 360, 50), rng.normal(0, 1.5, 50) % 360, rng.uniform(0, 360, 50)])
    places["y"] = np.concatenate(
        [
            rng.uniform(-90, 90, 50),
            rng.normal(0, 1.5, 50),
            rng.choice([-1, 1], 50) * (90 - np.abs(rng.normal(0, 1.5, 50))),
        ]
    )
    back = table_of(client, query.format(r=radius), t=written(places, "binary2"))
    here = SkyCoord(places["x"], places["y"], unit="deg")
    there = SkyCoord([row["ra"] for row in sources], [row["dec"] for row in sources], unit="deg")
    one, two, _, _ = search_around_sky(here, there, radius * u.deg)
    expected = {(int(i), sources[j]["source_id"]) for i, j in zip(one, two, strict=True)}
    if "LEFT" in query or "RIGHT" in query:
        expected |= {(int(n), "") for n in set(range(150)) - set(map(int, one))}
    assert len(back) == len(expected)
    assert {(int(n), str(s) if s else "") for n, s in back.iterrows()} == expected


def test_null_and_impossible_positions_match_nothing(client, sources):
    places = Table({"n": [1, 2], "x": MaskedColumn([0.0, np.nan], mask=[True, False]), "y": [0.0, 0.0]})
    query = (
        "SELECT n FROM TAP_UPLOAD.t AS u JOIN integral.sources AS s ON 1=CONTAINS(POINT(s.ra,s.dec),CIRCLE(u.x,u.y,5))"
    )
    assert len(table_of(client, query, t=written(places, "binary2"))) == 0


def test_a_join_by_position_reads_the_index(client, sources):
    from vo.adql.parser import parse_query
    from vo.adql.postgres import write_statement
    from vo.adql.resolver import resolve_query
    from vo.tap.executor import Run, read_only_transaction
    from vo.tap.services import published_tables
    from vo.tap.uploads import load_uploads, read_uploaded_tables

    content = written(Table({"x": [1.0], "y": [2.0]}), "binary2")
    uploads = read_uploaded_tables([("t", "t")], {"t": content})
    query = "SELECT s.ra FROM TAP_UPLOAD.t AS u JOIN integral.sources AS s ON 1=CONTAINS(POINT(s.ra,s.dec),CIRCLE(u.x,u.y,0.1))"
    tables = {**published_tables(), uploads[0].table.name: uploads[0].table}
    statement = write_statement(resolve_query(parse_query(query), tables, query))
    with read_only_transaction(Run(prepare=lambda c: load_uploads(c, uploads, statement.covers))) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + statement.text.as_string(connection)))
    assert "hpx >= v.low" in plan


def test_uploads_of_jobs(client, worker):
    content = written(Table({"k": [1, 2, 3]}), "binary2")
    response = send(
        client, "SELECT SUM(k) AS s FROM TAP_UPLOAD.t", t=content, address="/tap/async", form={"PHASE": "RUN"}
    )
    job = response["Location"].removeprefix("http://127.0.0.1:8000")
    client.get(job, {"WAIT": "20"})
    assert client.get(f"{job}/phase").content == b"COMPLETED", client.get(f"{job}/error").content
    assert parse_single_table(io.BytesIO(client.get(f"{job}/results/result").getvalue())).to_table()["s"][0] == 6
    assert b"BINARY2" not in client.get(f"{job}/parameters").content
    absent = send(client, "SELECT * FROM TAP_UPLOAD.t", address="/tap/async", form={"PHASE": "RUN"})
    job = absent["Location"].removeprefix("http://127.0.0.1:8000")
    client.get(job, {"WAIT": "20"})
    assert b"no such part" in client.get(f"{job}/error").content


def test_the_result_of_a_job_is_uploaded_by_its_address(client, worker):
    response = client.post("/tap/async", {"QUERY": "SELECT TOP 3 table_name FROM tap_schema.tables", "PHASE": "RUN"})
    address = response["Location"]
    client.get(address.removeprefix("http://127.0.0.1:8000"), {"WAIT": "20"})
    upload = f"t,{address}/results/result"
    assert table_of(client, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t", upload=upload)["n"][0] == 3
    form = {"PHASE": "RUN"}
    second = send(client, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t", upload=upload, address="/tap/async", form=form)
    job = second["Location"].removeprefix("http://127.0.0.1:8000")
    client.get(job, {"WAIT": "20"})
    assert client.get(f"{job}/phase").content == b"COMPLETED"


def test_an_upload_is_gone_after_its_query(client):
    content = written(Table({"k": [1]}), "tabledata")
    assert len(table_of(client, "SELECT k FROM TAP_UPLOAD.t", t=content)) == 1
    answer = client.post("/tap/sync", {"QUERY": "SELECT k FROM TAP_UPLOAD.t"})
    assert answer.status_code == 400
    assert b"Unknown table TAP_UPLOAD.t" in answer.content


@pytest.mark.parametrize(
    ("upload", "message"),
    [
        ("t,http://127.0.0.1/secret", b"fetches nothing from elsewhere"),
        ("t,http://127.0.0.1:8000/tap/sync?QUERY=x", b"fetches nothing from elsewhere"),
        ("t,http://127.0.0.1:8000/tap/async/00000000-0000-0000-0000-000000000000/results/result", b"no such result"),
        ("t,file:///etc/passwd", b"send the table in the request"),
        ("t", b"expected name,param:part"),
        ("t;drop,param:t", b"expected name,param:part"),
        ('a"b,param:t', b"names a table"),
        ("t,param:other", b"no such part"),
        ("t,param:t;T,param:t", b"two tables"),
        (";".join(f"t{i},param:t" for i in range(11)), b"at most 10"),
    ],
)
def test_a_bad_upload_parameter_is_refused(client, upload, message):
    answer = send(client, "SELECT * FROM TAP_UPLOAD.t", upload=upload, t=written(Table({"k": [1]}), "tabledata"))
    assert answer.status_code == 400
    assert message in answer.content


def test_too_large_a_request_is_refused_before_it_is_read(client, monkeypatch):
    monkeypatch.setattr("vo.tap.upload_parts.MOST_UPLOAD_BYTES", 10)
    monkeypatch.setattr("vo.tap.upload_parts._FORM_BYTES", 10)
    answer = send(client, "SELECT * FROM TAP_UPLOAD.t", t=written(Table({"k": [1]}), "tabledata"))
    assert answer.status_code == 413


def test_wrong_contents_name_the_table(client):
    answer = send(client, "SELECT * FROM TAP_UPLOAD.t", t=b"not xml")
    assert answer.status_code == 400
    assert b"the uploaded table t cannot be read: it is no VOTable, FITS or Parquet" in answer.content


def test_arrays_are_no_numbers(client):
    content = written(Table({"a": [[1.0, 2.0]]}), "tabledata")
    for query in (
        "SELECT a + 1 FROM TAP_UPLOAD.t",
        "SELECT CAST(a AS INTEGER) FROM TAP_UPLOAD.t",
        "SELECT * FROM TAP_UPLOAD.t WHERE a = 1",
        "SELECT MAX(a) FROM TAP_UPLOAD.t",
        "SELECT SQRT(a) FROM TAP_UPLOAD.t",
    ):
        assert send(client, query, t=content).status_code == 400, query


FORMATS = {
    "csv": lambda table, path: table.write(path, format="ascii.csv"),
    "tsv": lambda table, path: table.write(path, format="ascii.tab"),
    "fits": lambda table, path: table.write(path, format="fits"),
    "parquet": lambda table, path: pq.write_table(table_to_arrow(table), path),
}


def table_to_arrow(table):
    return pa.table(
        {name: pa.array(table[name].tolist(), mask=np.ma.getmaskarray(table[name])) for name in table.colnames}
    )


@pytest.mark.parametrize("form", FORMATS)
def test_other_formats_come_back_as_they_were_sent(client, tmp_path, form):
    table = Table()
    table["id"] = MaskedColumn(np.array([1, 2, 3, 4], "i4"), mask=[False, True, False, False])
    table["big"] = np.array([2**40, -(2**62), 0, 7])
    table["ra"] = np.array([1 / 3, -1e-300, 7.5, 359.999999999])
    table["rev"] = ["0039", "0040", "2767", "0001"]
    table["name"] = ["plain", "a,b", 'q"t', "x" * 300]
    path = tmp_path / "table"
    FORMATS[form](table, path)
    back = table_of(client, "SELECT * FROM TAP_UPLOAD.t ORDER BY ra", t=path.read_bytes())
    table.sort("ra")
    assert back.colnames == table.colnames
    assert np.ma.getmaskarray(back["id"]).tolist() == np.ma.getmaskarray(table["id"]).tolist()
    for name in ("big", "ra"):
        assert back[name].tolist() == table[name].tolist(), name
    for name in ("rev", "name"):
        assert [str(text) for text in back[name]] == [str(text) for text in table[name]], name


def test_units_of_fits_and_parquet_come_back(client, tmp_path):
    path = tmp_path / "t.fits"
    Table({"ra": [1.5, 2.5] * u.deg, "v": [[1.0, 2.0], [3.0, 4.0]]}).write(path)
    back = table_of(client, "SELECT * FROM TAP_UPLOAD.t ORDER BY ra", t=path.read_bytes())
    assert back["ra"].unit == u.deg
    assert back["v"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    own = send(client, "SELECT * FROM TAP_UPLOAD.t", t=path.read_bytes(), form={"RESPONSEFORMAT": "parquet"})
    back = table_of(client, "SELECT * FROM TAP_UPLOAD.t", t=own.getvalue())
    assert back["ra"].unit == u.deg


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n3\n", "line 3 has 1 values and there are 2 columns"),
        (b"a,a\n1,2\n", "two columns are named"),
        (b"a,\n1,2\n", "column 2 has no name"),
        (b'a,b\n"1,2\n', "cannot be read as CSV"),
        (b"a\n\xff\xfe\n", "no UTF-8 text"),
        (b"\x1f\x8b\x08rest", "it is packed"),
        (b"PAR1" + bytes(50), "damaged"),
        (b"SIMPLE  =                    T" + b" " * 3000, "damaged"),
        (b"", "it has 0 columns"),
    ],
    ids=["short-row", "twice", "nameless", "open-quote", "latin", "gzip", "parquet", "fits", "empty"],
)
def test_damaged_files_get_one_sentence(client, content, sentence):
    response = send(client, "SELECT * FROM TAP_UPLOAD.t", t=content)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert "the uploaded table t cannot be read" in response.content.decode()


def test_a_parquet_bomb_is_stopped(client, tmp_path):
    """A hundred kilobytes that are 40 GB of text."""
    path = tmp_path / "bomb.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(400_000, "i4")), pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"t": text}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 200_000
    response = send(client, "SELECT COUNT(*) FROM TAP_UPLOAD.t", t=path.read_bytes())
    assert response.status_code in {400, 413}
    assert "MiB of values" in response.content.decode()


def test_a_lying_fits_header_is_found_out(client, tmp_path):
    path = tmp_path / "t.fits"
    Table({"a": [1, 2, 3]}).write(path)
    content = path.read_bytes().replace(b"NAXIS2  =                    3", b"NAXIS2  =            987654321")
    response = send(client, "SELECT * FROM TAP_UPLOAD.t", t=content)
    assert response.status_code == 400
    assert "says 987654321 rows" in response.content.decode()


def test_tables_are_fetched_from_allowed_hosts_only(client, settings, tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a\n41\n1\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        query, address = "SELECT SUM(a) AS n FROM TAP_UPLOAD.t", f"http://{host}/t.csv"
        assert send(client, query, upload=f"t,{address}").status_code == 400
        settings.UPLOAD_HOSTS = [host]
        assert table_of(client, query, upload=f"t,{address}")["n"].tolist() == [42]
        for wrong in (
            f"http://{host}/none",
            f"http://u:p@{host}/t.csv",
            f"http://localhost:{server.server_port}/t.csv",
        ):
            assert send(client, query, upload=f"t,{wrong}").status_code == 400, wrong
        server.shutdown()
