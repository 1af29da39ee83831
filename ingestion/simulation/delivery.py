"""Make a folder of files into a delivery: `delivery.yaml` and the list of checksums."""

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from ingestion.simulation.options import SimulationOptions


def write_delivery(
    folder: Path,
    options: SimulationOptions,
    *,
    title: str,
    description: str,
    instruments: Sequence[str],
    files: Sequence[tuple[str, str]],
) -> None:
    """Write `delivery.yaml` and `manifest-sha256.txt` beside the files of a delivery.

    Parameters
    ----------
    files : (pattern, profile) pairs; patterns that match no file are left out

    Raises
    ------
    ValueError
        If a file has no profile or more than one.
    """
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        matching = [pattern for pattern, _ in files if fnmatchcase(name, pattern)]
        if len(matching) != 1:
            raise ValueError(f"simulated file {name} matches {len(matching)} patterns of its delivery, expected 1")
    used = [(pattern, profile) for pattern, profile in files if any(fnmatchcase(name, pattern) for name in names)]
    label = {
        "delivery_format": 1,
        "delivery_id": f"{options.tag}-{folder.name}",
        "title": title,
        "description": description,
        "team": "simulation",
        "simulated": True,
        "licence": "CC0-1.0",
        "instruments": list(instruments),
        "release_type": "new",
        "files": [{"pattern": pattern, "profile": profile} for pattern, profile in used],
    }
    text = yaml.safe_dump(label, sort_keys=False, allow_unicode=False, width=110)
    (folder / "delivery.yaml").write_text(text, "ascii")
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in sorted([*names, "delivery.yaml"])]
    (folder / "manifest-sha256.txt").write_text("".join(lines), "ascii")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
