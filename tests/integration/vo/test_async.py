"""Jobs of TAP: the life of a job over HTTP, its privacy, and what removes it (UWS 1.1)."""

import io
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from astropy.io.votable import parse_single_table
from defusedxml import ElementTree
from django.test import Client

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
QUERY = "SELECT TOP 5 source_id, ra FROM integral.sources ORDER BY source_id"
LONG_QUERY = (
    "SELECT COUNT(*) AS n FROM integral.sources AS a, integral.sources AS b, integral.sources AS c WHERE a.ra+b.ra>c.ra"
)


@pytest.fixture(autouse=True)
def sources():
    from archive.models import Source

    rows = random_sources(1500)
    deliver("random", Source, rows)
    return rows


def create(client, base="/tap", **parameters):
    response = client.post(f"{base}/async", {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": QUERY, **parameters})
    assert response.status_code == 303, response.content
    return path_of(response)


def path_of(response):
    return response["Location"].removeprefix("http://127.0.0.1:8000")


def describe(client, job, **parameters):
    response = client.get(job, parameters)
    assert response.status_code == 200, response.content
    return ElementTree.fromstring(response.content)


def phase(client, job):
    return client.get(f"{job}/phase").content.decode()


def run_to_end(client, job):
    root = describe(client, job, WAIT="20")
    while root.findtext(f"{UWS}phase") == "EXECUTING":
        root = describe(client, job, WAIT="20")
    return root


@pytest.mark.parametrize("base", ["/tap", "/tap/tap"])
def test_a_job_runs_from_creation_to_result_and_is_removed(client, worker, sources, base):
    job = create(client, base)
    assert re.fullmatch(rf"{base}/async/[0-9a-f-]{{36}}", job)
    root = describe(client, job)
    assert root.get("version") == "1.1"
    assert root.findtext(f"{UWS}phase") == "PENDING"
    assert root.find(f"{UWS}startTime").get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"
    assert client.get(f"{job}/results/result").status_code == 404
    started = client.post(f"{job}/phase", {"PHASE": "RUN"})
    assert (started.status_code, path_of(started)) == (303, job)
    root = run_to_end(client, job)
    assert root.findtext(f"{UWS}phase") == "COMPLETED"
    (result,) = root.find(f"{UWS}results")
    assert result.get("id") == "result"
    answer = client.get(result.get(f"{XLINK}href").removeprefix("http://127.0.0.1:8000"))
    content = answer.getvalue()
    assert answer["Content-Type"] == "application/x-votable+xml"
    assert len(content) == int(answer["Content-Length"]) == int(result.get("size"))
    table = parse_single_table(io.BytesIO(content)).to_table()
    assert list(table["source_id"]) == [row["source_id"] for row in sources[:5]]
    removed = client.delete(job)
    assert (removed.status_code, path_of(removed)) == (303, f"{base}/async")
    for gone in (job, f"{job}/phase", f"{job}/results/result"):
        assert client.get(gone).status_code == 404


def test_a_part_of_a_result_and_an_unchanged_one(client, worker):
    job = create(client, PHASE="RUN", RESPONSEFORMAT="csv")
    run_to_end(client, job)
    whole = client.get(f"{job}/results/result")
    content, etag = whole.getvalue(), whole["ETag"]
    assert content.startswith(b"source_id,ra\nJ000000,")
    for wanted, expected, spoken in (
        ("bytes=3-7", content[3:8], f"bytes 3-7/{len(content)}"),
        ("bytes=-4", content[-4:], f"bytes {len(content) - 4}-{len(content) - 1}/{len(content)}"),
        ("bytes=10-", content[10:], f"bytes 10-{len(content) - 1}/{len(content)}"),
    ):
        answer = client.get(f"{job}/results/result", headers={"Range": wanted})
        assert (answer.status_code, answer.getvalue(), answer["Content-Range"]) == (206, expected, spoken)
    beyond = client.get(f"{job}/results/result", headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(content)}")
    outdated = client.get(f"{job}/results/result", headers={"Range": "bytes=3-7", "If-Range": '"other"'})
    assert (outdated.status_code, outdated.getvalue()) == (200, content)
    assert client.get(f"{job}/results/result", headers={"If-None-Match": etag}).status_code == 304
    head = client.head(f"{job}/results/result")
    assert (head.content, head["Content-Length"]) == (b"", str(len(content)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"QUERY": "SELECT raa FROM integral.sources"}, "did you mean ra"),
        ({"QUERY": "SELECT 1/(ra-ra) FROM integral.sources"}, "division by zero"),
        ({"QUERY": ""}, "QUERY is missing"),
        ({"MAXREC": "many"}, "MAXREC"),
        ({"LANG": "SQL"}, "LANG"),
        ({"RESPONSEFORMAT": "punch cards"}, "RESPONSEFORMAT"),
    ],
    ids=["column", "value", "none", "maxrec", "lang", "format"],
)
def test_a_bad_query_is_a_job_that_ends_in_error(client, worker, parameters, message):
    job = create(client, PHASE="RUN", **parameters)
    root = run_to_end(client, job)
    assert root.findtext(f"{UWS}phase") == "ERROR"
    summary = root.find(f"{UWS}errorSummary")
    assert message in summary.findtext(f"{UWS}message")
    assert (summary.get("type"), summary.get("hasDetail")) == ("fatal", "true")
    detail = client.get(f"{job}/error")
    assert detail.status_code == 200
    assert b'name="QUERY_STATUS" value="ERROR"' in detail.content
    assert client.get(f"{job}/results/result").status_code == 404


