"""From files to products: which files belong together."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from archive.formats.findings import Finding, FormatError
from archive.formats.spectrum import with_energies
from archive.formats.text_tables import describes
from ingestion.content import (
    DetectionPart,
    EventPart,
    ImagePart,
    MonitorPart,
    ReadmePart,
    RegionPart,
    ResponsePart,
    SeriesPart,
    SpectrumPart,
    TablePart,
)
from ingestion.matching import Subject
from ingestion.packed import Packed, packed
from ingestion.product_rows import (
    ENDINGS,
    PartFile,
    detection_product,
    event_product,
    folder_of,
    image_product,
    image_stem,
    monitor_product,
    series_product,
    spectrum_product,
    table_product,
)
from ingestion.rows import ProductFileRow, ProductRow

_MEDIA_TYPES = {
    ".gz": "application/gzip",
    ".ecsv": "text/plain",
    ".csv": "text/csv",
    ".dat": "text/plain",
    ".txt": "text/plain",
    ".qdp": "text/plain",
    ".vot": "application/x-votable+xml",
    ".xml": "application/x-votable+xml",
    ".parquet": "application/vnd.apache.parquet",
    ".cdf": "application/x-cdf",
}


@dataclass(frozen=True, slots=True)
class Assembly:
    """Products made of the files of a delivery.

    `unused` are files that belong to no product; those of them that should (not a ReadMe, which also describes
    catalogues) are `aside`.
    """

    products: Sequence[ProductRow]
    files: Sequence[ProductFileRow]
    findings: tuple[Finding, ...]
    unused: tuple[str, ...]
    aside: tuple[str, ...]


class _Member(NamedTuple):
    """A file in its role within a product."""

    role: str
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Draft:
    """A product without its source and without what lies beside it; `members` begin with the file it is made of.

    `subject` is None for what is about no single source; `shape` is that of an image, in pixels.
    """

    row: ProductRow
    subject: Subject | None
    members: tuple[_Member, ...]
    shape: tuple[int, ...] | None = None


def _packed_drafts() -> Packed[_Draft]:
    names = [field.name for field in fields(ProductRow)]

    def encode(draft: _Draft) -> list[Any]:
        return [[getattr(draft.row, name) for name in names], draft.subject, draft.members, draft.shape]

    def decode(values: list[Any]) -> _Draft:
        row, subject, members, shape = values
        members = tuple(_Member(*member) for member in members)
        return _Draft(ProductRow(*row), subject and Subject(*subject), members, shape and tuple(shape))

    return Packed(encode, decode)


class Assembler:
    """Joins files into products; of each file it keeps what its product needs, and lets go of pixels and points.

    A spectrum takes the ARF and RMF it names (RESPFILE, ANCRFILE), or those of the same name with ``arf`` or ``rmf``
    for ``spec``; a mosaic takes the smoothed image and the region file of the same name. Region files, responses and
    smoothed images without their main file are left aside.
    """

    def __init__(self) -> None:
        self._drafts = _packed_drafts()
        self._findings: list[Finding] = []
        self._responses: dict[tuple[str, str], dict[str, PartFile]] = {}
        self._grids: dict[bytes, ResponsePart] = {}
        self._images: dict[tuple[str, str], list[tuple[_Member, tuple[int, ...] | None]]] = {}
        self._readmes: dict[str, list[tuple[_Member, str]]] = {}
        self._unused: dict[str, bool] = {}  # whether it is a ReadMe

    def add(self, file: PartFile) -> int:
        """Take a file, responses before spectra; return how many products it is the main file of."""
        match file.part:
            case RegionPart():
                self._keep_beside(file, "region", None)
            case ImagePart() if _is_companion(file.part):
                self._keep_beside(file, "smoothed", file.part.mosaics[0].shape)
            case ResponsePart():
                held = self._responses.setdefault((file.folder, file.part.role), {})
                held.setdefault(file.base_name.removesuffix(".gz"), replace(file, part=self._shared(file.part)))
            case ReadmePart():
                self._readmes.setdefault(file.folder, []).append((_member("documentation", file), file.part.text))
            case _:
                draft = self._draft(file)
                self._drafts.append(draft)
                if not draft.row.instrument and draft.row.kind != "table":
                    self._findings.append(_without_instrument(file.name))
                return 1
        self._unused[file.name] = isinstance(file.part, ReadmePart)
        return 0

    def _keep_beside(self, file: PartFile, role: str, shape: tuple[int, ...] | None) -> None:
        self._images.setdefault((file.folder, file.image_stem), []).append((_member(role, file), shape))

    def _shared(self, part: ResponsePart) -> ResponsePart:
        """Return an equal response: the many that have the same channels hold them once."""
        arrays = (part.channel, part.channel_min_kev, part.channel_max_kev)
        said = hashlib.sha256(repr((part.role, part.energies, part.channels)).encode())
        for array in arrays:
            said.update(b"-" if array is None else array.tobytes() + b"+")
        return self._grids.setdefault(said.digest(), part)

    def _draft(self, file: PartFile) -> _Draft:
        main = _member("science", file)
        match file.part:
            case ImagePart():
                return _Draft(image_product(file, file.part), None, (main,), file.part.mosaics[0].shape)
            case SpectrumPart():
                joined, responses = _join_responses(file, file.part, self._responses, self._findings)
                members = tuple(_member(role, response) for role, response in responses)
                return _Draft(*spectrum_product(file, joined), (main, *members))
            case SeriesPart():
                return _Draft(*series_product(file, file.part), (main,))
            case EventPart():
                return _Draft(*event_product(file, file.part), (main,))
            case MonitorPart():
                return _Draft(monitor_product(file, file.part), None, (main,))
            case DetectionPart():
                return _Draft(detection_product(file, file.part), None, (main,))
            case TablePart():
                return _Draft(table_product(file, file.part), None, (main,))
            case _:
                msg = f"no product is made of a {type(file.part).__name__}"
                raise TypeError(msg)

    def finish(self, find_source: Callable[[Subject], str]) -> Assembly:
        """Return the products of all files.

        Parameters
        ----------
        find_source
            Source id of what a product is about; '' when the archive does not know it.
        """
        products, files = packed(ProductRow), packed(ProductFileRow)
        held: set[str] = set()
        twice: set[str] = set()
        for draft in self._drafts:
            row = draft.row if draft.subject is None else replace(draft.row, source_id=find_source(draft.subject))
            products.append(row)
            (twice if row.product_id in held else held).add(row.product_id)
            members = (*draft.members, *self._beside(draft))
            for member in members:
                self._unused.pop(member.name, None)
                files.append(_file_row(row.product_id, member))
        findings = (*self._findings, *(_duplicate(product_id) for product_id in sorted(twice)))
        aside = tuple(name for name, is_readme in self._unused.items() if not is_readme)
        return Assembly(products, files, findings, tuple(self._unused), aside)

    def _beside(self, draft: _Draft) -> list[_Member]:
        """Return what lies beside a mosaic or a table and belongs to it."""
        name = draft.members[0].name
        if draft.shape is not None:
            beside = self._images.get((folder_of(name), image_stem(name)), ())
            return [member for member, shape in beside if shape in {None, draft.shape}]
        if draft.row.kind == "table":
            base_name = PurePosixPath(name).name
            return [member for member, text in self._readmes.get(folder_of(name), ()) if describes(text, base_name)]
        return []


def assemble_products(files: Iterable[PartFile], find_source: Callable[[Subject], str]) -> Assembly:
    """Join files, in any order, into products: see `Assembler`."""
    assembler = Assembler()
    for file in sorted(files, key=lambda file: not isinstance(file.part, ResponsePart)):
        assembler.add(file)
    return assembler.finish(find_source)


def _member(role: str, file: PartFile) -> _Member:
    return _Member(role, file.name, file.sha256, file.size_bytes)


def _without_instrument(name: str) -> Finding:
    message = "the instrument is not stated"
    expected = "IBIS with DETNAM, JMX1, JMX2, SPI or OMC"
    return Finding("INSTRUMENT", "error", message, path=name, column="INSTRUME", expected=expected)


def _duplicate(product_id: str) -> Finding:
    fix = "Give the files different names."
    return Finding("PRODUCT-DUPLICATE", "error", "two files make the same product", found=product_id, fix=fix)


def _file_row(product_id: str, member: _Member) -> ProductFileRow:
    base_name = PurePosixPath(member.name).name
    media_type = _MEDIA_TYPES.get(PurePosixPath(base_name.lower()).suffix, "application/fits")
    if member.role in {"region", "documentation"}:
        media_type = "text/plain"
    return ProductFileRow(product_id, member.role, base_name, media_type, member.sha256, member.size_bytes)


def _is_companion(part: ImagePart) -> bool:
    """Say whether the file is a smoothed image: one plane, nothing said about it."""
    return len(part.mosaics) == 1 and [plane.quantity for plane in part.mosaics[0].planes] == ["image"]


def _join_responses(
    main: PartFile,
    part: SpectrumPart,
    responses: Mapping[tuple[str, str], Mapping[str, PartFile]],
    findings: list[Finding],
) -> tuple[SpectrumPart, list[tuple[str, PartFile]]]:
    members: list[tuple[str, PartFile]] = []
    for role, stated, keyword in (
        ("rmf", part.spectrum.response_file, "RESPFILE"),
        ("arf", part.spectrum.area_file, "ANCRFILE"),
    ):
        file = _find_response(main, role, stated, responses.get((main.folder, role), {}))
        if file is not None and stated is None:
            findings.append(
                Finding(
                    "RESPONSE-BY-NAME",
                    "warning",
                    f"{keyword} names no file; {file.base_name} was taken by its name",
                    path=main.name,
                    column=keyword,
                    found="NONE",
                    expected="a file name",
                )
            )
        elif file is None and stated is not None:
            findings.append(
                Finding(
                    "RESPONSE-ABSENT",
                    "error",
                    f"the file that {keyword} names is not in the delivery",
                    path=main.name,
                    column=keyword,
                    found=stated,
                    expected="a file beside the spectrum",
                    fix=f"Deliver the file under this name, or write NONE into {keyword}.",
                )
            )
        elif file is None and role == "rmf":
            findings.append(
                Finding(
                    "RESPONSE-ABSENT",
                    "warning",
                    "the spectrum has no response: its channels have no energies",
                    path=main.name,
                    column=keyword,
                    found="NONE",
                    fix="Deliver the RMF.",
                )
            )
        if file is not None:
            members.append((role, file))
    rmf = next((file.part for role, file in members if role == "rmf"), None)
    if (
        isinstance(rmf, ResponsePart)
        and rmf.channel is not None
        and rmf.channel_min_kev is not None
        and rmf.channel_max_kev is not None
    ):
        try:
            joined = with_energies(part.spectrum, (rmf.channel, rmf.channel_min_kev, rmf.channel_max_kev))
        except FormatError as error:
            findings.append(error.finding.at(main.name))
            return part, members
        findings += [finding.at(main.name) for finding in joined.findings if finding not in part.spectrum.findings]
        arf = next((file.part for role, file in members if role == "arf"), None)
        if isinstance(arf, ResponsePart) and arf.energies != rmf.energies:
            findings.append(
                Finding(
                    "ENERGY-GRID",
                    "error",
                    "ARF and RMF have different energy grids",
                    path=main.name,
                    found=f"{arf.energies} and {rmf.energies} rows",
                    expected="the same",
                )
            )
        part = replace(part, spectrum=joined)
    return part, members


def _find_response(main: PartFile, role: str, stated: str | None, held: Mapping[str, PartFile]) -> PartFile | None:
    """Return the file of a role that the spectrum names (.gz or not), else that with `role` in place of spec."""
    if stated is not None:
        return held.get(PurePosixPath(stated).name.removesuffix(".gz"))
    stems = {
        re.sub(rf"(^|_){word}(?=_|$)", rf"\1{role}", main.stem.removesuffix("_pha"))
        for word in ("spe", "spec", "spectrum")
    } - {main.stem}
    found = (held.get(f"{stem}{ending}") for stem in stems for ending in ENDINGS)
    return min((file for file in found if file is not None), key=lambda file: file.name, default=None)
