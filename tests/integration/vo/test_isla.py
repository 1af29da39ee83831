"""The contract with clients of ESA's ISLA: views, servlets, downloads, names."""

import io
import json
import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from astropy.io.votable import parse_single_table
from astropy.time import Time

from tests.support import isla_archive
from tests.support.isla_archive import CRAB, EPOCH, GALACTIC, MOSAIC_EPOCH, SCW, SMC_X_1

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

EXTRA = {"TAPCLIENT": "ASTROQUERY", "format": "votable_plain"}
Q1 = (
    'select i.name as instrument, b."name" as band, i.instrument_oid, b.band_oid '
    "from ila.instrument i join ila.band b using(instrument_oid);"
)


@pytest.fixture(autouse=True)
def archive(tmp_path, request):
    request.getfixturevalue("transactional_db")
    return isla_archive.fill(tmp_path)


def ask(client, query):
    body = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query}
    response = client.post("/tap/tap/sync?TAPCLIENT=ASTROQUERY&format=votable_plain", body)
    content = response.getvalue()
    assert response.status_code == 200, content
    return parse_single_table(io.BytesIO(content)).to_table()


def servlet(client, **parameters):
    return client.get("/tap/tap/sync/", {"PHASE": "RUN", **parameters, **EXTRA})


def tar_of(response):
    content = response.getvalue()
    assert len(content) == int(response["Content-Length"])
    return tarfile.open(fileobj=io.BytesIO(content))


def band(client, name="28_40"):
    return next(row for row in ask(client, Q1) if row["band"] == name)


def test_the_default_band_of_an_instrument_comes_last_and_names_are_unique(client):
    table = ask(client, Q1)
    assert {row["instrument"]: row["band"] for row in table} == {
        "ibis": "28_40",
        "jem-x": "03_20",
        "spi": "18_8000",
        "omc": "V",
    }
    assert len({*table["band"], *table["instrument"]}) == len(table) + 4
    assert not any(column.mask.any() for column in table.columns.values() if hasattr(column, "mask"))


def test_a_band_name_that_two_instruments_share_is_told_apart(client):
    from archive.services import ensure_band

    ensure_band("spi", 20, 40)
    bands = {row["band"]: row["instrument"] for row in ask(client, Q1)}
    assert (bands["20_40"], bands["spi_20_40"]) == ("ibis", "spi")


def test_names_match_as_isla_matches_them(client):
    like = "select distinct src.name, src.ra, src.dec, src.source_id from ila.v_cat_source src where src.name ilike '%{}%' order by src.name asc"
    assert list(ask(client, like.format("crab"))["source_id"]) == [CRAB[0]]
    assert list(ask(client, like.format("crab"))["name"]) == ["Crab"]
    assert list(ask(client, like.format("b0531"))["source_id"]) == [CRAB[0]]
    assert len(ask(client, like.format("star"))) == 0
    cone = "select distinct src.name, src.ra, src.dec, src.source_id from ila.v_cat_source src where 1=CONTAINS(POINT('ICRS',src.ra,src.dec),CIRCLE('ICRS',83.633,22.0145,0.0833))"
    assert set(ask(client, cone)["source_id"]) == {CRAB[0]}


def test_observations_by_place_time_and_revolution(client):
    table = ask(
        client,
        "select * from ila.cons_pub_obs where 1=CONTAINS(POINT('ICRS',ra,dec),CIRCLE('ICRS',83.63320922851562,22.01447105407715,12.0)) "
        "AND endtime >= '2005-01-01 00:00:00+00:00' AND starttime <= '2005-12-31 00:00:00+00:00' "
        "AND end_revno >= '0001' AND start_revno <= '0599' order by obsid",
    )
    assert table.colnames == sorted(table.colnames)
    assert {"dec", "end_revno", "endtime", "exposure", "obsid", "prop_id", "ra", "scw_number", "scw_size", "srcname",
            "start_revno", "starttime", "surname", "title"} == set(table.colnames)  # fmt: skip
    assert list(table["obsid"]) == [f"0320049000{n}" for n in range(1, 5)]
    start = Time(53400.0 + 0.5 / 86400, format="mjd", scale="tt").utc  # to the nearest second
    assert table["starttime"][0] == start.strftime("%Y-%m-%d %H:%M:%S")
    assert list(table["start_revno"])[:2] == ["0081", "0291"]  # of its science windows; by time
    assert table["endtime"][2] > table["starttime"][2]  # start plus exposure
    table.write(io.BytesIO(), format="fits")  # bounded texts


