"""SODA by jobs: one cut-out or many in a tar, by the same UWS as TAP, and never mixed up with its jobs."""

import io
import re
import tarfile

import pytest
import pyvo
from astropy.io import fits
from lxml import etree

from archive.jobs import run_next_job
from tests.support.closing_session import closing_session
from tests.support.isla_archive import DID

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("vo.urls"),
    pytest.mark.usefixtures("isla_products"),
]

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    """Jobs are run by the test itself."""
    monkeypatch.setattr("vo.uws.views.nudge", lambda: None)


def make(client, **parameters):
    response = client.post("/soda/async", {"PHASE": "RUN", **parameters})
    assert response.status_code == 303, response.getvalue()
    assert run_next_job()
    return re.search(r"/soda/async/[0-9a-f-]{36}", response["Location"])[0]


def describe(client, address):
    document = etree.fromstring(client.get(address).getvalue())
    return document.findtext(f"{UWS}phase"), document


def test_one_cut_out_is_the_result_as_sync_sends_it(client):
    asked = {"ID": DID + "mosaic.28", "CIRCLE": "83.633 22.0145 0.35"}
    address = make(client, **asked)
    phase, document = describe(client, address)
    (result,) = document.iter(f"{UWS}result")
    assert (phase, result.get("id"), result.get("mime-type")) == ("COMPLETED", "result", "application/fits")
    response = client.get(f"{address}/results/result")
    now = client.get("/soda/sync", asked)
    with fits.open(io.BytesIO(response.getvalue()), checksum=True) as one, fits.open(io.BytesIO(now.getvalue())) as two:
        assert fits.FITSDiff(one, two, ignore_keywords=["DATE", "CHECKSUM", "DATASUM"]).identical
    assert client.get(f"{address}/results/result", headers={"Range": "bytes=0-5"}).getvalue() == b"SIMPLE"


def test_many_values_come_as_one_tar_with_a_list(client):
    address = make(
        client,
        ID=["mosaic.28", "smc_series"],
        CIRCLE=["83.633 22.0145 0.35", "19.27 -73.44 1"],
        RESPONSEFORMAT="fits",
    )
    assert describe(client, address)[0] == "COMPLETED"
    with tarfile.open(fileobj=io.BytesIO(client.get(f"{address}/results/result").getvalue())) as tar:
        assert tar.getnames() == ["0001_mosaic.28_cutout.fits", "0003_smc_series_cutout.fits", "cutouts.txt"]
        lines = tar.extractfile("cutouts.txt").read().decode().splitlines()
        assert [line.split("\t")[:2] for line in lines[1:]] == [
            ["0001_mosaic.28_cutout.fits", "mosaic.28"],
            ["-", "mosaic.28"],
            ["0003_smc_series_cutout.fits", "smc_series"],
            ["-", "smc_series"],
        ]
        for name in tar.getnames()[:2]:
            with fits.open(io.BytesIO(tar.extractfile(name).read()), checksum=True) as hdus:
                assert len(hdus) > 1


def test_nothing_to_cut_off_is_the_file_and_nothing_left_no_result(client):
    whole = make(client, ID=["mosaic.28", "scw_image"])
    with tarfile.open(fileobj=io.BytesIO(client.get(f"{whole}/results/result").getvalue())) as tar:
        assert tar.getnames() == ["0001_mosaic.fits", "0002_same.fits", "cutouts.txt"]
        assert {(member.uid, member.uname, member.mtime) for member in tar} == {(0, "", 0)}
    assert client.get(f"{make(client, ID='mosaic.28')}/results/result").getvalue().startswith(b"SIMPLE")
    for nothing in ({"ID": "mosaic.28"}, {"ID": ["mosaic.28", "scw_image"]}):
        empty = make(client, CIRCLE="183 22 1", **nothing)
        phase, document = describe(client, empty)
        assert (phase, list(document.iter(f"{UWS}result"))) == ("COMPLETED", [])
        assert client.get(f"{empty}/results/result").status_code == 404


