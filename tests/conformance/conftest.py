"""Validators run against a live server with a worker; no connection is left behind."""

import pytest

from tests.support.tap_worker import running_worker


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
