"""Where a submission stands, as text."""

from archive.models import Submission
from ingestion.gates import missing_signatures


def describe_submission(submission: Submission) -> str:
    """Write state, verdict, what would change and what is to be done next."""
    lines = [f"{submission}: {submission.get_state_display()}", f"  content {submission.digest_sha256}"]
    report = submission.report or {}
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
    if submission.preview and submission.state == Submission.State.VALID:
        lines += [
            f"  would change {name}: {counts['new']} new, {counts['gone']} gone, {counts['changed']} changed"
            for name, counts in submission.preview["tables"].items()
        ]
        if not submission.preview["tables"] and not submission.preview["maps"]:
            lines.append("  would change nothing")
        missing = missing_signatures(submission)
        lines += [
            f"  next: archipelago delivery sign {submission.delivery_id} --role {role} --by NAME" for role in missing
        ]
    if submission.release is not None:
        lines.append(f"  release {submission.release.name}")
    found = submission.verification
    if found:
        lines.append(
            f"  read back: {found['files_hashed']} files hashed, {found['rows_queried']} rows queried, "
            f"{found['files_fetched']} files fetched. {found['note']}".rstrip()
        )
        lines += [f"  ERROR {error}" for error in found["errors"]]
    return "\n".join(lines)
