"""Fill an empty archive with demonstration content, each part once."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core.management import call_command

from archive.errors import ArchiveError
from archive.selectors import current_release

SIZES = {
    "tiny": {"science_windows": 500, "order": 6, "products": 5},
    "small": {"science_windows": 2_000, "order": 8, "products": 30},
    "medium": {"science_windows": 20_000, "order": 8, "products": 60},
    "full": {"science_windows": 200_000, "order": 9, "products": 100},
}
"""Sizes of the simulated mission; INTEGRAL's own had about 200,000 science windows."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some demonstration content: its title for the user and how it gets in."""

    name: str
    title: str
    load: Callable[[TextIO], None]


def find_parts(size: str) -> list[Part]:
    """Return all parts for this machine; products come last, so that they find the sources they belong to."""
    parts = []
    if shared := find_shared_data():
        parts.append(Part("shared", f"real INTEGRAL files in {shared}", lambda report: _ingest(shared, report)))
    parts.append(Part(f"simulation-{size}", f"a simulated mission ({size})", lambda report: _simulate(size, report)))
    parts.append(Part("isla-products", "genuine ISLA products inside astroquery", _load_isla_products))
    return parts


def missing_parts(size: str) -> list[Part]:
    """Return the parts that this archive does not hold yet."""
    held = _read_held()
    return [part for part in find_parts(size) if part.name not in held]


def load_part(part: Part) -> None:
    """Bring a part in and remember it; the reports of the commands go to ``<data>/log/demo.log``.

    Raises
    ------
    ArchiveError
        If its delivery was refused; nothing of it is in the archive then.
    """
    log = settings.DATA_ROOT / "log" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as report:
        report.write(f"== {part.title}\n")
        try:
            part.load(report)
        except SystemExit as refusal:
            raise ArchiveError(
                f"{part.title}: the delivery was refused and nothing of it is in; {log} says why."
            ) from refusal
    _write_held([*_read_held(), part.name])


def find_shared_data() -> Path | None:
    """Directory of real files: `$ARCHIPELAGO_SHARED/data`, else `shared/data` beside the checkout; None if absent."""
    directory = Path(os.environ.get("ARCHIPELAGO_SHARED") or settings.CHECKOUT.parent / "shared") / "data"
    return directory if directory.is_dir() else None


def _ingest(directory: Path, report: TextIO) -> None:
    call_command("ingest", str(directory), stdout=report)


def _load_isla_products(report: TextIO) -> None:
    directory = _work_directory("isla-products")
    call_command("demo_products", str(directory), stdout=report)
    _ingest(directory, report)
    shutil.rmtree(directory)


def _simulate(size: str, report: TextIO) -> None:
    directory = _work_directory(f"simulation-{size}")
    call_command("simulate", str(directory), **SIZES[size])
    _ingest(directory, report)
    shutil.rmtree(directory)  # the archive has its own copies


def _work_directory(name: str) -> Path:
    """An empty directory; what an interrupted run left there is removed."""
    directory = settings.DATA_ROOT / "demo" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _read_held() -> list[str]:
    """Names of the parts that are in; an archive without a release holds none, whatever the list says."""
    path = settings.DATA_ROOT / "demo" / "held.json"
    if current_release() is None or not path.exists():
        return []
    return json.loads(path.read_text(encoding="utf-8"))


def _write_held(names: list[str]) -> None:
    path = settings.DATA_ROOT / "demo" / "held.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(names), encoding="utf-8")
    aside.replace(path)
