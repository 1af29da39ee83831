"""Settings of a worker process that a test starts: the test's database and kinds of job."""

import os

from tests.support.settings import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ.get("ARCHIPELAGO_TEST_DATABASE", "archipelago")  # noqa: F405
JOBS = {
    "note": "tests.support.jobs.note_and_wait",
    "fail": "tests.support.jobs.fail",
    "break": "tests.support.jobs.break_down",
    "query": "tests.support.jobs.query_for_long",
    "report": "tests.support.jobs.report_for_long",
}
