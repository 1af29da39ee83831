"""A HiPS written to files: the very bytes that the server sends, so that any web server or disk can hold a copy."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archive.errors import NotFoundError, StorageError, UsageError
from hips import colour
from hips.addresses import TILE_FORMATS, Address, AllskyAddress, DocumentAddress, TileAddress
from hips.colour import OpenColour, colour_properties, make_colour_document
from hips.documents import Document
from hips.properties import format_properties
from hips.services import OpenSurvey, make_document, survey_properties
from hips.tiles import ALLSKY_ORDER

if TYPE_CHECKING:
    from hips.catalogues import OpenCatalogue

MARKER = ".archipelago-export.json"
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    written: int
    unchanged: int
    absent: int
    size_bytes: int


@dataclasses.dataclass(frozen=True)
class Source:
    """Whatever can be written as a HiPS: its addresses, the properties last, and what stands at each.

    `make` raises `NotFoundError` for an address at which this HiPS has nothing.
    """

    survey_id: str
    title: str
    digest: str
    formats: tuple[str, ...]
    properties: Mapping[str, str]
    addresses: list[Address]
    make: Callable[[Address], Document]


def source_of_survey(opened: OpenSurvey, formats: tuple[str, ...] = TILE_FORMATS) -> Source:
    """An image HiPS to be written; its properties name the formats that are."""
    properties = survey_properties(opened, formats)

    def make(address: Address) -> Document:
        if address == DocumentAddress("properties"):
            return Document(format_properties(properties).encode(), "text/plain; charset=utf-8")
        return make_document(opened, address)

    return Source(
        opened.survey.survey_id, opened.survey.title, opened.digest, formats, properties,
        list(list_addresses(opened, formats)), make,
    )  # fmt: skip


def source_of_colour(opened: OpenColour) -> Source:
    """A colour HiPS to be written."""
    return Source(
        opened.survey.survey_id, opened.survey.title, opened.digest, colour.FORMATS, colour_properties(opened),
        list(colour.list_addresses(opened)), lambda address: make_colour_document(opened, address),
    )  # fmt: skip


def source_of_catalogue(opened: OpenCatalogue) -> Source:
    """A catalogue HiPS to be written."""
    from hips import catalogues  # noqa: PLC0415 - Django's models, which a map does without

    return Source(
        opened.facts.survey_id, opened.facts.title, opened.digest, ("tsv",), catalogues.catalogue_properties(opened),
        list(catalogues.list_addresses(opened)), lambda address: catalogues.make_catalogue_document(opened, address),
    )  # fmt: skip


def export_survey(
    opened: OpenSurvey,
    directory: Path,
    *,
    formats: tuple[str, ...] = TILE_FORMATS,
    progress: Progress | None = None,
) -> Exported:
    """Write a complete image HiPS below `directory`; see `export_source`."""
    return export_source(source_of_survey(opened, formats), directory, progress=progress)


def export_source(source: Source, directory: Path, *, progress: Progress | None = None) -> Exported:
    """Write a complete HiPS below `directory`; carry on where an earlier export of the same one stopped.

    The properties come last, so that a directory which has them is complete. A file is compared with what it should
    hold and written again, aside and renamed, when it differs.

    Raises
    ------
    UsageError
        If the directory holds something else.
    """
    _claim(source, directory)
    written, unchanged, absent, size = 0, 0, 0, 0
    made: set[str] = set()
    for address, body in _make_all(source, progress):
        if body is None:
            absent += 1
            continue
        name = str(address)
        path, parent = f"{directory}/{name}", name.rpartition("/")[0]
        if parent not in made:
            (directory / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        size += len(body)
        if name != "properties" and _create(path, body):
            written += 1
        elif _holds(path, body):
            unchanged += 1
        else:
            _write(path, body)
            written += 1
    _write(f"{directory}/index.html", _landing_page(source).encode())
    return Exported(written, unchanged, absent, size)


def export_zip(source: Source, path: Path, *, progress: Progress | None = None) -> Exported:
    """Write a complete HiPS into one zip file, which appears under its name only when it is whole.

    Raises
    ------
    UsageError
        If there is a file of this name already.
    """
    if path.exists():
        raise UsageError(f"{path} exists already: choose a new name, or remove it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    written, absent, size = 0, 0, 0
    stamp = _zip_time(source)
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for address, body in _make_all(source, progress):
            if body is None:
                absent += 1
                continue
            name = str(address)
            entry = zipfile.ZipInfo(f"{source.survey_id}/{name}", stamp)
            kept = name.endswith((".png", ".jpg"))  # these are compressed already
            entry.compress_type = zipfile.ZIP_STORED if kept else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)
            written, size = written + 1, size + len(body)
        archive.writestr(zipfile.ZipInfo(f"{source.survey_id}/index.html", stamp), _landing_page(source))
    aside.rename(path)
    return Exported(written, 0, absent, size)


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


def _make_all(source: Source, progress: Progress | None) -> Iterator[tuple[Address, bytes | None]]:
    """Bytes at each address; None where the HiPS has no such file, as for a tile outside the observed sky."""
    for number, address in enumerate(source.addresses):
        if progress is not None and number % 64 == 0:
            progress(number, len(source.addresses))
        try:
            body = source.make(address).body
        except NotFoundError:
            body = None
        yield address, body
    if progress is not None:
        progress(len(source.addresses), len(source.addresses))


def _zip_time(source: Source) -> tuple[int, int, int, int, int, int]:
    """When the HiPS was released: the same HiPS gives the same zip."""
    date, _, clock = source.properties["hips_release_date"].rstrip("Z").partition("T")
    year, month, day = (int(part) for part in date.split("-"))
    hour, minute = (int(part) for part in clock.split(":"))
    return year, month, day, hour, minute, 0


def _landing_page(source: Source) -> str:
    """What a browser shows of a copy; the page of the archive itself has a viewer."""
    title = html.escape(source.title)
    lines = [
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>" for key, value in source.properties.items()
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n<p>A HiPS: open this address or directory in a sky viewer such as Aladin.</p>\n"
        f'<p><a href="properties">properties</a> <a href="Moc.fits">Moc.fits</a></p>\n'
        "<table>\n" + "\n".join(lines) + "\n</table></body></html>\n"
    )


def _claim(source: Source, directory: Path) -> None:
    """Mark the directory as ours, or see that it already is."""
    mark = {"survey": source.survey_id, "digest": source.digest, "formats": list(source.formats)}
    path = directory / MARKER
    if not directory.exists() or not any(directory.iterdir()):
        directory.mkdir(parents=True, exist_ok=True)
        _write(str(path), json.dumps(mark).encode())
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


def _create(path: str, body: bytes) -> bool:
    """Write a file that is not there yet; a renaming for each would double the work of the kernel."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    _fill(descriptor, body)
    return True


def _fill(descriptor: int, body: bytes) -> None:
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def _holds(path: str, body: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of small files, a Path for each costs more
            return os.fstat(file.fileno()).st_size == len(body) and file.read() == body
    except FileNotFoundError:
        return False


def _write(path: str, body: bytes) -> None:
    aside = f"{path}.part"
    _fill(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), body)
    os.rename(aside, path)  # noqa: PTH104 - as above
