"""The job table: in one process, and with real workers that are killed."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from archive import jobs
from archive.errors import UsageError
from archive.models.job import Job

CHECKOUT = Path(__file__).resolve().parents[3]
KINDS = {
    "note": "tests.support.jobs.note_and_wait",
    "fail": "tests.support.jobs.fail",
    "break": "tests.support.jobs.break_down",
    "query": "tests.support.jobs.query_for_long",
    "report": "tests.support.jobs.report_for_long",
}


@pytest.fixture(autouse=True)
def kinds(settings):
    settings.JOBS = KINDS


def await_that(condition, what, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_s} s in vain: {what}"
        time.sleep(0.05)


@pytest.mark.django_db
class TestInOneProcess:
    def test_a_job_runs_and_leaves_its_result(self, tmp_path):
        job = jobs.submit_job(kind="note", arguments={"path": str(tmp_path / "notes"), "seconds": 0}, owner="me")
        assert jobs.run_next_job()
        job.refresh_from_db()
        assert (job.phase, job.progress, job.result, job.attempts) == ("COMPLETED", 1.0, {"pid": os.getpid()}, 1)
        assert job.started_at <= job.ended_at
        assert not jobs.run_next_job()

    def test_the_oldest_goes_first(self, tmp_path):
        for name in ("first", "second"):
            jobs.submit_job(kind="note", arguments={"path": str(tmp_path / name), "seconds": 0})
        jobs.run_next_job()
        assert [path.name for path in tmp_path.iterdir()] == ["first"]

    def test_an_unknown_kind_is_refused(self):
        with pytest.raises(UsageError, match=r"no kind of job 'os.system'; there are break, fail"):
            jobs.submit_job(kind="os.system", arguments={})
        assert not Job.objects.exists()

    def test_a_failed_job_says_why(self):
        job = jobs.submit_job(kind="fail", arguments={"text": "no file there"})
        jobs.run_next_job()
        job.refresh_from_db()
        assert (job.phase, job.message) == ("ERROR", "no file there")

    def test_a_bug_shows_a_reference_and_no_detail(self, caplog):
        job = jobs.submit_job(kind="break", arguments={})
        jobs.run_next_job()
        job.refresh_from_db()
        assert job.phase == "ERROR"
        assert "secret detail" not in job.message
        reference = job.message.split("ref ")[1].split(")")[0]
        assert reference in caplog.text
        assert "ZeroDivisionError: secret detail" in caplog.text

    def test_wrong_arguments_are_an_error_of_the_job(self):
        job = jobs.submit_job(kind="note", arguments={"nonsense": 1})
        jobs.run_next_job()
        job.refresh_from_db()
        assert job.phase == "ERROR"

    def test_progress_outside_a_job_is_nothing(self):
        jobs.report_progress(0.5, "half")

    def test_an_aborted_job_stays_aborted(self):
        job = jobs.submit_job(kind="report", arguments={})
        claimed = jobs.claim_job()
        assert jobs.abort_job(job.job_id)
        jobs.run_job(claimed)
        job.refresh_from_db()
        assert job.phase == "ABORTED"
        assert not jobs.abort_job(job.job_id)

    def test_old_jobs_go_and_running_ones_stay(self):
        long_ago = timezone.now() - timedelta(days=60)
        for phase in ("COMPLETED", "EXECUTING"):
            Job.objects.create(kind="note", phase=phase, ended_at=long_ago)
        Job.objects.create(kind="note", phase="COMPLETED", ended_at=timezone.now())
        assert jobs.remove_old_jobs() == 1
        assert set(Job.objects.values_list("phase", flat=True)) == {"COMPLETED", "EXECUTING"}


class Workers:
    """Real Celery workers with a scheduler, on the test's database."""

    def __init__(self, broker: Path):
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "DJANGO_SETTINGS_MODULE": "tests.support.worker_settings",
            "ARCHIPELAGO_TEST_DATABASE": connection.settings_dict["NAME"],
            "CELERY_SKIP_CHECKS": "1",
        }
        self.log = broker / "worker.log"
        self.schedule = broker / "schedule"
        self.processes = []

    def start(self):
        celery = [sys.executable, "-m", "celery", "-A", "archive.celery", "--quiet"]
        worker = [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        beat = [*celery, "beat", "--schedule", str(self.schedule)]
        with self.log.open("ab") as log:
            for command in (worker, beat):
                process = subprocess.Popen(
                    command, env=self.environment, cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True
                )
                self.processes.append(process)

    def kill(self):
        for process in self.processes:
            tree = psutil.Process(process.pid)
            for victim in [*tree.children(recursive=True), tree]:
                victim.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture
def workers(tmp_path, transactional_db):
    workers = Workers(tmp_path)
    yield workers
    workers.kill()
    print(workers.log.read_text() if workers.log.exists() else "no worker started")


def phases():
    return sorted(Job.objects.values_list("phase", flat=True))


@pytest.mark.slow
class TestWithRealWorkers:
    def test_killed_workers_lose_nothing(self, workers, tmp_path):
        paths = [tmp_path / f"job-{number}" for number in range(6)]
        for path in paths:
            jobs.submit_job(kind="note", arguments={"path": str(path), "seconds": 1.5})
        workers.start()
        await_that(lambda: phases().count("EXECUTING") == 2, "two jobs in hand")
        workers.kill()
        assert phases().count("EXECUTING") == 2, "nobody has told the table yet"
        workers.start()
        await_that(lambda: phases() == ["COMPLETED"] * 6, f"all completed, now {phases()}")
        begun = sum(path.read_text().count("begin") for path in paths)
        assert begun == 8, "the two jobs in hand began twice, the others once"
        assert all(path.read_text().endswith("end\n") for path in paths)
        assert sorted(Job.objects.values_list("attempts", flat=True)) == [1, 1, 1, 1, 2, 2]

    def test_an_abort_cancels_the_running_query(self, workers):
        job = jobs.submit_job(kind="query", arguments={})
        workers.start()
        active = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'"
        await_that(lambda: jobs._ask(active) == 1, "the query runs")
        begin = time.monotonic()
        assert jobs.abort_job(job.job_id)
        await_that(lambda: jobs._ask(active) == 0, "the query is cancelled", patience_s=10)
        assert time.monotonic() - begin < 5
        job.refresh_from_db()
        assert job.phase == "ABORTED"

    def test_a_job_that_kills_its_workers_ends_in_error(self, workers):
        job = Job.objects.create(kind="note", phase="EXECUTING", attempts=jobs.MOST_ATTEMPTS, lock_key=77)
        assert jobs.sweep_jobs() == 1
        job.refresh_from_db()
        assert (job.phase, job.message) == ("ERROR", "The worker died 5 times while it ran this job.")

    def test_the_sweep_leaves_the_living_alone(self, workers, tmp_path):
        jobs.submit_job(kind="note", arguments={"path": str(tmp_path / "note"), "seconds": 2})
        workers.start()
        await_that(lambda: phases() == ["EXECUTING"], "a worker has it")
        assert jobs.sweep_jobs() == 0
        workers.processes[0].terminate()
        await_that(lambda: phases() == ["COMPLETED"], "a polite stop finishes the job in hand")
