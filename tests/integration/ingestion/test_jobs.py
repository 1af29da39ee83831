"""Ingestion as a job; deploy/loopback.sh runs a whole one through Redis and a worker."""

import pytest

from archive.jobs import run_next_job, submit_job
from archive.models import Release
from archive.models.job import Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refused_delivery_is_a_job_in_error_with_one_sentence(tmp_path):
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  =                    T" + b" " * 100)
    job = submit_job(kind="ingest", arguments={"path": str(tmp_path)})

    assert run_next_job()

    job.refresh_from_db()
    assert job.phase == Job.Phase.ERROR
    assert "broken.fits" in job.message
    assert "ref " not in job.message
    assert not Release.objects.exists()


def test_a_path_that_is_not_there_is_said(tmp_path):
    job = submit_job(kind="ingest", arguments={"path": str(tmp_path / "nowhere")})

    assert run_next_job()

    job.refresh_from_db()
    assert job.phase == Job.Phase.ERROR
    assert "nowhere" in job.message
