"""Where a submission stands, as text."""

from typing import Any

from archive.models import Submission
from ingestion.expiry import count_ahead, kept_until
from ingestion.gates import missing_signatures


def describe_submission(submission: Submission) -> str:
    """Write state, verdict, what would change and what is to be done next."""
    lines = [f"{submission}: {Submission.State(submission.state).label}", f"  content {submission.digest_sha256}"]
    if submission.state == Submission.State.RECEIVED:
        lines.append(f"  in the queue: {count_ahead(submission)} deliveries before it")
    if until := kept_until(submission):
        lines.append(f"  its files stay in quarantine until {until:%Y-%m-%d}")
    report: dict[str, Any] = submission.report or {}
    if report:
        totals = report["totals"]
        lines.append(
            f"  validator: {report['verdict']}; {totals['errors']} errors, {totals['warnings']} warnings, "
            f"{totals['infos']} notes ({report['validator']})"
        )
        for code in report["codes"]:
            if code["severity"] == "error":
                first = code["examples"][0]
                lines.append(
                    f"  {code['rule']} x {code['count']}: {first['path']}: {first['message']} {first['found']}"
                )
    preview: dict[str, Any] | None = submission.preview
    if preview and submission.state == Submission.State.VALID:
        lines += [
            f"  would change {name}: {counts['new']} new, {counts['gone']} gone, {counts['changed']} changed"
            for name, counts in preview["tables"].items()
        ]
        if not preview["tables"] and not preview["maps"]:
            lines.append("  would change nothing")
        missing = missing_signatures(submission)
        lines += [
            f"  next: archipelago delivery sign {submission.delivery_id} --role {role} --by NAME" for role in missing
        ]
    if submission.release is not None:
        lines.append(f"  release {submission.release.name}")
    found: dict[str, Any] | None = submission.verification
    if found:
        lines.append(
            f"  read back: {found['files_hashed']} files hashed, {found['rows_queried']} rows queried, "
            f"{found['files_fetched']} files fetched. {found['note']}".rstrip()
        )
        lines += [f"  ERROR {error}" for error in found["errors"]]
    return "\n".join(lines)
