"""What the job table may run of this package; see `settings.JOBS`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archive.jobs import report_progress
from hips.build import Wish, finish_parts, make_part, parts_ready


def build_part(*, files: list[str], directory: str, wish: dict[str, Any], part: int, parts: int) -> dict[str, object]:
    """Resample what falls into one part of the sky; safe to run twice, also at the same time.

    The last part to be made writes the maps and exports the HiPS.

    Raises
    ------
    UsageError
        As `hips.build.build_hips`.
    """
    paths, target, asked = [Path(name) for name in files], Path(directory), Wish.from_json(wish)
    report_progress(0.0, f"part {part + 1} of {parts}")
    made = make_part(paths, target, asked, part=part, parts=parts, report=lambda line: report_progress(0.5, line[:200]))
    if not parts_ready(paths, target, asked, parts=parts):
        return {"part": part, "new": made}
    done = finish_parts(paths, target, asked, parts=parts, report=lambda line: report_progress(0.9, line[:200]))
    return {"part": part, "new": made, "hips": {name: exported.written for name, exported in done.items()}}