@pytest.mark.parametrize(
    "when", ["2005-01-31T00:00:00", "2005-01-31", "2005-01-31 00:00:00Z", "2005-01-31 02:00:00+02:00"]
)
def test_times_are_compared_as_times(client, when):
    rows = ask(client, f"select obsid from ila.cons_pub_obs where starttime < '{when}'")
    assert len(rows) == 1
    rows = ask(client, f"select obsid from ila.cons_pub_obs where starttime >= '{when}'")
    assert len(rows) == 5


@pytest.mark.parametrize("mjd", [52700.0, 53735.9, 53736.1, 54832.4, 56109.5, 57204.2, 57754.7, 59000.123456])
def test_utc_texts_agree_with_astropy_around_every_leap_second(mjd):
    from django.db import connection

    from archive.published_sql import _expand

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_expand('@utc(t.m)', {})} FROM (VALUES ({mjd}::float8)) AS t (m)")
        (text,) = cursor.fetchone()
    expected = Time(mjd, format="mjd", scale="tt").utc
    assert abs((Time(text, scale="utc") - expected).sec) <= 0.5001


def test_epochs_of_sources_and_fields(client):
    row = band(client)
    where = f"(instrument_oid = {row['instrument_oid']} or band_oid = {row['band_oid']})"
    assert list(
        ask(client, f"select distinct epoch from ila.epoch where source_id = '{SMC_X_1[0]}' and {where}")["epoch"]
    ) == [EPOCH]
    assert len(ask(client, f"select distinct epoch from ila.epoch where source_id = 'star' and {where}")) == 0
    assert set(ask(client, f"select distinct epoch from ila.epoch where {where}")["epoch"]) == {EPOCH, MOSAIC_EPOCH}


def test_a_quote_in_a_name_is_a_clean_error(client):
    query = "select name from ila.v_cat_source src where src.name ilike '%Barnard's star%'"
    response = client.post("/tap/tap/sync", {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query})
    assert response.status_code == 400
    assert b'name="QUERY_STATUS" value="ERROR"' in response.getvalue()


def test_source_facts(client):
    integral, simbad, publications = servlet(client, REQUEST="sources", SOURCE="crab").json()
    assert integral["metadata"]["rows"][:2] == [
        {"description": "Name", "value": "Crab"},
        {"description": "Id", "value": CRAB[0]},
    ]
    assert simbad["link"].endswith("Ident=Crab")
    assert publications == {"name": "Publications", "link": None, "metadata": None}
    response = servlet(client, REQUEST="sources", SOURCE="star")
    assert response.status_code == 404
    assert b"Source not found in the database" in response.content


def test_timeline(client):
    document = servlet(client, REQUEST="timelines", ra="83.6332", dec="22.0145", radius="14.0").json()
    data = document["data"]
    assert document["totalItems"] == 4
    assert {len(data[name]) for name in ("scwExpo", "scwRevs", "scwTimes", "scwOffAxis")} == {4}
    assert data["scwExpo"] == [3000.0, 3000.0, 4000.0, 3000.0]
    assert data["fraFC"] == pytest.approx(6000 / 13000)
    assert 6000 < data["totEffExpo"] < 13000
    moment = Time(52799.0, format="mjd", scale="tt").utc.to_datetime(UTC)
    assert abs(datetime.fromtimestamp(data["scwTimes"][0] / 1000, UTC) - moment).total_seconds() < 0.002
    assert data["scwRevs"][0] == pytest.approx(81 + 1 / 3)
    assert data["scwOffAxis"] == sorted(data["scwOffAxis"])
    response = servlet(client, REQUEST="timelines", ra="0", dec="0", radius="0.8")
    assert response.status_code == 404
    assert b"None science windows have been selected" in response.content


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"REQUEST": "timelines", "ra": "x", "dec": "0", "radius": "1"}, "ra is 'x'"),
        ({"REQUEST": "timelines", "ra": "1", "dec": "91", "radius": "1"}, "dec is '91'"),
        ({"REQUEST": "timelines", "ra": "1", "dec": "9", "radius": "nan"}, "radius is 'nan'"),
        ({"REQUEST": "timelines", "ra": "1", "dec": "9"}, "radius is missing"),
        ({"REQUEST": "spectra", "source": "x", "instrument_oid": "9", "epoch": "e"}, "instrument_oid 9"),
        ({"REQUEST": "spectra", "source": "x", "instrument_oid": "1;--", "epoch": "e"}, "expected a whole number"),
        ({"REQUEST": "mosaics", "epoch": "e"}, "band_oid is missing"),
        ({"REQUEST": "sources"}, "source is missing"),
    ],
)
def test_wrong_parameters_of_a_servlet_get_a_sentence(client, parameters, words):
    response = servlet(client, **parameters)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert response["Content-Type"].startswith("text/plain")


