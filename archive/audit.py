"""The audit log: append-only, each entry sealed with a digest over itself and the entry before."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from archive.errors import StorageError
from archive.models import AuditEntry

GENESIS = "0" * 64


def record(*, actor: str, action: str, subject: str, facts: Mapping[str, Any] | None = None) -> AuditEntry:
    """Append an entry; in the caller's transaction, so that what did not happen is not in the log."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [settings.LOCK_AUDIT])
        last = AuditEntry.objects.order_by("-number").first()
        entry = AuditEntry(
            number=last.number + 1 if last else 1,
            recorded_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            actor=actor[:80],
            action=action,
            subject=subject[:120],
            facts=dict(facts or {}),
            previous_sha256=last.sha256 if last else GENESIS,
        )
        entry.sha256 = _seal(entry)
        entry.save(force_insert=True)
    return entry


def verify_log(expected_head: str = "") -> tuple[int, str]:
    """Recompute the whole chain and return its length and head.

    Parameters
    ----------
    expected_head
        A digest noted earlier, which must still be in the log: sees a log that was cut or written anew.

    Raises
    ------
    StorageError
        With the number of the first entry that is not what it was.
    """
    previous, number, seen = GENESIS, 0, not expected_head
    for number, entry in enumerate(AuditEntry.objects.order_by("number").iterator(), start=1):
        if entry.number != number:
            raise StorageError(f"audit log: entry {number} is missing, entry {entry.number} stands in its place")
        if entry.previous_sha256 != previous or entry.sha256 != _seal(entry):
            raise StorageError(f"audit log: entry {number} ({entry.action} {entry.subject}) was changed")
        previous = entry.sha256
        seen = seen or previous == expected_head
    if not seen:
        raise StorageError(
            f"audit log: the entry {expected_head[:16]}... is not in it any more; it was cut or replaced"
        )
    return number, previous


def _seal(entry: AuditEntry) -> str:
    """Hash everything an entry says and the digest of the one before."""
    said = [
        entry.number,
        entry.recorded_at,
        entry.actor,
        entry.action,
        entry.subject,
        entry.facts,
        entry.previous_sha256,
    ]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
