"""Ingest a path: plan, then load when nothing forbids it; the one service behind the command, tasks and tests."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from archive.errors import UsageError
from archive.formats.findings import Finding
from archive.services import MergeCounts
from ingestion.bag import is_delivery
from ingestion.load import known_sources, load_plan
from ingestion.pipeline import make_plan
from ingestion.plan import DatasetCount
from upper_limits.services import build_current_store


@dataclass(frozen=True, slots=True)
class Report:
    """What an ingestion did.

    `state` is ``published``, ``unchanged`` (nothing new), ``checked`` (dry run) or ``invalid`` (nothing loaded).
    """

    path: str
    delivery_id: str
    state: str
    simulated: bool
    release: str
    datasets: tuple[DatasetCount, ...]
    aside: tuple[str, ...]
    findings: tuple[Finding, ...]
    tables: dict[str, MergeCounts] = field(default_factory=dict)
    maps_changed: bool = False
    seconds: float = 0.0

    @property
    def is_error(self) -> bool:
        """Whether the ingestion was refused."""
        return self.state == "invalid"

    def as_json(self) -> dict[str, Any]:
        """Return the report as values for JSON."""
        return {"report": 1, **asdict(self)}


def find_deliveries(path: Path) -> tuple[Path, ...]:
    """Return what is to be ingested at a path: the deliveries right below it when there are any, else the path itself.

    Files beside the deliveries are said by `files_beside`.
    """
    if path.is_dir() and not is_delivery(path):
        below = tuple(sorted(item for item in path.iterdir() if not item.is_symlink() and is_delivery(item)))
        if below:
            return below
    return (path,)


def files_beside(path: Path) -> tuple[str, ...]:
    """Return the names of what lies beside the deliveries of a folder and is not ingested."""
    deliveries = find_deliveries(path)
    return (
        () if deliveries == (path,) else tuple(sorted(item.name for item in path.iterdir() if item not in deliveries))
    )


def _silent(line: str) -> None:
    """Say nothing."""


def run_ingestion(path: Path, *, dry_run: bool = False, say: Callable[[str], None] = _silent) -> Report:
    """Ingest a file, a delivery or a directory of files.

    Parameters
    ----------
    path
        What to ingest.
    dry_run
        Check only; the archive is not changed.
    say
        Called with lines of progress.

    Raises
    ------
    NotFoundError
        If there is nothing at `path`.
    UsageError, BusyError, StorageError
        As `ingestion.load.load_plan`.
    """
    began = time.monotonic()
    plan = make_plan(path, known_sources(), say)

    def report(state: str, **more: object) -> Report:
        return Report(
            path=str(path),
            delivery_id=plan.delivery_id,
            state=state,
            simulated=plan.simulated,
            datasets=plan.datasets,
            aside=plan.aside,
            findings=plan.findings,
            seconds=round(time.monotonic() - began, 3),
            **{"release": "", **more},
        )

    if not plan.is_valid:
        return report("invalid")
    if dry_run:
        return report("checked")
    if plan.label is not None and plan.label.release_type in {"supersede", "withdraw"}:
        raise UsageError(
            f"a delivery of type {plan.label.release_type} takes rows away and needs both signatures: "
            "hand it in with archipelago delivery submit"
        )
    loaded = load_plan(plan, say)
    if loaded.maps_changed:
        # Derived from the maps just published; `archipelago upper-limits build` does the same and can be repeated.
        build_current_store(say)
    state = "published" if loaded.release else "unchanged"
    return report(state, release=loaded.release, tables=loaded.counts, maps_changed=loaded.maps_changed)
