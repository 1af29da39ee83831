"""The steps in order: discover, read, validate, identify sources, assemble products; gives a `Plan`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from archive.formats.findings import Finding, FormatError
from ingestion.bag import Package, check_bag, find_package
from ingestion.cells import Findings
from ingestion.delivery import MANIFEST_NAME, check_manifest, check_names
from ingestion.discover import DiscoveredFile, Discovery, discover
from ingestion.gather import gather_files
from ingestion.label import LABEL_NAME, Label, read_label
from ingestion.matching import Doubtful, SourceIndex, Subject, link_rows, match, note_match
from ingestion.plan import Plan
from ingestion.products import Assembler, Assembly
from ingestion.profiles import PROFILES, RESPONSES
from ingestion.profiles.reference_catalogue import release_rows
from ingestion.read import read_files
from ingestion.rows import ProductFileRow, ProductRow, ReferenceRow, Row
from ingestion.sources import Identification, KnownSource, identify_sources
from ingestion.validate import check_simulated
from ingestion.waivers import apply_waivers

_PROFILE_ORDER = {profile.name: number for number, profile in enumerate(PROFILES)}
LOOSE_TEAM = "not stated"


def make_plan(path: Path, known: Mapping[str, KnownSource], say: Callable[[str], None]) -> Plan:
    """Work out what ingesting a file or directory would do.

    Parameters
    ----------
    path
        A file, a directory with `delivery.yaml`, or any directory with files of known kinds.
    known
        Sources of the archive by source id.
    say
        Called with one line of progress now and then.

    Raises
    ------
    NotFoundError
        If there is nothing at `path`.
    """
    say(f"looking through {path}")
    package = find_package(path)
    found = discover(package.payload if package.payload.is_dir() else path)
    files = [file for file in found.files if file.name not in {LABEL_NAME, MANIFEST_NAME}]
    findings = list(found.findings)
    if package.is_bag:
        findings += check_bag(package, (file.size_bytes for file in found.files))
    label = _label(found, findings)
    aside = _sort_out(found, files, label, findings, package)
    claimed = sorted((file for file in files if file.profile is not None), key=_reading_order)
    done = 0

    def progress(name: str) -> None:
        nonlocal done
        done += 1
        say(f"reading {done}/{len(claimed)} {name}")

    gathered = gather_files(read_files(claimed, progress))
    findings += [_as_required(finding, label) for finding in gathered.findings]
    simulated, mixed = check_simulated(gathered.said_simulated, declared=label.simulated if label else None)
    findings += mixed
    findings += gathered.problems
    say("looking for the sources of rows and products")
    identified = identify_sources((row for row in gathered.rows if isinstance(row, ReferenceRow)), known)
    findings += identified.findings
    sources = _sources(known, identified)
    linking = Findings()
    rows, matches = link_rows(gathered.rows, sources, linking)
    findings += linking.finish()
    doubtful = Doubtful()
    for one in matches:
        doubtful.note(one)
    assembly = _assemble(gathered.assembler, sources, doubtful)
    findings += assembly.findings
    findings += _left_over(assembly, label)
    grouped = _group(rows, identified, assembly)
    findings += _check_expected(label, grouped)
    unused = set(assembly.unused)
    if label is not None:
        findings = apply_waivers(findings, label.waivers, datetime.now(UTC).date())
    digest = _digest(claimed)
    return Plan(
        delivery_id=label.delivery_id if label else f"loose-{digest[:16]}",
        title=label.title if label else f"Files of {path.resolve().name}",
        team=label.team if label else LOOSE_TEAM,
        licence=label.licence if label else "",
        description=label.description if label else "",
        digest_sha256=digest,
        simulated=simulated,
        rows=grouped,
        product_files=tuple(file for file in gathered.parts if file.name not in unused),
        map_files=tuple(gathered.map_files),
        datasets=tuple(gathered.datasets),
        aside=(*aside, *assembly.aside),
        findings=tuple(findings),
        label=label,
        files=found.files,
        payload_sha256=_digest([file for file in found.files if file.name != MANIFEST_NAME]),
        matches=tuple(doubtful.first),
        more_matches=doubtful.count - len(doubtful.first),
    )


def _reading_order(file: DiscoveredFile) -> tuple[bool, int, str]:
    """Order by profile, then name: where two files describe one thing, the first one has the word.

    Responses come before everything else, so that a spectrum can be joined with them as soon as it is read.
    """
    name = file.profile.name if file.profile else ""
    return name not in RESPONSES, _PROFILE_ORDER.get(name, len(PROFILES)), file.name


def _label(found: Discovery, findings: list[Finding]) -> Label | None:
    if not any(file.name == LABEL_NAME for file in found.files) or found.is_single_file:
        return None
    try:
        label = read_label(found.root / LABEL_NAME)
    except FormatError as error:
        findings.append(error.finding.at(LABEL_NAME))
        return None
    findings += label.findings
    return label


def _sort_out(
    found: Discovery, files: list[DiscoveredFile], label: Label | None, findings: list[Finding], package: Package
) -> list[str]:
    """Say what is wrong with files nothing claims; return the names of those left aside."""
    if label is not None:
        findings += check_names(
            label,
            [file.name for file in files],
            {file.name: file.profile.name if file.profile else None for file in files},
            {file.name: file.seen for file in files if file.seen},
        )
        listed = found.files if package.is_bag else [file for file in found.files if file.name != MANIFEST_NAME]
        findings += check_manifest(package.manifest, {package.prefix + file.name: file.sha256 for file in listed})
    unknown = [file for file in files if file.profile is None]
    damaged = [file for file in unknown if file.findings]
    findings += [finding for file in damaged for finding in file.findings]
    is_withdrawal = label is not None and label.release_type == "withdraw"
    if not files and not findings and not is_withdrawal:
        findings.append(Finding("NOTHING", "error", "there are no files", path=found.root.name))
    aside = [(file.name, file.seen) for file in unknown if not file.findings]
    if label is not None:
        return []  # check_names has said it
    if found.is_single_file or (files and not any(file.profile for file in files) and not damaged):
        message = "the file is of no known kind" if found.is_single_file else "none of the files is of a known kind"
        fix = "docs/reference/delivery-formats.md says what can be taken."
        findings += [
            Finding(
                "FILE-UNKNOWN", "error", message, path=name, found=seen, expected="a file of a known profile", fix=fix
            )
            for name, seen in aside[:1]
        ]
    else:
        message = "left aside: no profile"
        findings += [Finding("FILE-ASIDE", "warning", message, path=name, found=seen) for name, seen in aside]
    return [name for name, _ in aside]


# What a delivery under a label must fulfil, while a loose directory is only told.
_REQUIRED_OF_DELIVERIES = {"FITS-DATASUM", "FITS-CHECKSUM", "FITS-NO-CHECKSUM", "UCD-UNKNOWN", "UNIT-UNKNOWN"}


def _as_required(finding: Finding, label: Label | None) -> Finding:
    strict = label is not None and finding.rule in _REQUIRED_OF_DELIVERIES
    return replace(finding, severity="error") if strict else finding


def _sources(known: Mapping[str, KnownSource], identified: Identification) -> SourceIndex:
    """Return the archive's sources with those that the delivery itself brings."""
    sources = dict(known)
    names: dict[str, list[str]] = {}
    for row in identified.names:
        names.setdefault(row.source_id, []).append(row.name)
    for source in identified.sources:
        held = sources.get(source.source_id)
        more = (*names.get(source.source_id, ()), *(held.names if held else ()))
        sources[source.source_id] = KnownSource(source, held.version if held else 0, more)
    return SourceIndex(sources)