def test_spectra_come_as_a_tar_with_their_responses(client):
    (found,) = servlet(client, REQUEST="spectra", source=SMC_X_1[0], instrument_oid=1, epoch=EPOCH).json()
    assert found["detector"] == "ISGRI"
    assert len(found["energy"]) == len(found["rateError"]) == 4
    response = client.get("/tap/data", {"RETRIEVAL_TYPE": "spectras", "spectra_oid": found["spectraOid"], **EXTRA})
    assert response["Content-Disposition"] == 'attachment; filename="smc_spectrum.tar"'
    assert tar_of(response).getnames() == ["arf.fits", "rmf.fits", "spe.fits"]
    assert servlet(client, REQUEST="spectra", source="star", instrument_oid=1, epoch=EPOCH).json() == []


def test_mosaics_have_no_second_point_in_their_name(client):
    (found,) = servlet(client, REQUEST="mosaics", band_oid=band(client)["band_oid"], epoch=MOSAIC_EPOCH).json()
    response = client.get("/tap/data", {"RETRIEVAL_TYPE": "mosaics", "mosaic_oid": found["mosaicOid"]})
    assert response["Content-Disposition"].endswith('filename="mosaic_28.tar"')
    assert servlet(client, REQUEST="mosaics", band_oid=1, epoch=MOSAIC_EPOCH).json() == []


def test_series_as_files_and_as_numbers(client):
    long = {"source": GALACTIC[0], "instrument_oid": 2}
    response = client.get("/tap/data", {"RETRIEVAL_TYPE": "long_timeseries", **long})
    names = zipfile.ZipFile(io.BytesIO(response.getvalue())).namelist()
    assert names == ["jemx1.fits", "jemx2.fits"]
    document = servlet(client, REQUEST="long_timeseries", **long).json()
    assert document["detectors"] == ["JEMX1", "JEMX2"]
    assert document["totalItems"] == 100
    assert list(map(len, document["rates"])) == [50, 50]
    short = {"source": SMC_X_1[0], "band_oid": band(client)["band_oid"], "epoch": EPOCH}
    assert tar_of(client.get("/tap/data", {"RETRIEVAL_TYPE": "short_timeseries", **short})).getnames() == [
        "series.fits"
    ]
    assert client.get("/tap/data", {"RETRIEVAL_TYPE": "short_timeseries", **short, "epoch": "1_2"}).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        f"scwid={SCW}&RETRIEVAL_TYPE=SCW",
        f"scwid={SCW}%2C008100440010&retrieval_type=scw",
        "obsid=03200490001&RETRIEVAL_TYPE=SCW",
        "REVID=0081&RETRIEVAL_TYPE=SCW",
        "PROPID=0320049&RETRIEVAL_TYPE=SCW",
        "retrieval_type=SCW&b2JzaWQ9MDMyMDA0OTAwMDE=",
    ],
)
def test_science_windows_by_every_selector(client, query):
    tar = tar_of(client.get(f"/tap/data?{query}"))
    assert tar.getnames() == ["scw_events/same.fits", "scw_image/same.fits"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "RETRIEVAL_TYPE is missing"),
        ("RETRIEVAL_TYPE=everything", 400, "long_timeseries, short_timeseries"),
        ("RETRIEVAL_TYPE=SCW", 400, "exactly one of"),
        ("RETRIEVAL_TYPE=SCW&scwid=1&obsid=2", 400, "exactly one of"),
        ("RETRIEVAL_TYPE=SCW&scwid=../../etc/passwd", 400, "RRRRPPPPSSSF"),
        ("RETRIEVAL_TYPE=SCW&scwid=,", 400, "names nothing"),
        ("RETRIEVAL_TYPE=SCW&REVID=12x", 400, "four digits"),
        ("RETRIEVAL_TYPE=SCW&scwid=" + ",".join(["008100430010"] * 5001), 413, "more than 5000"),
        ("RETRIEVAL_TYPE=SCW&scwid=999900430010", 404, "no files of science windows"),
        ("RETRIEVAL_TYPE=spectras&spectra_oid=99999999", 404, "in this release"),
        ("RETRIEVAL_TYPE=spectras&spectra_oid=1' or 1=1", 400, "whole number"),
        ("RETRIEVAL_TYPE=long_timeseries&source=star&instrument_oid=2", 404, "no long_timeseries"),
        ("RETRIEVAL_TYPE=long_timeseries&source=star", 400, "instrument_oid or band_oid"),
        ("RETRIEVAL_TYPE=short_timeseries&source=star&band_oid=2", 400, "epoch is missing"),
    ],
)
def test_wrong_downloads_get_a_sentence(client, query, status, words):
    response = client.get(f"/tap/data?{query}")
    assert (response.status_code, words in response.content.decode()) == (status, True), response.content