def test_a_failure_after_the_first_rows_is_an_error_and_leaves_no_file(client, worker, sources, settings, monkeypatch):
    monkeypatch.setattr("vo.tap.executor.CHUNK_BYTES", 200)
    job = create(
        client, PHASE="RUN", QUERY=f"SELECT source_id, 1/(ra - {sources[-1]['ra']!r}) AS x FROM integral.sources"
    )
    root = run_to_end(client, job)
    assert root.findtext(f"{UWS}phase") == "ERROR"
    assert "division by zero" in root.find(f"{UWS}errorSummary").findtext(f"{UWS}message")
    assert not [path for path in settings.RESULTS_ROOT.rglob("*") if path.is_file()]


def test_abort_cancels_the_query_within_a_second(client, worker):
    from django.db import connection

    job = create(client, PHASE="RUN", QUERY=LONG_QUERY)
    running = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4243"
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while cursor.execute(running).fetchone()[0] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        begun = time.monotonic()
        assert client.post(f"{job}/phase", {"PHASE": "ABORT"}).status_code == 303
        while cursor.execute(running).fetchone()[0]:
            assert time.monotonic() < begun + 2
            time.sleep(0.02)
    assert phase(client, job) == "ABORTED"
    late = client.post(f"{job}/phase", {"PHASE": "ABORT"})
    assert (late.status_code, b"ABORTED" in late.content) == (400, True)


def test_removing_a_running_job_cancels_it_and_leaves_nothing(client, worker, settings):
    job = create(client, PHASE="RUN", QUERY=LONG_QUERY)
    time.sleep(0.5)
    assert client.post(job, {"ACTION": "DELETE"}).status_code == 303
    assert client.get(job).status_code == 404
    following = create(client, PHASE="RUN")
    assert run_to_end(client, following).findtext(f"{UWS}phase") == "COMPLETED"
    assert len(list(settings.RESULTS_ROOT.iterdir())) == 1


def test_a_job_is_stopped_after_its_execution_duration(client, worker):
    job = create(client, QUERY=LONG_QUERY)
    assert client.post(f"{job}/executionduration", {"EXECUTIONDURATION": "1"}).status_code == 303
    client.post(f"{job}/phase", {"PHASE": "RUN"})
    root = run_to_end(client, job)
    assert "longer than 1 s" in root.find(f"{UWS}errorSummary").findtext(f"{UWS}message")


def test_parts_can_be_read_and_set_until_the_job_starts(client, worker):
    job = create(client)
    for name in ("quote", "owner"):
        answer = client.get(f"{job}/{name}")
        assert (answer.status_code, answer.content) == (200, b"")
    assert client.get(f"{job}/executionduration").content == b"3600"
    client.post(f"{job}/executionduration", {"executionduration": "99999999"})
    assert client.get(f"{job}/executionduration").content == b"14400"
    week = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    client.post(f"{job}/destruction", {"DESTRUCTION": week})
    assert client.get(f"{job}/destruction").content.decode() == week
    client.post(f"{job}/destruction", {"DESTRUCTION": "2999-01-01T00:00:00Z"})
    assert client.get(f"{job}/destruction").content.decode() < "2999"
    client.post(f"{job}/parameters", {"query": "SELECT TOP 1 ra FROM integral.sources", "MAXREC": "7"})
    root = ElementTree.fromstring(client.get(f"{job}/parameters").content)
    shown = {parameter.get("id"): parameter.text for parameter in root}
    assert shown["QUERY"] == "SELECT TOP 1 ra FROM integral.sources"
    assert shown["MAXREC"] == "7"
    assert client.get(f"{job}/error").status_code == 404
    assert client.get(f"{job}/nonsense").status_code == 404
    client.post(f"{job}/phase", {"PHASE": "RUN"})
    run_to_end(client, job)
    for name, value in (("parameters", "QUERY"), ("executionduration", "EXECUTIONDURATION"), ("phase", "PHASE")):
        refused = client.post(f"{job}/{name}", {value: {"PHASE": "RUN", "EXECUTIONDURATION": "5"}.get(value, "x")})
        assert refused.status_code == 400, name
        assert b"PENDING" in refused.content


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("phase", {"PHASE": "FLY"}),
        ("phase", {}),
        ("executionduration", {"EXECUTIONDURATION": "-4"}),
        ("destruction", {"DESTRUCTION": "next week"}),
        ("owner", {"OWNER": "me"}),
    ],
)
def test_a_bad_setting_is_refused_with_a_sentence(client, name, form):
    job = create(client)
    answer = client.post(f"{job}/{name}", form)
    assert answer.status_code == 400
    assert phase(client, job) == "PENDING"


