"""From files to products: which files belong together."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

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
from ingestion.product_rows import (
    PartFile,
    detection_product,
    event_product,
    image_product,
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
    """Products made of the files of a delivery; `aside` are files that belong to no product."""

    products: tuple[ProductRow, ...]
    files: tuple[ProductFileRow, ...]
    findings: tuple[Finding, ...]
    aside: tuple[str, ...]


def assemble_products(files: Iterable[PartFile], find_source: Callable[[Subject], str]) -> Assembly:
    """Join files into products.

    A spectrum takes the ARF and RMF it names (RESPFILE, ANCRFILE), or those of the same name with ``arf`` or ``rmf``
    for ``spec``; a mosaic takes the smoothed image and the region file of the same name. Region files, responses and
    smoothed images without their main file are left aside.

    Parameters
    ----------
    files
        All files with a part.
    find_source
        Source id of what a product is about; '' when the archive does not know it.
    """
    files = tuple(files)
    rows: list[ProductRow] = []
    file_rows: list[ProductFileRow] = []
    findings: list[Finding] = []
    used: set[str] = set()
    for main in files:
        built = _build(main, files, find_source, findings)
        if built is None:
            continue
        product, members = built
        rows.append(product)
        used |= {member.name for _, member in members}
        file_rows += [_file_row(product.product_id, role, member) for role, member in members]
    findings += _duplicate_ids(rows)
    # A ReadMe also describes catalogues, which become rows and no products.
    aside = tuple(file.name for file in files if file.name not in used and not isinstance(file.part, ReadmePart))
    return Assembly(tuple(rows), tuple(file_rows), tuple(findings), aside)


def _build(
    main: PartFile, files: tuple[PartFile, ...], find_source: Callable[[Subject], str], findings: list[Finding]
) -> tuple[ProductRow, list[tuple[str, PartFile]]] | None:
    members = [("science", main)]
    match main.part:
        case ImagePart() if _is_companion(main.part):
            return None
        case ImagePart():
            product = image_product(main, main.part)
            members += _image_companions(main, main.part, files)
        case SpectrumPart():
            joined, responses = _join_responses(main, main.part, files, findings)
            product = spectrum_product(main, joined, find_source)
            members += responses
        case SeriesPart():
            product = series_product(main, main.part, find_source)
        case EventPart():
            product = event_product(main, main.part, find_source)
        case MonitorPart():
            product = monitor_product(main, main.part)
        case DetectionPart():
            product = detection_product(main, main.part)
        case TablePart():
            product = table_product(main, main.part)
            members += _readmes(main, files)
        case _:
            return None
    if not product.instrument and product.kind != "table":
        message = "the instrument is not stated"
        findings.append(
            Finding(
                "INSTRUMENT",
                "error",
                message,
                path=main.name,
                column="INSTRUME",
                expected="IBIS with DETNAM, JMX1, JMX2, SPI or OMC",
            )
        )
    return product, members


def _file_row(product_id: str, role: str, file: PartFile) -> ProductFileRow:
    ending = PurePosixPath(file.base_name.lower()).suffix
    media_type = _MEDIA_TYPES.get(ending, "application/fits")
    if isinstance(file.part, RegionPart | ReadmePart):
        media_type = "text/plain"
    return ProductFileRow(product_id, role, file.base_name, media_type, file.sha256, file.size_bytes)


def _readmes(main: PartFile, files: tuple[PartFile, ...]) -> list[tuple[str, PartFile]]:
    """Return the ReadMe beside a table that describes it."""
    folder = PurePosixPath(main.name).parent
    return [
        ("documentation", file)
        for file in files
        if isinstance(file.part, ReadmePart)
        and PurePosixPath(file.name).parent == folder
        and describes(file.part.text, main.base_name)
    ]


def _duplicate_ids(rows: list[ProductRow]) -> list[Finding]:
    counts = Counter(row.product_id for row in rows)
    twice = sorted(product_id for product_id, count in counts.items() if count > 1)
    return [
        Finding(
            "PRODUCT-DUPLICATE",
            "error",
            "two files make the same product",
            found=product_id,
            fix="Give the files different names.",
        )
        for product_id in twice
    ]


def _is_companion(part: ImagePart) -> bool:
    """Say whether the file is a smoothed image: one plane, nothing said about it."""
    return len(part.mosaics) == 1 and [plane.quantity for plane in part.mosaics[0].planes] == ["image"]


def _image_companions(main: PartFile, part: ImagePart, files: tuple[PartFile, ...]) -> list[tuple[str, PartFile]]:
    stem = main.image_stem
    folder = PurePosixPath(main.name).parent
    found = []
    for other in files:
        if other.name == main.name or PurePosixPath(other.name).parent != folder or other.image_stem != stem:
            continue
        if isinstance(other.part, RegionPart):
            found.append(("region", other))
        elif (
            isinstance(other.part, ImagePart)
            and _is_companion(other.part)
            and other.part.mosaics[0].shape == part.mosaics[0].shape
        ):
            found.append(("smoothed", other))
    return found


def _join_responses(
    main: PartFile, part: SpectrumPart, files: tuple[PartFile, ...], findings: list[Finding]
) -> tuple[SpectrumPart, list[tuple[str, PartFile]]]:
    members: list[tuple[str, PartFile]] = []
    for role, stated, keyword in (
        ("rmf", part.spectrum.response_file, "RESPFILE"),
        ("arf", part.spectrum.area_file, "ANCRFILE"),
    ):
        file = _find_response(main, role, stated, files)
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


def _find_response(main: PartFile, role: str, stated: str | None, files: tuple[PartFile, ...]) -> PartFile | None:
    """Return the file of a role that the spectrum names (.gz or not), else that with `role` in place of spec."""
    folder = PurePosixPath(main.name).parent
    responses = [
        file
        for file in files
        if isinstance(file.part, ResponsePart) and file.part.role == role and PurePosixPath(file.name).parent == folder
    ]
    if stated is not None:
        wanted = PurePosixPath(stated).name.removesuffix(".gz")
        return next((file for file in responses if file.base_name.removesuffix(".gz") == wanted), None)
    wanted_stems = {
        re.sub(rf"(^|_){word}(?=_|$)", rf"\1{role}", main.stem.removesuffix("_pha"))
        for word in ("spe", "spec", "spectrum")
    } - {main.stem}
    return next((file for file in responses if file.stem in wanted_stems), None)