def test_downloads_resume_and_answer_head(client):
    address = f"/tap/data?RETRIEVAL_TYPE=SCW&scwid={SCW}"
    whole = client.get(address)
    content = whole.getvalue()
    head = client.head(address)
    assert (head["Content-Length"], head["ETag"]) == (str(len(content)), whole["ETag"])
    part = client.get(address, headers={"Range": "bytes=5000-5999", "If-Range": whole["ETag"]})
    assert part.status_code == 206
    assert part.getvalue() == content[5000:6000]
    assert part["Content-Range"] == f"bytes 5000-5999/{len(content)}"
    assert client.get(address, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert client.get(address, headers={"If-None-Match": whole["ETag"]}).status_code == 304


def test_names_are_resolved_from_our_own_table(client):
    def resolve(name, **more):
        return client.get(
            "/tap/servlet/target-resolver",
            {"TARGET_NAME": name, "RESOLVER_TYPE": "ALL", "FORMAT": "json", **EXTRA, **more},
        )

    (found,) = resolve("  crab  NEBULA ").json()["objects"]
    assert (found["raDegrees"], found["decDegrees"], found["sourceId"]) == (CRAB[2], CRAB[3], CRAB[0])
    miss = resolve("star")
    assert (miss.status_code, miss.content[:16]) == (200, b"TARGET NOT FOUND")
    assert client.get("/tap/servlet/target-resolver", {"TARGET_NAME": "x", "RESOLVER_TYPE": "HAL"}).status_code == 400


def test_an_unreachable_sesame_is_said(client, settings):
    settings.SESAME_URL = "http://127.0.0.1:9/sesame"
    reply = client.get("/tap/servlet/target-resolver", {"TARGET_NAME": "M 31", "RESOLVER_TYPE": "SIMBAD"})
    assert (reply.status_code, reply.content[:16]) == (200, b"TARGET NOT FOUND")
    assert b"Sesame cannot be reached" in reply.content


@pytest.mark.django_db
def test_login_and_logout_of_an_account(client):
    from django.contrib.auth.models import User
    from django.core.cache import cache

    cache.clear()  # where attempts are counted
    User.objects.create_user("ada", password="crab-nebula-1054")
    for form in ({"username": "ada", "password": "b"}, {"username": "nobody", "password": "b"}):
        reply = client.post("/tap/login?TAPCLIENT=ASTROQUERY", form)
        assert reply.status_code == 401
        assert not reply.cookies
    assert client.post("/tap/login", {"username": "ada"}).status_code == 400
    reply = client.post("/tap/login?TAPCLIENT=ASTROQUERY", {"username": "ada", "password": "crab-nebula-1054"})
    assert (reply.status_code, reply.content) == (200, b"Logged in as ada.\n")
    assert "_auth_user_id" in client.session
    assert client.post("/tap/logout?TAPCLIENT=ASTROQUERY").status_code == 200
    assert "_auth_user_id" not in client.session
    assert client.get("/tap/login").status_code == 400


@pytest.mark.django_db
def test_guessing_passwords_is_slowed_down(client):
    from django.core.cache import cache

    cache.clear()
    form = {"username": "ada", "password": "guess"}
    statuses = {client.post("/tap/login", form).status_code for _ in range(15)}
    assert statuses == {401, 429}


def test_another_site_cannot_log_a_visitor_in(client):
    reply = client.post("/tap/login", {"username": "a", "password": "b"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 400


def requests_of_real_clients():
    shared = Path(os.environ.get("ARCHIPELAGO_SHARED", Path(__file__).parents[4] / "shared"))
    log = shared / "contracts" / "isla-clients-wire-log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []


def test_every_recorded_request_of_real_clients_is_answered(client):
    recorded = [entry for entry in requests_of_real_clients() if "async" not in entry["path"]]
    if not recorded:
        pytest.skip("the recorded requests (shared/contracts/isla-clients-wire-log.jsonl) are absent")
    for entry in recorded:
        address = f"{entry['path']}?{urlencode([tuple(pair) for pair in entry['query']])}"
        form = "application/x-www-form-urlencoded"
        response = client.generic(entry["method"], address, entry["body"], content_type=form)
        content = response.getvalue()
        assert response.status_code < 500, (address, content)
        kind = response["Content-Type"]
        if entry["path"].endswith(("/capabilities", "/tables")):
            assert kind.startswith("text/xml")
        elif entry["path"] == "/tap/tap/sync":
            assert kind.startswith("application/x-votable+xml"), (address, kind)
            cut_by_the_log = entry["body"].endswith("meta.main")
            asked_badly = cut_by_the_log or any(word in entry["body"] for word in ("schema.table", "--%2C"))
            assert response.status_code == (400 if asked_badly else 200), content
        elif entry["path"] == "/tap/tap/sync/" and response.status_code == 200:
            assert kind == "application/json"
        elif entry["path"] == "/tap/data" and response.status_code == 200:
            assert kind in {"application/x-tar", "application/zip"}


def test_the_recorded_jobs_of_real_clients_run(client, worker):
    recorded = [entry for entry in requests_of_real_clients() if "async" in entry["path"]]
    if not recorded:
        pytest.skip("the recorded requests (shared/contracts/isla-clients-wire-log.jsonl) are absent")
    jobs, results = {}, 0
    for entry in recorded:
        plain = ["format", "votable_plain"] in entry["query"]
        style = ("0.4.11" if plain else "0.4.12") if entry["user_agent"].startswith("pyVO") else "tapplus"
        # The redirected request after a creation has no parameters, so it belongs to the job made last.
        job = jobs.get(style) if entry["query"] or style == "tapplus" else list(jobs.values())[-1]
        path = entry["path"].replace("{job}", job or "")
        address = f"{path}?{urlencode([tuple(pair) for pair in entry['query']])}"
        if path.endswith("/results/result"):
            client.get(f"/tap/tap/async/{job}", {"WAIT": "20", "PHASE": "EXECUTING"})
        form = "application/x-www-form-urlencoded"
        response = client.generic(entry["method"], address, entry["body"], content_type=form)
        content = response.getvalue()
        assert response.status_code in {200, 303}, (entry["method"], address, content)
        if entry["method"] == "POST":
            assert response.status_code == 303
            assert "?" not in response["Location"]
            if path.endswith("/async"):
                jobs[style] = response["Location"].rsplit("/", 1)[-1]
        elif path.endswith("/results/result"):
            assert response["Content-Type"].startswith("application/x-votable+xml")
            assert set(parse_single_table(io.BytesIO(content)).to_table()["epoch"]) == {EPOCH, MOSAIC_EPOCH}
            results += 1
        elif path.endswith("/phase"):
            assert response["Content-Type"].startswith("text/plain")
            assert content.strip() == content
        elif entry["method"] == "GET":
            assert response["Content-Type"].startswith(("text/xml", "application/xml"))
            assert b"QUEUED" not in content
    assert results == 3
