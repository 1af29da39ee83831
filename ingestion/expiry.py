"""How long quarantine keeps what will not be published, and where a delivery stands in the queue."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from archive.audit import record
from archive.models import Submission
from ingestion.gates import package_path

KEPT_DAYS = 90
"""After a refusal, or after a corrected package has taken its place."""
State = Submission.State
_NOT_PUBLISHED = (State.RECEIVING, State.RECEIVED, State.INVALID, State.VALID)


def kept_until(submission: Submission) -> datetime | None:
    """Return until when the files of a refused package stay in quarantine; None = not bounded, or gone already."""
    if submission.state != State.INVALID or not package_path(submission).exists():
        return None
    return (submission.checked_at or submission.received_at) + timedelta(days=KEPT_DAYS)


def expire_packages(*, older_than_days: float = KEPT_DAYS) -> list[str]:
    """Remove the packages that were refused, or replaced by a later attempt, so long ago; return which.

    Reports, findings and the log stay, and what waits for signatures or was published is never removed. Safe to run
    again after a crash: what the log says and is still there goes then.
    """
    removed = []
    for submission in _expired(datetime.now(UTC) - timedelta(days=older_than_days)):
        path = package_path(submission)
        if not path.exists():
            continue
        facts = {"bytes": submission.size_bytes, "state": submission.state}
        record(actor="archive", action="delivery expired", subject=str(submission), facts=facts)
        shutil.rmtree(path)
        removed.append(str(submission))
    return removed


def _expired(before: datetime) -> Iterator[Submission]:
    later = Submission.objects.filter(delivery_id=OuterRef("delivery_id"), attempt__gt=OuterRef("attempt"))
    refused = Q(state=State.INVALID, checked_at__lt=before)
    replaced = Q(Exists(later.filter(received_at__lt=before)), state__in=_NOT_PUBLISHED)
    yield from Submission.objects.filter(refused | replaced).defer("report", "preview").order_by("pk")


def count_ahead(submission: Submission) -> int:
    """Return how many deliveries wait for validation since before this one."""
    if submission.state != State.RECEIVED:
        return 0
    return Submission.objects.filter(state=State.RECEIVED, received_at__lt=submission.received_at).count()
