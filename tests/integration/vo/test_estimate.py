"""REQUEST=estimate, and what a job tells of itself: rows, progress, expected cost; room on the disk; old jobs go."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


@pytest.fixture(autouse=True)
def sources():
    from django.db import connection

    from archive.models import Source

    deliver("random", Source, random_sources(2_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE archive_source")


def test_an_estimate_says_rows_and_time_and_runs_nothing(client):
    answer = client.post("/tap/sync", {"REQUEST": "estimate", "QUERY": "SELECT * FROM integral.sources"}).json()
    assert 500 < answer["rows"] < 8_000
    assert answer["cost"] > 0
    assert 0 < answer["seconds"] < 1
    assert (answer["time_limit_s"], answer["fits"]) == (600, True)
    few = {"REQUEST": "Estimate", "QUERY": "SELECT * FROM integral.sources WHERE 1/(ra-ra) > 2", "MAXREC": "3"}
    assert client.get("/tap/sync", few).json()["rows"] <= 3


def test_a_query_that_cannot_run_has_no_estimate(client):
    for form in (
        {"QUERY": "SELECT nothing FROM integral.sources"},
        {"QUERY": "SELECT 1 FROM x", "UPLOAD": "t,param:t"},
    ):
        response = client.post("/tap/sync", {"REQUEST": "estimate", **form})
        assert response.status_code == 400
        assert b"QUERY_STATUS" in response.content


def run_job(client, query):
    address = client.post("/tap/async", {"QUERY": query, "PHASE": "RUN"})["Location"]
    path = re.sub(r"https?://[^/]+", "", address)
    return path, client.get(path, {"WAIT": "20", "PHASE": "EXECUTING"}).content.decode()


def test_a_job_tells_rows_and_expectation(client, worker):
    _, document = run_job(client, "SELECT source_id, ra FROM integral.sources WHERE dec > 80")
    rows = int(re.search("<rows>([0-9]+)</rows>", document)[1])
    assert rows > 100
    assert "<progress>1.000</progress>" in document
    for name in ("estimatedRows", "estimatedCost", "estimatedSeconds"):
        assert f"<{name}>" in document


def test_results_stop_at_the_room_that_is_left(client, worker, monkeypatch):
    monkeypatch.setattr("vo.tap.limits.OWNER_RESULT_BYTES", 20_000)
    _, document = run_job(client, "SELECT * FROM integral.sources")
    assert "is larger than" in document
    _, document = run_job(client, "SELECT TOP 100 source_id FROM integral.sources")
    assert "<uws:phase>COMPLETED" in document
    monkeypatch.setattr("vo.tap.limits.OWNER_RESULT_BYTES", 1_000)
    _, document = run_job(client, "SELECT TOP 1 source_id FROM integral.sources")
    assert "delete jobs that are not needed" in document


def test_the_schedule_removes_old_jobs_of_every_kind():
    from archive.celery import app
    from archive.models.job import Job
    from vo.uws.tasks import remove_expired_jobs_task

    assert app.conf.beat_schedule["expired-jobs"]["task"] == remove_expired_jobs_task.name
    long_ago = timezone.now() - timedelta(days=31)
    Job.objects.create(kind="ingest", phase=Job.Phase.COMPLETED, ended_at=long_ago)
    kept = Job.objects.create(kind="ingest", phase=Job.Phase.COMPLETED, ended_at=timezone.now())
    Job.objects.create(kind="tap", phase=Job.Phase.ERROR, destruction_at=long_ago)
    remove_expired_jobs_task()
    assert list(Job.objects.all()) == [kept]
