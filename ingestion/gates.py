"""The gates of a delivery: receive, check, sign, publish, read back (docs/decisions/0030-gates.md).

Each gate looks at the state in the database, does its work, and moves the state on in the transaction that makes the
work visible. So each may be run twice, and again after a crash at any point.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from archive.audit import record
from archive.errors import ArchiveError, BusyError, NotFoundError, StorageError, UsageError
from archive.formats.findings import Finding, FormatError
from archive.models import SignOff, Submission
from archive.services import Publication
from ingestion.bag import find_package
from ingestion.label import LABEL_NAME, read_label
from ingestion.load import known_sources, load_plan, preview_plan
from ingestion.pipeline import make_plan
from ingestion.plan import Plan
from ingestion.quarantine import copy_package, read_package
from ingestion.read_back import read_back_release
from ingestion.sandbox import validate_in_sandbox
from ingestion.unpack import is_packed, unpacked
from ingestion.validator import report_plan
from upper_limits.services import build_current_store

State = Submission.State
Say = Callable[[str], None]


def _silent(line: str) -> None:
    """Say nothing."""


def package_path(submission: Submission) -> Path:
    """Return where the package of a submission lies."""
    return settings.QUARANTINE_ROOT / f"{submission.delivery_id}.{submission.attempt}"


def find_submission(delivery_id: str) -> Submission:
    """Return the latest attempt of a delivery.

    Raises
    ------
    NotFoundError
        If nothing was handed in under this id.
    """
    found = Submission.objects.filter(delivery_id=delivery_id).order_by("-attempt").first()
    if found is None:
        raise NotFoundError(f"no delivery {delivery_id!r} was handed in; archipelago delivery status lists them")
    return found


def receive(path: Path, *, actor: str, say: Say = _silent) -> Submission:
    """Take a package into quarantine; the same package again is the same submission.

    Raises
    ------
    UsageError
        If the label cannot be read, something is no regular file, or the id was published with other content.
    """
    if is_packed(path):
        say(f"unpacking {path.name}")
        with unpacked(path, settings.QUARANTINE_ROOT) as folder:
            return receive(folder, actor=actor, say=say)
    if not path.is_dir():
        raise UsageError(
            f"{path} is no folder: hand in a folder with {LABEL_NAME}, a bag, or one of them as tar or zip"
        )
    try:
        label = read_label(find_package(path).payload / LABEL_NAME)
    except FormatError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{path} has no {LABEL_NAME}: archipelago delivery init writes one") from error
    content = read_package(path)
    submission = _open_attempt(label.delivery_id, content.digest_sha256)
    if submission.pk is not None and submission.state != State.RECEIVING:
        return submission
    submission.title, submission.team = label.title, label.team
    submission.release_type, submission.simulated = label.release_type, label.simulated
    submission.size_bytes = content.size_bytes
    submission.save()
    copy_package(path, package_path(submission), content, say)
    with transaction.atomic():
        _move(submission, State.RECEIVING, State.RECEIVED)
        _log(submission, actor, "received", {"content": content.digest_sha256, "bytes": content.size_bytes})
    return submission


def _open_attempt(delivery_id: str, digest: str) -> Submission:
    last = Submission.objects.filter(delivery_id=delivery_id).order_by("-attempt").first()
    if last is None:
        return Submission(delivery_id=delivery_id, attempt=1, digest_sha256=digest)
    if last.digest_sha256 == digest:
        return last
    if last.state in {State.PUBLISHED, State.VERIFIED, State.DAMAGED, State.UNCHANGED}:
        raise UsageError(
            f"delivery {delivery_id} was published with the content {last.digest_sha256[:12]}..., this one has "
            f"{digest[:12]}...; a changed delivery needs a new delivery_id"
        )
    return Submission(delivery_id=delivery_id, attempt=last.attempt + 1, digest_sha256=digest)


def check(submission_id: int, *, say: Say = _silent) -> Submission:
    """Validate a received package in a process of its own and work out what publishing it would change."""
    submission = _get(submission_id)
    if submission.state != State.RECEIVED:
        return submission
    path = package_path(submission)
    say("validating")
    report: dict[str, Any] | None = validate_in_sandbox(path)
    preview = None
    if report["verdict"] == "valid":
        if report["digest_sha256"] != submission.digest_sha256:
            raise StorageError(f"{submission}: the package changed in quarantine; hand it in again")
        say("working out what would change")
        report = None  # of 100,000 files it is large, and the preview makes its own
        report, preview = _preview(path)
    state = State.VALID if preview is not None else State.INVALID
    with transaction.atomic():
        now = datetime.now(UTC)
        _move(submission, State.RECEIVED, state, report=report, preview=preview, checked_at=now)
        facts = {"validator": report["validator"], "rules": report["rules_sha256"], **report["totals"]}
        _log(submission, "validator", "checked", {"verdict": state, **facts})
    return submission


def _preview(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Plan against the archive's own sources; what the archive refuses becomes a finding of the report."""
    plan = make_plan(path, known_sources(), _silent)
    if not plan.is_valid:
        return report_plan(plan).as_json(), None
    try:
        links = [found._asdict() for found in plan.matches]
        preview = {**preview_plan(plan), "links": links, "more_links": plan.more_matches}
        return report_plan(plan).as_json(), preview  # the sandbox knows no sources: this report says what they match
    except BusyError:
        raise  # another publication runs: this is no fault of the delivery, and the gate can be run again
    except ArchiveError as error:
        fix = "Correct delivery.yaml and hand the delivery in again."
        refused = Finding("ARCHIVE-REFUSED", "error", str(error), path=LABEL_NAME, fix=fix)
        return report_plan(plan, (refused,)).as_json(), None


