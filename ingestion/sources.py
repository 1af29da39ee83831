"""Which entries of which catalogue version are one source (docs/decisions: how sources are identified).

An entry with a source id is that source. An entry without one (a bare list of positions) is the source of a newer
version that has the same name; or whose alias it is, or which lies within `MATCH_ARCSEC` as nearest neighbour both
ways, provided that source's own name does not occur in the list as another entry. Else it is a source of its own, with
an id made from its position. Nothing is merged by position alone while the list itself tells two names apart.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from archive.formats.findings import Finding
from archive.healpix import unit_vector
from archive.identifiers import normalize_name, source_id_from_position
from ingestion.rows import ReferenceRow, SourceNameRow, SourceRow

MATCH_ARCSEC = 10.0
CLOSE_ARCSEC = 30.0
MAX_SAID = 10
_NOT_A_NAME = re.compile(r"[?]|\b(too close|resolved|see|not|from|near|could|maybe|possible|source)\b", re.IGNORECASE)
_DESIGNATION = re.compile(r"\s+(?=(?:\d?[A-Z][A-Za-z0-9]*|\d[A-Z]{2,}[A-Za-z]*) J\d{4})")
COMMENT_WIDTH = 128


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source the archive holds: the newest reference-catalogue version that lists it (0 = none), and its names."""

    source: SourceRow
    version: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identification:
    """Sources and names to merge, the reference rows with their source ids, and what was decided."""

    sources: tuple[SourceRow, ...]
    names: tuple[SourceNameRow, ...]
    entries: tuple[ReferenceRow, ...]
    findings: tuple[Finding, ...]


def aliases_of(comment: str) -> tuple[str, ...]:
    """Split the COMMENTS column into names; remarks and a last name cut at the column's end are left out.

    Examples
    --------
    >>> aliases_of("V* CM Tau, PSR B0531+21, 1RXS J0022+61 CXOU J0022+61, too close to be resolved, LEDA 1?")
    ('V* CM Tau', 'PSR B0531+21', '1RXS J0022+61', 'CXOU J0022+61')
    """
    pieces = comment.split(",")
    if len(comment) >= COMMENT_WIDTH - 2 and len(pieces) > 1:
        pieces.pop()
    names = [name.strip() for piece in pieces for name in _DESIGNATION.split(piece.strip())]
    return tuple(
        name for name in names if 3 <= len(name) <= 40 and re.search(r"[A-Za-z]", name) and not _NOT_A_NAME.search(name)
    )


def identify_sources(entries: Iterable[ReferenceRow], known: Mapping[str, KnownSource]) -> Identification:
    """Give every entry a source id and make the sources and names that follow.

    Parameters
    ----------
    entries
        Rows of the reference catalogue, any versions; `source_id` may be ''.
    known
        Sources of the archive by source id.
    """
    by_version: dict[str, list[ReferenceRow]] = {}
    for entry in entries:
        by_version.setdefault(entry.catalogue_version, []).append(entry)
    sources = dict(known)
    findings: list[Finding] = []
    identified: list[ReferenceRow] = []
    versions = sorted(by_version, key=_version_number, reverse=True)
    for version in sorted(versions, key=lambda name: all(entry.source_id for entry in by_version[name]), reverse=True):
        rows = _with_ids(by_version[version], sources, findings)
        identified += rows
        for row in rows:
            _learn(row, sources)
    touched = {row.source_id for row in identified}
    findings += _close_pairs([sources[source_id].source for source_id in touched])
    names = _names(sorted(touched), sources, findings)
    return Identification(
        tuple(sources[source_id].source for source_id in sorted(touched)),
        tuple(names),
        tuple(identified),
        tuple(findings),
    )


def _version_number(version: str) -> int:
    return int(version) if version.isdigit() else 0


def _learn(row: ReferenceRow, sources: dict[str, KnownSource]) -> None:
    """Add an entry to the sources; the newest version decides on name and position, older ones only add names."""
    number = _version_number(row.catalogue_version)
    names = (row.name, *aliases_of(row.comments))
    held = sources.get(row.source_id)
    if held is None or number >= held.version:
        source = SourceRow(row.source_id, row.name, row.ra, row.dec, row.error_radius_deg, row.isdc_class)
        sources[row.source_id] = KnownSource(source, number, (*names, *(held.names if held else ())))
    else:
        sources[row.source_id] = replace(held, names=(*held.names, *names))


def _names(touched: list[str], sources: Mapping[str, KnownSource], findings: list[Finding]) -> list[SourceNameRow]:
    """Make the rows of names; an alias that is another source's main name is left out, or neither could be found."""
    owner = {normalize_name(known.source.name): source_id for source_id, known in sources.items()}
    rows = [row for source_id in touched for row in _name_rows(sources[source_id])]
    kept = [row for row in rows if owner.get(row.normalized_name, row.source_id) == row.source_id]
    if len(kept) < len(rows):
        message = f"{len(rows) - len(kept)} aliases are main names of other sources and were left out"
        dropped = [
            f"{row.name} of {sources[row.source_id].source.name}"
            for row in rows
            if owner.get(row.normalized_name, row.source_id) != row.source_id
        ]
        findings.append(Finding("SOURCE-ALIAS-TAKEN", "info", message, found="; ".join(dropped[:MAX_SAID])))
    return kept


def _name_rows(known: KnownSource) -> list[SourceNameRow]:
    main = normalize_name(known.source.name)
    rows: dict[str, SourceNameRow] = {}
    for name in (known.source.name, *known.names):
        normalized = normalize_name(name)
        if normalized:
            rows.setdefault(
                normalized, SourceNameRow(known.source.source_id, name, normalized, is_main=normalized == main)
            )
    return list(rows.values())