def test_wait_blocks_until_the_phase_changes(client):
    job = create(client)
    begun = time.monotonic()
    describe(client, job, WAIT="1")
    assert 0.9 < time.monotonic() - begun < 3
    begun = time.monotonic()
    describe(client, job, WAIT="30", PHASE="EXECUTING")
    assert time.monotonic() - begun < 0.9

    def abort():
        from django.db import connection

        time.sleep(0.4)
        Client().post(f"{job}/phase", {"PHASE": "ABORT"})
        connection.close()

    thread = threading.Thread(target=abort)
    begun = time.monotonic()
    thread.start()
    root = describe(client, job, WAIT="-1", PHASE="PENDING")
    assert 0.3 < time.monotonic() - begun < 5
    assert root.findtext(f"{UWS}phase") == "ABORTED"
    thread.join()
    assert client.get(job, {"WAIT": "soon"}).status_code == 400


def listed(client, **filters):
    root = ElementTree.fromstring(client.get("/tap/async", filters).content)
    return [reference.get("id") for reference in root]


def test_a_list_shows_the_callers_own_jobs_with_filters(client, worker):
    stranger = Client()
    first, second = create(client), create(client, RUNID="mine & yours")
    create(stranger)
    ids = [job.rsplit("/", 1)[1] for job in (first, second)]
    assert listed(client) == ids[::-1]
    assert len(listed(stranger)) == 1
    assert listed(Client()) == []
    client.post(f"{first}/phase", {"PHASE": "RUN"})
    run_to_end(client, first)
    assert listed(client, PHASE="COMPLETED") == [ids[0]]
    assert listed(client, PHASE=["COMPLETED", "PENDING"]) == ids[::-1]
    assert listed(client, PHASE="QUEUED") == []
    assert listed(client, LAST="1") == [ids[1]]
    created = describe(client, first).findtext(f"{UWS}creationTime")
    assert listed(client, AFTER=created)[0] == ids[1]
    assert listed(client, AFTER="2999-01-01T00:00:00") == []
    for wrong in ({"PHASE": "FLYING"}, {"LAST": "0"}, {"AFTER": "noon"}):
        assert client.get("/tap/async", wrong).status_code == 400
    assert describe(client, second).findtext(f"{UWS}runId") == "mine & yours"


def test_the_cookie_is_not_in_the_database(client):
    from archive.models.job import Job

    create(client)
    cookie = client.cookies["archipelago_jobs"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value not in Job.objects.get().owner


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_nul_in_any_parameter_is_refused_with_a_sentence(client, method):
    for name in ("QUERY", "PHASE", "anything", "any\0name"):
        answer = getattr(client, method)("/tap/async", {name: "a\0b"})
        assert answer.status_code == 400, name
        assert "NUL character" in answer.content.decode()


@pytest.mark.parametrize("address", ["1", "x' OR 1=1", "../sync", str(uuid4())], ids=["1", "sql", "dots", "uuid"])
def test_an_unknown_job_is_404(client, address):
    answer = client.get(f"/tap/async/{address}")
    assert answer.status_code == 404
    assert client.delete(f"/tap/async/{address}").status_code == 404


def test_jobs_of_other_kinds_cannot_be_reached(client):
    from archive.models.job import Job

    other = Job.objects.create(kind="ingest", arguments={"directory": "secret"})
    assert client.get(f"/tap/async/{other.job_id}").status_code == 404
    assert client.delete(f"/tap/async/{other.job_id}").status_code == 404
    assert Job.objects.filter(job_id=other.job_id).exists()


def test_what_is_past_its_time_is_removed_with_its_files(client, worker, settings):
    from archive.models.job import Job
    from vo.uws.services import remove_expired_jobs

    job = create(client, PHASE="RUN")
    run_to_end(client, job)
    kept = create(client)
    directory = settings.RESULTS_ROOT / job.rsplit("/", 1)[1]
    assert (directory / "result").is_file()
    assert remove_expired_jobs() == 0
    Job.objects.filter(job_id=job.rsplit("/", 1)[1]).update(destruction_at=datetime.now(UTC) - timedelta(seconds=1))
    assert client.get(job).status_code == 404
    assert remove_expired_jobs() == 1
    assert not directory.exists()
    assert client.get(kept).status_code == 200


def test_too_many_open_jobs_are_refused(client, monkeypatch):
    monkeypatch.setattr("vo.uws.services.MOST_OPEN_JOBS", 1)
    create(client)
    refused = client.post("/tap/async", {"QUERY": QUERY})
    assert refused.status_code == 503
    assert b"try again later" in refused.content


def test_markup_in_parameters_stays_text(client):
    job = create(client, QUERY="</uws:parameter><script>alert(1)</script>", RUNID="<b>")
    root = describe(client, job)
    assert "<script>" in root.find(f"{UWS}parameters/{UWS}parameter[@id='QUERY']").text
    assert b"<script>" not in client.get(job).content
