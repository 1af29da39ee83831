"""A rehearsal with real files: pack what a data directory holds as team deliveries, and write down each verdict.

`ingestion/rehearsal.yaml` says which files make which delivery; docs/how-to/deliver.md how to run it.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from archive.errors import UsageError
from ingestion.delivery import MANIFEST_NAME
from ingestion.discover import DiscoveredFile, discover
from ingestion.label import FORMAT, LABEL_NAME
from ingestion.pipeline import make_plan
from ingestion.prepare import pack_delivery
from ingestion.validator import NO_SOURCES
from ingestion.waivers import WAIVABLE

PLAN_PATH = Path(__file__).with_name("rehearsal.yaml")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One delivery made of real files: its folder, its bag, and the files by their names in it.

    `refused` files break a rule that cannot be waived and are not in the bag; without any others there is no bag.
    """

    delivery_id: str
    folder: Path
    bag: Path | None
    files: tuple[DiscoveredFile, ...]
    refused: tuple[DiscoveredFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the validator says of one file without any waiver: its profile and how often it breaks which rule."""

    name: str
    profile: str
    errors: tuple[tuple[str, int], ...]
    warnings: tuple[tuple[str, int], ...]

    @property
    def is_valid(self) -> bool:
        """Whether the file breaks no rule that keeps a delivery out."""
        return not self.errors


def prepare_deliveries(data: Path, work: Path, *, suffix: str = "") -> tuple[list[Rehearsed], list[str]]:
    """Copy the files that profiles claim into one folder per delivery, label and pack them.

    Returns the deliveries, and the claimed files that no delivery takes.

    Raises
    ------
    UsageError
        If `work` is not empty.
    """
    if work.exists() and any(work.iterdir()):
        raise UsageError(f"{work} is not empty: give a new folder to work in")
    plan: dict[str, Any] = yaml.safe_load(PLAN_PATH.read_text("utf-8"))
    claimed = {file.name: file for file in discover(data).files if file.profile is not None}
    rehearsed = []
    for entry in plan["deliveries"]:
        names = sorted(
            {path.relative_to(data).as_posix() for glob in entry["files"] for path in data.glob(glob)} & claimed.keys()
        )
        files = tuple(claimed.pop(name) for name in names)
        if not files:
            continue
        folder = work / "folders" / f"{entry['id']}{suffix}"
        folder.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file.path, folder / file.path.name)
        named = {**entry, "id": f"{entry['id']}{suffix}"}
        wrong = _write_label(folder, named, plan, files)
        refused = tuple(file for file in files if file.path.name in wrong)
        for file in refused:
            (folder / file.path.name).unlink()
        kept = [file for file in files if file not in refused]
        if refused and kept:
            _ = _write_label(folder, named, plan, kept)
        bag = pack_delivery(folder, work / named["id"]) if kept else None
        for file in refused:
            shutil.copyfile(file.path, folder / file.path.name)
        rehearsed.append(Rehearsed(named["id"], folder, bag, files, refused))
    return rehearsed, sorted(claimed)


def _write_label(
    folder: Path, entry: dict[str, Any], plan: dict[str, Any], files: Iterable[DiscoveredFile]
) -> set[str]:
    """Write a label with the waivers that the files need; return the names of files that no waiver helps."""
    label = {
        "delivery_format": FORMAT,
        "delivery_id": entry["id"],
        "title": entry["title"],
        "description": "A rehearsal of deliveries with real files collected from public repositories.",
        "team": entry["team"],
        "contact_role": "rehearsal",
        "instruments": entry["instruments"],
        "collection": "rehearsal",
        "software": {"source": "PROVENANCE.md of each folder"},
        "calibration": {"source": "PROVENANCE.md of each folder"},
        "completeness": "A sample: the files that could be collected, not the mission.",
        "simulated": False,
        "licence": "see PROVENANCE.md",
        "files": [{"pattern": file.path.name, "profile": file.profile.name} for file in files if file.profile],
    }
    (folder / LABEL_NAME).write_text(yaml.safe_dump(label, sort_keys=False), "utf-8")
    errors = [one for one in make_plan(folder, NO_SOURCES, _silent).findings if one.severity == "error"]
    rules = {finding.rule for finding in errors} & plan["waivers"].keys()
    waivers = [
        {"rule": rule, "reason": plan["waivers"][rule], "by": "rehearsal", "expires": str(plan["expires"])}
        for rule in sorted(rules)
    ]
    if waivers:
        (folder / LABEL_NAME).write_text(yaml.safe_dump({**label, "waivers": waivers}, sort_keys=False), "utf-8")
    return {finding.path for finding in errors if finding.rule not in rules and finding.path != MANIFEST_NAME}


def _silent(line: str) -> None:
    """Say nothing."""


def judge(deliveries: Iterable[Rehearsed]) -> list[Verdict]:
    """Return the verdict on each file of some deliveries as if nothing were waived."""
    verdicts = []
    for delivery in deliveries:
        label = yaml.safe_load((delivery.folder / LABEL_NAME).read_text("utf-8"))
        label.pop("waivers", None)
        label["files"] = [
            {"pattern": file.path.name, "profile": file.profile.name} for file in delivery.files if file.profile
        ]
        bare = delivery.folder.with_name(f".{delivery.folder.name}.bare")
        shutil.copytree(delivery.folder, bare)
        (bare / LABEL_NAME).write_text(yaml.safe_dump(label, sort_keys=False), "utf-8")
        findings = make_plan(bare, NO_SOURCES, _silent).findings
        shutil.rmtree(bare)
        for file in delivery.files:
            own = [finding for finding in findings if finding.path == file.path.name]
            verdicts.append(
                Verdict(
                    file.name,
                    file.profile.name if file.profile else "",
                    *(
                        tuple(sorted(Counter(one.rule for one in own if one.severity == word).items()))
                        for word in ("error", "warning")
                    ),
                )
            )
    return sorted(verdicts, key=lambda verdict: verdict.name)


def describe_verdicts(verdicts: Iterable[Verdict]) -> str:
    """Write verdicts as a table in Markdown; files of one folder with the same verdict share a line."""
    groups: dict[Verdict, list[str]] = {}
    for verdict in verdicts:
        folder = verdict.name.rpartition("/")[0]
        same = replace(verdict, name=folder if "_per_scw/" in verdict.name else verdict.name)
        groups.setdefault(same, []).append(verdict.name)
    lines = ["| file | profile | verdict | rules broken | warnings |", "| --- | --- | --- | --- | --- |"]
    for verdict, names in groups.items():
        shown = f"`{names[0]}`" if len(names) == 1 else f"`{verdict.name}/` ({len(names)} files)"
        can_be_waived = all(rule in WAIVABLE for rule, _ in verdict.errors)
        words = "valid" if verdict.is_valid else "refused unless waived" if can_be_waived else "refused"
        lines.append(
            f"| {shown} | {verdict.profile} | {words} | {_rules(verdict.errors)} | {_rules(verdict.warnings)} |"
        )
    return "\n".join(lines) + "\n"


def _rules(counts: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{rule} × {count}" if count > 1 else rule for rule, count in counts)