def _assemble(assembler: Assembler, sources: SourceIndex, doubtful: Doubtful) -> Assembly:
    """Make the products; `doubtful` is told what they match."""
    findings = Findings()

    def find_source(subject: Subject) -> str:
        found = match(subject, sources)
        note_match(found, subject.instrument, findings, path=subject.path)
        doubtful.note(found)
        return found.source_id

    assembly = assembler.finish(find_source)
    return replace(assembly, findings=(*assembly.findings, *findings.finish()))


def _left_over(assembly: Assembly, label: Label | None) -> list[Finding]:
    """A response, region or smoothed image without its main file is an error in a delivery, left aside elsewhere."""
    severity = "error" if label else "warning"
    message = "the file belongs to no product of the delivery"
    return [
        Finding("FILE-ORPHAN", severity, message, path=name, expected="a spectrum or mosaic that it belongs to")
        for name in assembly.aside
    ]


def _group(rows: list[Row], identified: Identification, assembly: Assembly) -> dict[str, Sequence[Row]]:
    grouped: dict[str, list[Row]] = {}
    others = [row for row in rows if not isinstance(row, ReferenceRow)]
    catalogues = [*others, *identified.entries]
    for row in (
        *catalogues,
        *release_rows(catalogues),
        *identified.sources,
        *identified.names,
    ):
        grouped.setdefault(row.TABLE, []).append(row)
    made: dict[str, Sequence[Row]] = {ProductRow.TABLE: assembly.products, ProductFileRow.TABLE: assembly.files}
    return {**grouped, **{table: items for table, items in made.items() if items}}


def _check_expected(label: Label | None, grouped: Mapping[str, Sequence[Row]]) -> list[Finding]:
    """Compare the number of rows per table with what the label expects."""
    return [
        Finding(
            "ROW-COUNT",
            "error",
            f"the delivery gives another number of rows for {table} than the label says",
            path=LABEL_NAME,
            column="expected_rows",
            found=str(len(grouped.get(table, ()))),
            expected=str(count),
            fix="Correct the label, or find out where rows were lost.",
        )
        for table, count in (label.expected_rows if label else {}).items()
        if len(grouped.get(table, ())) != count
    ]


def _digest(files: list[DiscoveredFile]) -> str:
    """Return the identity of some files: their names and contents."""
    lines = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        lines.update(f"{file.sha256}  {file.name}\n".encode())
    return lines.hexdigest()
