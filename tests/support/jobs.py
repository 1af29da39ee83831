"""Kinds of job for the tests of the job table: importable by a real worker."""

import os
import time
from pathlib import Path

from archive.errors import UsageError
from archive.jobs import report_progress


def note_and_wait(path: str, seconds: float) -> dict[str, int]:
    """Append a line, wait, append another: the lines tell how often it began and ended."""
    with Path(path).open("a", encoding="utf-8") as handle:
        handle.write("begin\n")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
    with Path(path).open("a", encoding="utf-8") as handle:
        handle.write("end\n")
    return {"pid": os.getpid()}


def fail(text: str) -> None:
    """Fail as a job fails on bad input."""
    raise UsageError(text)


def break_down() -> None:
    """Fail as a bug does."""
    raise ZeroDivisionError("secret detail")


def query_for_long() -> None:
    """Sit in a query."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")


def report_for_long() -> None:
    """Work without the database, and report."""
    for step in range(600):
        report_progress(step / 600, f"step {step}")
        time.sleep(0.05)
