"""Fill an empty archive with demonstration content, each part once."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from archive.selectors import current_release


@dataclass(frozen=True, slots=True)
class Part:
    """Some demonstration content: its title for the user and how it gets in."""

    name: str
    title: str
    load: Callable[[], None]


def find_parts(size: str) -> list[Part]:
    """Return all parts for this machine, genuine data first."""
    parts = [Part("isla-products", "genuine ISLA products inside astroquery", _load_isla_products)]
    if shared := find_shared_data():
        parts.append(Part("shared", f"real INTEGRAL files in {shared}", lambda: _ingest(shared)))
    parts.append(Part(f"simulation-{size}", f"a simulated mission ({size})", lambda: _load_simulation(size)))
    return parts


def missing_parts(size: str) -> Iterator[Part]:
    """Yield the parts that this archive does not hold yet; a part counts as held once its loop body has ended."""
    held = _read_held()
    for part in find_parts(size):
        if part.name not in held:
            yield part
            held.append(part.name)
            _write_held(held)


def find_shared_data() -> Path | None:
    """Directory of real files: `$ARCHIPELAGO_SHARED/data`, else `shared/data` beside the checkout; None if absent."""
    directory = Path(os.environ.get("ARCHIPELAGO_SHARED") or settings.CHECKOUT.parent / "shared") / "data"
    return directory if directory.is_dir() else None


def _ingest(directory: Path) -> None:
    call_command("ingest", str(directory))


def _load_isla_products() -> None:
    directory = _work_directory("isla-products")
    call_command("demo_products", str(directory))
    _ingest(directory)


def _load_simulation(size: str) -> None:
    directory = _work_directory(f"simulation-{size}")
    call_command("simulate", str(directory), size=size)
    _ingest(directory)


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