BAD = (
    ({}, "the parameter ID is missing"),
    ({"ID": "nope"}, "There is no product 'nope'"),
    ({"ID": "mosaic.28", "CIRCLE": "1 2"}, "CIRCLE is '1 2'"),
    ({"ID": "smc_spectrum", "TIME": "1 2"}, "is of the kind spectrum"),
    ({"ID": "mosaic.28", "POL": "I"}, "POL is given"),
    ({"ID": "mosaic.28", "RESPONSEFORMAT": "csv"}, "RESPONSEFORMAT 'csv'"),
    ({"ID": ["mosaic.28", "nope"], "CIRCLE": "83.6 22 1"}, "There is no product 'nope'"),
    ({"ID": [f"x{i}" for i in range(40)], "CIRCLE": [f"1 2 {i + 1}" for i in range(30)]}, "make 1200 cut-outs"),
)


def test_a_bad_request_is_a_job_in_error_that_says_why(client, settings):
    for parameters, message in BAD:
        address = make(client, **parameters)
        phase, document = describe(client, address)
        assert phase == "ERROR"
        assert message in document.findtext(f"{UWS}errorSummary/{UWS}message")
        assert message.encode() in client.get(f"{address}/error").getvalue().replace(b"&apos;", b"'")
    assert not [path for path in settings.RESULTS_ROOT.rglob("*") if path.is_file()]


def test_a_result_beyond_the_room_is_refused(client, monkeypatch):
    monkeypatch.setattr("vo.soda.jobs.result_room", lambda _owner: 100)
    for ids in ("mosaic.28", ["mosaic.28", "scw_image"]):
        address = make(client, ID=ids, CIRCLE="83.6 22 0.3")
        assert "larger than" in describe(client, address)[1].findtext(f"{UWS}errorSummary/{UWS}message")


def test_jobs_of_soda_and_tap_keep_apart(client):
    soda = make(client, ID="mosaic.28", CIRCLE="83.6 22 0.3")
    tap = client.post("/tap/async", {"QUERY": "SELECT TOP 1 * FROM ivoa.obscore", "LANG": "ADQL"})["Location"]
    tap = re.search(r"/tap/async/[0-9a-f-]{36}", tap)[0]
    assert client.get(soda.replace("/soda/", "/tap/")).status_code == 404
    assert client.get(tap.replace("/tap/", "/soda/")).status_code == 404
    listed = client.get("/soda/async").getvalue().decode()
    assert soda.rpartition("/")[2] in listed
    assert tap.rpartition("/")[2] not in listed
    assert {cookie["path"] for cookie in client.cookies.values()} <= {"/soda", "/tap"}
    assert client.delete(soda).status_code == 303
    assert client.get(soda).status_code == 404


def test_capabilities_and_descriptors_name_both_ways(client):
    record = "/oai?verb=GetRecord&metadataPrefix=ivo_vor&identifier=ivo://archipelago.invalid/soda"
    for address in ("/soda/capabilities", "/datalink/links?ID=smc_series", "/sia2/query?MAXREC=1", record):
        content = client.get(address).getvalue().decode()
        assert "ivo://ivoa.net/std/SODA#sync-1.0" in content, address
        assert "ivo://ivoa.net/std/SODA#async-1.0" in content, address
        assert "/soda/async" in content


def test_pyvo_follows_a_job_to_its_result(live_server, settings, monkeypatch):
    settings.PUBLIC_URL = live_server.url
    session = closing_session(monkeypatch)
    found = pyvo.dal.adhoc.DatalinkResults.from_result_url(f"{live_server.url}/datalink/links?ID=smc_series")
    services = {link["service_def"] for link in found if link.semantics == "#cutout"}
    assert services == {"cutout_timeseries", "cutout_timeseries_async"}
    response = session.post(
        f"{live_server.url}/soda/async",
        data={"ID": DID + "smc_series", "TIME": "54546.1 54548.5", "PHASE": "RUN"},
        allow_redirects=False,
        timeout=30,
    )
    assert run_next_job()
    job = pyvo.dal.tap.AsyncTAPJob(response.headers["Location"], session=session)
    assert job.phase == "COMPLETED"
    assert len(job.fetch_result()) == 5
    job.delete()