def _with_ids(rows: list[ReferenceRow], sources: dict[str, KnownSource], findings: list[Finding]) -> list[ReferenceRow]:
    nameless = [row for row in rows if not row.source_id]
    if not nameless:
        return rows
    version = nameless[0].catalogue_version
    by_name: dict[str, str] = {}
    for source_id, known in sources.items():
        by_name.setdefault(normalize_name(known.source.name), source_id)
    own_names = {normalize_name(row.name) for row in rows}
    ids = {id(row): by_name.get(normalize_name(row.name), "") for row in nameless}
    free = {
        source_id: known for source_id, known in sources.items() if normalize_name(known.source.name) not in own_names
    }
    matched = sum(bool(value) for value in ids.values())
    left = [row for row in nameless if not ids[id(row)]]
    _match_aliases(left, free, ids, findings)
    _match_positions(
        [row for row in left if not ids[id(row)]],
        {k: v for k, v in free.items() if k not in ids.values()},
        ids,
        findings,
    )
    taken = set(sources) | {row.source_id for row in rows}
    for row in nameless:
        if not ids[id(row)]:
            ids[id(row)] = _new_id(row, taken, findings)
            taken.add(ids[id(row)])
    said = f"version {version}: {matched} entries are known sources by name, {len(left)} are not"
    findings.append(
        Finding("SOURCE-MATCH", "info", said, column="name", found=f"{len(nameless)} entries without source id")
    )
    return [replace(row, source_id=ids[id(row)]) if not row.source_id else row for row in rows]


def _match_aliases(
    rows: list[ReferenceRow], free: Mapping[str, KnownSource], ids: dict[int, str], findings: list[Finding]
) -> None:
    by_alias: dict[str, set[str]] = {}
    for source_id, known in free.items():
        for name in known.names:
            by_alias.setdefault(normalize_name(name), set()).add(source_id)
    for row in rows:
        candidates = by_alias.get(normalize_name(row.name), set())
        if len(candidates) == 1 and not candidates & set(ids.values()):
            ids[id(row)] = next(iter(candidates))
            findings.append(
                Finding(
                    "SOURCE-ALIAS",
                    "info",
                    "the entry is a known source under another of its names",
                    found=f"{row.name} = {free[ids[id(row)]].source.name}",
                )
            )
        elif len(candidates) > 1:
            findings.append(
                Finding(
                    "SOURCE-AMBIGUOUS",
                    "warning",
                    "the name belongs to several sources; the entry is kept as one of its own",
                    found=f"{row.name}: {', '.join(sorted(candidates))}",
                )
            )


def _match_positions(
    rows: list[ReferenceRow], free: Mapping[str, KnownSource], ids: dict[int, str], findings: list[Finding]
) -> None:
    if not rows or not free:
        return
    free_ids = list(free)
    theirs = np.column_stack(
        unit_vector([free[key].source.ra for key in free_ids], [free[key].source.dec for key in free_ids])
    )
    ours = np.column_stack(unit_vector([row.ra for row in rows], [row.dec for row in rows]))
    distance, nearest = (np.asarray(found) for found in KDTree(theirs).query(ours))
    back = np.asarray(KDTree(ours).query(theirs)[1])
    for index, (chord, other) in enumerate(zip(distance.tolist(), nearest.tolist(), strict=True)):
        arcsec = np.degrees(2.0 * np.arcsin(chord / 2.0)) * 3600.0
        if arcsec <= MATCH_ARCSEC and back[other] == index:
            ids[id(rows[index])] = free_ids[other]
            names = f"{rows[index].name} = {free[free_ids[other]].source.name}, {arcsec:.1f} arcsec apart"
            findings.append(
                Finding(
                    "SOURCE-POSITION",
                    "warning",
                    "the entry was taken for a known source at the same place",
                    found=names,
                )
            )


def _new_id(row: ReferenceRow, taken: set[str], findings: list[Finding]) -> str:
    source_id = source_id_from_position(row.ra, row.dec)
    if source_id not in taken:
        return source_id
    for letter in "bcdefghij":
        if (other := f"{source_id}{letter}") not in taken:
            findings.append(
                Finding(
                    "SOURCE-SAME-PLACE",
                    "warning",
                    "another source has the same position to 1 arcsec; this one got a letter",
                    found=f"{row.name}: {other}",
                )
            )
            return other
    msg = f"more than ten sources at {source_id}"
    raise ValueError(msg)


def _close_pairs(sources: list[SourceRow]) -> list[Finding]:
    """Say which sources lie within `CLOSE_ARCSEC` of each other: maybe one source under two names."""
    if len(sources) < 2:
        return []
    points = np.column_stack(unit_vector([source.ra for source in sources], [source.dec for source in sources]))
    pairs = sorted(KDTree(points).query_pairs(2.0 * np.sin(np.radians(CLOSE_ARCSEC / 3600.0) / 2.0)))
    if not pairs:
        return []
    said = "; ".join(f"{sources[a].name} and {sources[b].name}" for a, b in pairs[:MAX_SAID])
    more = f"; and {len(pairs) - MAX_SAID} more" if len(pairs) > MAX_SAID else ""
    return [
        Finding(
            "SOURCE-CLOSE",
            "info",
            f"{len(pairs)} pairs of sources lie within {CLOSE_ARCSEC:g} arcsec; they stay apart",
            found=said + more,
        )
    ]
