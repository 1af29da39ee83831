"""What the job table may run of this package; see `settings.JOBS`."""

import logging
from pathlib import Path

from archive.errors import UsageError
from archive.jobs import report_progress, submit_job
from archive.models import Submission
from archive.tasks import nudge
from ingestion import gates
from ingestion.expiry import expire_packages
from ingestion.fixity import sweep
from ingestion.services import find_deliveries, run_ingestion

logger = logging.getLogger(__name__)


def ingest(path: str) -> dict[str, object]:
    """Ingest a file, a delivery or a folder of deliveries as a job; return what the command writes as JSON.

    Raises
    ------
    UsageError
        If a delivery is refused; those before it are published.
    """
    deliveries = find_deliveries(Path(path))
    reports = []
    for number, delivery in enumerate(deliveries):
        report_progress(number / len(deliveries), f"ingesting {delivery.name}")
        report = run_ingestion(delivery)
        reports.append(report.as_json())
        if report.is_error:
            first = next((finding for finding in report.findings if finding.severity == "error"), report.findings[0])
            raise UsageError(f"{delivery.name} is refused, nothing of it was loaded: {first}")
    return {"reports": reports}


def check_delivery(submission: int) -> dict[str, object]:
    """Validate a submission that was received."""
    return {"state": gates.check(submission, say=_say).state}


def publish_delivery(submission: int) -> dict[str, object]:
    """Publish a signed submission, and have it read back."""
    state = gates.publish(submission, say=_say).state
    if state == gates.State.PUBLISHED:
        submit_job(kind="delivery_read_back", arguments={"submission": submission})
        nudge()
    return {"state": state}


def read_back_delivery(submission: int) -> dict[str, object]:
    """Read a published submission back."""
    return {"state": gates.read_back(submission, say=_say).state}


def sweep_fixity(older_than_days: float = 90.0) -> dict[str, object]:
    """Hash the stored files that were not verified for so long, and compare database and disk; repairs nothing.

    What is wrong is logged as an error, for the operator's alerts, flagged in TAP and kept in the audit log. Being the
    daily round through the archive's files, it also removes what has expired in quarantine.
    """
    expired = expire_packages()
    report = sweep(older_than_days=older_than_days, second_copy=None, say=_say)
    if not report.is_sound:
        logger.error(
            "fixity: %d damaged or missing, %d in the database only, %d without a row; archipelago fixity "
            "--repair-from BACKUP mends them: %s",
            len(report.damaged),
            len(report.without_file),
            len(report.without_row),
            ", ".join((report.damaged + report.without_file + report.without_row)[:5]),
        )
    return {
        "verified": report.verified,
        "bytes": report.bytes_read,
        "damaged": report.damaged,
        "sound": report.is_sound,
        "expired": expired,
    }


def next_job(submission: Submission) -> str:
    """Return the kind of job that does the next gate; '' when it is for people to sign, or all is done."""
    if submission.state == gates.State.VALID:
        return "" if gates.missing_signatures(submission) else "delivery_publish"
    return {gates.State.RECEIVED: "delivery_check", gates.State.PUBLISHED: "delivery_read_back"}.get(
        gates.State(submission.state), ""
    )


def _say(line: str) -> None:
    report_progress(0.5, line)
