"""The open validator: a delivery in, a report out; needs no database, no network and no settings.

The archive runs the same code in a process of its own, with the budgets of `ingestion.sandbox` around it, so that a
team sees on its laptop what the archive will say. ``python -m ingestion.validator FOLDER`` writes the report as JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from archive.formats.findings import Finding
from ingestion.delivery import MANIFEST_NAME
from ingestion.label import LABEL_NAME
from ingestion.pipeline import make_plan
from ingestion.plan import Plan
from ingestion.rules import SEVERITIES, collect_rules, rules_sha256
from ingestion.sources import KnownSource

MAX_EXAMPLES = 5
REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What became of one file; `verdict` is ``valid`` or ``invalid``, `rules` are those it breaks."""

    path: str
    size_bytes: int
    sha256: str
    profile: str
    rows: Mapping[str, int]
    products: int
    maps: int
    verdict: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a rule was broken, what the rule says, and the first places."""

    rule: str
    severity: str
    count: int
    remedy: str
    examples: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The verdict on a delivery.

    Two runs over the same bytes with the same rules give the same report, unless a waiver expires between them.
    `digest_sha256` identifies the content that was checked: every file of the payload with its name.
    """

    verdict: str
    delivery_id: str
    title: str
    team: str
    release_type: str
    simulated: bool
    digest_sha256: str
    validator: str
    rules_sha256: str
    files: tuple[FileVerdict, ...]
    rows: Mapping[str, int]
    codes: tuple[CodeCount, ...]
    kind: str = ""
    completeness: str = ""
    creators: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    waivers: tuple[Mapping[str, str], ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing forbids publishing."""
        return self.verdict == "valid"

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(code.count for code in self.codes if code.severity == severity)

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(file.size_bytes for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """Return the report as `ingestion/report.schema.json` describes it."""
        totals = {
            "files": len(self.files),
            "bytes": self.size_bytes,
            **{f"{severity}s": self.count(severity) for severity in SEVERITIES},
        }
        return {"report": REPORT_VERSION, "totals": totals, **asdict(self)}


def validator_version() -> str:
    """Return the name and version of this validator."""
    try:
        return f"archipelago {version('archipelago')}"
    except PackageNotFoundError:  # runs from a checkout
        return "archipelago (checkout)"


def _silent(line: str) -> None:
    """Say nothing."""


def validate_delivery(path: Path, say: Callable[[str], None] = _silent) -> DeliveryReport:
    """Check a delivery: a folder with `delivery.yaml`, or a bag.

    Sources are identified within the delivery only; against the archive's own that is done for the preview.

    Raises
    ------
    NotFoundError
        If there is nothing at `path`.
    """
    return report_plan(make_plan(path, NO_SOURCES, say))


NO_SOURCES: Mapping[str, KnownSource] = {}


def report_plan(plan: Plan, more: tuple[Finding, ...] = ()) -> DeliveryReport:
    """Write up a plan; `more` are findings made outside it."""
    findings = (*plan.findings, *more)
    if plan.label is None and not any(finding.rule.startswith("LABEL-") for finding in findings):
        message = f"there is no {LABEL_NAME}: this is a loose folder, not a delivery"
        fix = "archipelago delivery init writes one."
        findings = (*findings, Finding("LABEL-ABSENT", "error", message, path=LABEL_NAME, fix=fix))
    label = plan.label
    return DeliveryReport(
        verdict="invalid" if any(finding.severity == "error" for finding in findings) else "valid",
        delivery_id=label.delivery_id if label else "",
        title=label.title if label else "",
        team=label.team if label else "",
        release_type=label.release_type if label else "",
        simulated=plan.simulated,
        digest_sha256=plan.payload_sha256,
        validator=validator_version(),
        rules_sha256=rules_sha256(),
        files=_files(plan, findings),
        rows={table: len(rows) for table, rows in sorted(plan.rows.items())},
        codes=_codes(findings),
        kind=label.kind if label else "",
        completeness=label.completeness if label else "",
        creators=label.creators if label else (),
        papers=label.papers if label else (),
        waivers=tuple({**asdict(one), "expires": str(one.expires)} for one in label.waivers) if label else (),
    )


def _files(plan: Plan, findings: tuple[Finding, ...]) -> tuple[FileVerdict, ...]:
    wrong: dict[str, set[str]] = {}
    for finding in findings:
        if finding.severity == "error":
            wrong.setdefault(finding.path, set()).add(finding.rule)
    counts = {dataset.path: dataset for dataset in plan.datasets}
    verdicts = []
    for file in sorted(plan.files, key=lambda file: file.name):
        dataset = counts.get(file.name)
        profile = file.profile.name if file.profile else ""
        if file.name in {LABEL_NAME, MANIFEST_NAME}:
            profile = "label" if file.name == LABEL_NAME else "manifest"
        verdicts.append(
            FileVerdict(
                path=file.name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                profile=profile,
                rows=dataset.rows if dataset else {},
                products=dataset.products if dataset else 0,
                maps=dataset.maps if dataset else 0,
                verdict="invalid" if file.name in wrong else "valid",
                rules=tuple(sorted(wrong.get(file.name, ()))),
            )
        )
    return tuple(verdicts)


def _codes(findings: tuple[Finding, ...]) -> tuple[CodeCount, ...]:
    counts: Counter[tuple[int, str]] = Counter()
    examples: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        slot = (SEVERITIES.index(finding.severity), finding.rule)
        counts[slot] += finding.count
        held = examples.setdefault(slot, [])
        if len(held) < MAX_EXAMPLES:
            held.append(finding)
    remedies = {rule.code: " ".join(rule.remedies) for rule in collect_rules()}
    return tuple(
        CodeCount(
            rule=code,
            severity=SEVERITIES[severity],
            count=counts[slot],
            remedy=next((one.fix for one in examples[slot] if one.fix), remedies.get(code, "")),
            examples=tuple(examples[slot]),
        )
        for slot in sorted(counts)
        for severity, code in (slot,)
    )


if __name__ == "__main__":
    answer = validate_delivery(Path(sys.argv[1]))
    json.dump(answer.as_json(), sys.stdout, indent=1, allow_nan=False)
    sys.exit(0 if answer.is_valid else 1)
