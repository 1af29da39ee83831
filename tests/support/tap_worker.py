"""What tests of TAP jobs need: a thread in place of a worker process, and directories and connections of their own."""

import threading
from contextlib import contextmanager

import pytest


@contextmanager
def running_worker():
    """Run jobs in a thread as a worker process does."""
    from django.db import connection

    from archive.jobs import run_next_job

    ended = threading.Event()

    def work():
        try:
            while not ended.is_set():
                if not run_next_job():
                    ended.wait(0.01)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def closed_pools():
    """The pool's connections would keep the test database from being dropped."""
    yield
    from vo.tap.executor import close_pools

    close_pools()


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    """Files of jobs go into the test's own directory."""
    settings.RESULTS_ROOT = tmp_path / "jobs"


@pytest.fixture
def worker(transactional_db, settings):
    """Jobs are run."""
    settings.JOBS = {"tap": "vo.tap.jobs.run_tap"}
    with running_worker():
        yield
