"""A HiPS written to files: the very bytes that the server sends, so that any web server or disk can hold a copy."""

from __future__ import annotations

import dataclasses
import html
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.errors import NotFoundError, StorageError, UsageError
from hips.addresses import TILE_FORMATS, Address, AllskyAddress, DocumentAddress, TileAddress
from hips.services import OpenSurvey, make_document, survey_properties
from hips.tiles import ALLSKY_ORDER

MARKER = ".archipelago-export.json"
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    written: int
    unchanged: int
    absent: int
    size_bytes: int


def export_survey(
    opened: OpenSurvey,
    directory: Path,
    *,
    formats: tuple[str, ...] = TILE_FORMATS,
    progress: Progress | None = None,
) -> Exported:
    """Write a complete HiPS below `directory`; carry on where an earlier export of the same survey stopped.

    The properties come last, so that a directory which has them is complete. A file is compared with what it should
    hold and written again when it differs; each one appears under its name only when it is whole.

    Raises
    ------
    UsageError
        If the directory holds something else.
    """
    _claim(opened, directory, formats)
    written, unchanged, absent, size = 0, 0, 0, 0
    addresses = list(list_addresses(opened, formats))
    made: set[Path] = set()
    for number, address in enumerate(addresses):
        if progress is not None and number % 64 == 0:
            progress(number, len(addresses))
        try:
            body = make_document(opened, address).body
        except NotFoundError:  # a tile outside the observed sky: the HiPS has no such file
            absent += 1
            continue
        path = directory / str(address)
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        size += len(body)
        if _holds(path, body):
            unchanged += 1
        else:
            _write(path, body)
            written += 1
    _write(directory / "index.html", _landing_page(opened).encode())
    if progress is not None:
        progress(len(addresses), len(addresses))
    return Exported(written, unchanged, absent, size)


def list_addresses(opened: OpenSurvey, formats: tuple[str, ...] = TILE_FORMATS) -> Iterator[Address]:
    """Every address that this survey may have, the properties last."""
    for order in range(opened.grid.tile_order + 1):
        for ipix in range(12 << (2 * order)):
            for file_format in formats:
                yield TileAddress(order, ipix, file_format)
    for file_format in formats:
        if opened.grid.tile_order >= ALLSKY_ORDER:
            yield AllskyAddress(ALLSKY_ORDER, file_format)
    yield from (DocumentAddress(name) for name in ("Moc.fits", "metadata.fits", "properties"))


def _landing_page(opened: OpenSurvey) -> str:
    """What a browser shows of a copy; the page of the archive itself has a viewer."""
    title = html.escape(opened.survey.title)
    lines = [
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
        for key, value in survey_properties(opened).items()
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n<p>A HiPS: open this address or directory in a sky viewer such as Aladin.</p>\n"
        f'<p><a href="properties">properties</a> <a href="Moc.fits">Moc.fits</a></p>\n'
        "<table>\n" + "\n".join(lines) + "\n</table></body></html>\n"
    )


def _claim(opened: OpenSurvey, directory: Path, formats: tuple[str, ...]) -> None:
    """Mark the directory as ours, or see that it already is."""
    mark = {"survey": opened.survey.survey_id, "digest": opened.digest, "formats": list(formats)}
    path = directory / MARKER
    if not directory.exists() or not any(directory.iterdir()):
        directory.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(mark).encode())
        return
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{directory} is not empty and holds no export: choose a new directory.") from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged: remove the directory and export again.") from error
    if found != mark:
        raise UsageError(
            f"{directory} holds another export ({found.get('survey')}, formats {found.get('formats')}, or another map "
            "version): choose a new directory."
        )


def _holds(path: Path, body: bytes) -> bool:
    try:
        return path.stat().st_size == len(body) and path.read_bytes() == body
    except FileNotFoundError:
        return False


def _write(path: Path, body: bytes) -> None:
    aside = path.with_name(f"{path.name}.part")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
    aside.rename(path)