def sign(delivery_id: str, *, role: str, signer: str) -> Submission:
    """Sign what the preview shows, for the team or for the archive; signing again changes nothing.

    Raises
    ------
    UsageError
        If the delivery does not wait for signatures, or one person signs for both.
    """
    submission = find_submission(delivery_id)
    if submission.state != State.VALID:
        raise UsageError(f"{submission} {State(submission.state).label}: there is nothing to sign")
    with transaction.atomic():
        _ = Submission.objects.select_for_update().get(pk=submission.pk)
        others = SignOff.objects.filter(submission=submission).exclude(role=role)
        if others.filter(signer__iexact=signer.strip()).exists():
            raise UsageError(f"{signer} has signed for the other side already: team and archive must be two")
        _, is_new = SignOff.objects.get_or_create(
            submission=submission, role=role, defaults={"signer": signer, "digest_sha256": submission.digest_sha256}
        )
        if is_new:
            _log(submission, signer, "signed", {"role": role, "content": submission.digest_sha256})
    return submission


def missing_signatures(submission: Submission) -> list[str]:
    """Return the roles that have not signed this very content."""
    signed = set(
        SignOff.objects.filter(submission=submission, digest_sha256=submission.digest_sha256).values_list(
            "role", flat=True
        )
    )
    return [role for role in SignOff.Role.values if role not in signed]


def publish(submission_id: int, *, say: Say = _silent) -> Submission:
    """Publish a signed delivery: every file hashed again, rows and pointer in one transaction with the state.

    Raises
    ------
    UsageError
        If a signature is missing.
    StorageError
        If the package is not what was checked and signed.
    """
    submission = _get(submission_id)
    if submission.state != State.VALID:
        return submission
    if missing := missing_signatures(submission):
        raise UsageError(f"{submission} lacks the signature of {' and '.join(missing)}")
    plan = make_plan(package_path(submission), known_sources(), say)
    if plan.payload_sha256 != submission.digest_sha256:
        _log(submission, "archive", "refused", {"reason": "changed after it was signed", "found": plan.payload_sha256})
        raise StorageError(f"{submission} changed after it was checked and signed; nothing was published")
    if not plan.is_valid:
        raise UsageError(f"{submission} is not valid any more: {_first_error(plan)}")

    def conclude(publication: Publication) -> None:
        now = datetime.now(UTC)
        _move(submission, State.VALID, State.PUBLISHED, release=publication.release, published_at=now)
        counts = {name: asdict(counts) for name, counts in publication.counts.items()}
        _log(submission, "archive", "published", {"release": publication.release.name, "rows": counts})

    loaded = load_plan(plan, say, conclude=conclude)
    if not loaded.release:
        with transaction.atomic():
            submission.state = State.VALID  # what `conclude` set was rolled back
            _move(submission, State.VALID, State.UNCHANGED, release=None, published_at=None)
            _log(submission, "archive", "unchanged", {})
    elif loaded.maps_changed:
        build_current_store(say)
    return submission


def _first_error(plan: Plan) -> str:
    return str(next(finding for finding in plan.findings if finding.severity == "error"))


def read_back(submission_id: int, *, say: Say = _silent) -> Submission:
    """Read what was published as a user would: files by digest and by URL, rows as TAP serves them."""
    submission = _get(submission_id)
    if submission.state not in {State.PUBLISHED, State.DAMAGED}:
        return submission
    before = State(submission.state)
    found = read_back_release(submission, say)
    after = State.DAMAGED if found["errors"] else State.VERIFIED
    with transaction.atomic():
        _move(submission, before, after, verification=found, verified_at=datetime.now(UTC))
        _log(submission, "archive", "read back", {"state": after, "errors": len(found["errors"])})
    return submission


def _get(submission_id: int) -> Submission:
    found = Submission.objects.filter(pk=submission_id).first()
    if found is None:
        raise NotFoundError(f"there is no submission {submission_id}")
    return found


def _move(submission: Submission, before: State, after: State, **values: Any) -> None:
    """Move a submission on, unless somebody else has."""
    if not Submission.objects.filter(pk=submission.pk, state=before).update(state=after, **values):
        raise BusyError(f"{submission} was moved on by another process; nothing was done twice")
    for name, value in {"state": after, **values}.items():
        setattr(submission, name, value)


def _log(submission: Submission, actor: str, action: str, facts: dict[str, Any]) -> None:
    record(actor=actor, action=f"delivery {action}", subject=str(submission), facts=facts)
