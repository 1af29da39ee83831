"""Submit an ingestion as a job and wait until a worker has done it; used by loopback.sh.

Usage: ``loopback_job.py DIRECTORY --wait 300`` tells a worker through the broker; with ``--quiet-job`` nobody is told,
and the scheduler's sweep must find the job.
"""

import argparse
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
django.setup()

from archive.jobs import submit_job  # noqa: E402 - after the set-up
from archive.tasks import nudge  # noqa: E402 - same


def main() -> int:
    """Submit, tell or not, wait."""
    parser = argparse.ArgumentParser(description="Submit an ingestion as a job and wait until a worker has done it.")
    parser.add_argument("directory")
    parser.add_argument("--wait", type=float, required=True, help="seconds")
    parser.add_argument("--quiet-job", action="store_true", help="tell no worker")
    options = parser.parse_args()
    begin = time.monotonic()
    job = submit_job(kind="ingest", arguments={"path": options.directory}, owner="loopback")
    if not options.quiet_job:
        nudge()
    while job.phase in {job.Phase.QUEUED, job.Phase.EXECUTING}:
        if time.monotonic() - begin > options.wait:
            print(f"  job {job.job_id} is {job.phase} after {options.wait:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.2)
        job.refresh_from_db()
    how = "found by the scheduler's sweep" if options.quiet_job else "woken through the broker"
    print(f"  job {job.kind} {job.phase} in {time.monotonic() - begin:.1f} s, {how} {job.message}")
    for report in (job.result or {}).get("reports", []):
        print(f"    {report['delivery_id']}: {report['state']} {report['release']}")
    return 0 if job.phase == job.Phase.COMPLETED else 1


if __name__ == "__main__":
    sys.exit(main())
