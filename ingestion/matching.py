"""Which source of the archive a delivered row or product is about: by identity, else by position within the errors.

An id or name that the archive knows decides. Else the position does, if exactly one source lies within the match
radius and no other row of the delivery has the same claim on it. Several sources within the radius are reported with
all their names and linked to none; so is nothing within it.

Both positions carry circular Gaussian errors, stated as radii of 90 per cent, and the instrument a systematic one. The
offset of a true pair then follows the Rayleigh distribution, P(offset < r) = 1 - exp(-r^2 / 2 sigma^2) with sigma^2 the
sum of the three variances, so a radius of probability p is sigma sqrt(-2 ln(1 - p)): the radius of 99 per cent is
sqrt(ln 100 / ln 10) = sqrt(2) times that of 90 per cent. One true counterpart in a hundred lies outside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from archive.healpix import unit_vector
from archive.identifiers import normalize_name
from ingestion.cells import Findings
from ingestion.rows import IbisRow, JemxRow, OmcRow, Row
from ingestion.sources import KnownSource

SYSTEMATIC_90_ARCSEC: Mapping[str, float] = {
    "isgri": 60.0,  # Gros et al. 2003, A&A 411, L179: better than 1 arcmin (90 %) above 30 sigma, over the whole field
    "spi": 30.0,  # Dubath et al. 2005, MNRAS 357, 420: limited to about 0.5 arcmin however strong the source
    "jemx": 60.0,  # our bound, a third of the width of the PSF; no published figure was confirmed
    "omc": 9.0,  # our bound, half a pixel of 17.5 arcsec
}
"""Systematic position error of an instrument, radius of 90 per cent."""
WIDTH_ARCSEC: Mapping[str, float] = {"isgri": 720.0, "spi": 9000.0, "jemx": 201.0, "omc": 35.0}
"""Width of the point spread (12 arcmin, 2.5 degrees, 3.35 arcmin, two pixels): what lies farther is another thing."""
DEFAULT_INSTRUMENT = "isgri"  # the widest of the imagers, where the file does not say
RATIO_99_TO_90 = float(np.sqrt(np.log(100.0) / np.log(10.0)))
NEAR_ARCSEC = 3600.0
MAX_CANDIDATES = 20
_INSTRUMENT_OF = {IbisRow: "isgri", JemxRow: "jemx", OmcRow: "omc"}


Candidate = tuple[str, str, float | None]
"""Source id, name, and separation in arcsec (None where the subject has no position)."""


@dataclass(frozen=True, slots=True)
class Match:
    """What became of one row or product; `how` is ``id``, ``name``, ``position``, ``ambiguous`` or ``none``.

    `candidates` are sources within the radius or of the same name, nearest first; with
    ``none`` the nearest source within a degree, if any.
    """

    subject: str
    how: str
    source_id: str
    separation_arcsec: float | None
    radius_arcsec: float
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to be linked: name and position (ICRS degrees, None = unknown), error radius of 90 % (degrees)."""

    name: str
    stated_id: str
    ra: float | None
    dec: float | None
    error_radius_deg: float | None
    instrument: str
    path: str = ""


def match_radius_arcsec(first_deg: float | None, second_deg: float | None, instrument: str) -> float:
    """Return the radius of 99 per cent for the offset of two positions of one source.

    Parameters
    ----------
    first_deg, second_deg : degrees
        Error radii (90 per cent) of the delivered position and of the archive's source. Where the first is missing,
        half the width of the point spread stands for it; a missing second counts as none.
    instrument
        ``isgri``, ``picsit``, ``jemx1``, ``jemx2``, ``jemx``, ``spi``, ``omc``; anything else counts as ``isgri``.

    Returns
    -------
    arcsec

    Examples
    --------
    >>> round(match_radius_arcsec(0.02, 0.0, "isgri"), 2)
    132.27
    """
    key = _instrument(instrument)
    first = WIDTH_ARCSEC[key] / 2.0 if first_deg is None else first_deg * 3600.0
    second = (second_deg or 0.0) * 3600.0
    return RATIO_99_TO_90 * float(np.sqrt(first**2 + second**2 + SYSTEMATIC_90_ARCSEC[key] ** 2))


def _instrument(name: str) -> str:
    return next((key for key in SYSTEMATIC_90_ARCSEC if name.startswith(key)), DEFAULT_INSTRUMENT)


class SourceIndex:
    """The archive's sources by id, name and place."""

    def __init__(self, sources: Mapping[str, KnownSource]) -> None:
        self.sources = dict(sources)
        self.ids = list(self.sources)
        self.by_main: dict[str, str] = {}
        self.by_name: dict[str, set[str]] = {}
        for source_id, held in self.sources.items():
            self.by_main[normalize_name(held.source.name)] = source_id
            for name in held.names:
                self.by_name.setdefault(normalize_name(name), set()).add(source_id)
        self.errors = np.array([(self.sources[key].source.error_radius_deg or 0.0) for key in self.ids])
        places = [(self.sources[key].source.ra, self.sources[key].source.dec) for key in self.ids]
        self.tree = KDTree(np.column_stack(unit_vector(*zip(*places, strict=True)))) if places else None

    def named(self, name: str) -> list[str]:
        """Return the ids of all sources of a name; a main name decides alone."""
        normalized = normalize_name(name)
        if not normalized:
            return []
        return [self.by_main[normalized]] if normalized in self.by_main else sorted(self.by_name.get(normalized, ()))

    def near(self, subject: Subject) -> list[Candidate]:
        """Return the sources within the match radius of each, nearest first."""
        widest = float(self.errors.max(initial=0.0))
        reach = match_radius_arcsec(subject.error_radius_deg, widest, subject.instrument)
        return [
            found
            for found in self.within(subject, reach)
            if found[2] is not None and found[2] <= self.radius(subject, found[0])
        ]

    def radius(self, subject: Subject, source_id: str) -> float:
        """Return the match radius of a subject and a source, arcsec."""
        error = self.sources[source_id].source.error_radius_deg
        return match_radius_arcsec(subject.error_radius_deg, error, subject.instrument)

    def within(self, subject: Subject, radius_arcsec: float) -> list[Candidate]:
        """Return the sources within a radius, nearest first."""
        if self.tree is None or subject.ra is None or subject.dec is None:
            return []
        place = np.column_stack(unit_vector([subject.ra], [subject.dec]))[0]
        chord = 2.0 * np.sin(np.radians(min(radius_arcsec / 3600.0, 180.0)) / 2.0)
        found = [self.candidate(subject, self.ids[at]) for at in self.tree.query_ball_point(place, chord + 1e-12)]
        return sorted(found, key=lambda item: item[2] or 0.0)

    def candidate(self, subject: Subject, source_id: str) -> Candidate:
        """Return a source with its distance from a subject."""
        source = self.sources[source_id].source
        if subject.ra is None or subject.dec is None:
            return source_id, source.name, None
        x, y, z = unit_vector([subject.ra, source.ra], [subject.dec, source.dec])
        chord = float(np.sqrt((x[0] - x[1]) ** 2 + (y[0] - y[1]) ** 2 + (z[0] - z[1]) ** 2))
        return source_id, source.name, float(np.degrees(2.0 * np.arcsin(min(chord / 2.0, 1.0))) * 3600.0)


def match(subject: Subject, index: SourceIndex) -> Match:
    """Find the source of a row or product; see the top of this module for the rules."""
    named = [subject.stated_id] if subject.stated_id in index.sources else index.named(subject.name)
    if not named and subject.stated_id:
        named = index.named(subject.stated_id)
    if len(named) == 1:
        how = "id" if named == [subject.stated_id] else "name"
        return _found(subject, how, index.candidate(subject, named[0]), index)
    close = [one for one in index.near(subject) if not named or one[0] in named]
    if len(close) == 1:
        return _found(subject, "position", close[0], index)
    radius = match_radius_arcsec(subject.error_radius_deg, None, subject.instrument)
    rivals = close or [index.candidate(subject, source_id) for source_id in named]
    if rivals:
        return Match(subject.name, "ambiguous", "", None, radius, tuple(rivals[:MAX_CANDIDATES]))
    return Match(subject.name, "none", "", None, radius, tuple(index.within(subject, NEAR_ARCSEC)[:1]))


def _found(subject: Subject, how: str, one: Candidate, index: SourceIndex) -> Match:
    return Match(subject.name, how, one[0], one[2], index.radius(subject, one[0]), (one,))


def note_match(found: Match, instrument: str, findings: Findings, *, path: str = "", table: str = "") -> None:
    """Say what is doubtful about a match: by position, ambiguous, or a name that is somewhere else."""
    place = {"path": path, "column": table}
    near = "; ".join(f"{name} ({key}), {_arcsec(distance)}" for key, name, distance in found.candidates)
    said = f"{found.subject or 'no name'}, match radius {_arcsec(found.radius_arcsec)}"
    width = WIDTH_ARCSEC[_instrument(instrument)]
    match found.how:
        case "ambiguous":
            findings.add(
                "SOURCE-AMBIGUOUS",
                "warning",
                "several sources could be meant; it is linked to none of them",
                found=f"{said}: {near}",
                expected="one source",
                fix="Give the ISDC source id (SOURCE_ID, SOURCEID) of the one that is meant.",
                **place,
            )
        case "position":
            findings.add(
                "SOURCE-POSITION",
                "warning",
                "the name is unknown; it was linked to the only source at its place",
                found=f"{said}: {near}",
                fix="Give the ISDC source id if it is another source.",
                **place,
            )
        case "id" | "name" if found.separation_arcsec is not None and found.separation_arcsec > max(
            found.radius_arcsec, width
        ):
            findings.add(
                "SOURCE-FAR",
                "warning",
                "the source of this name or id lies elsewhere than the position says; the name was believed",
                found=f"{said}: {near}",
                expected=f"within {_arcsec(max(found.radius_arcsec, width))}",
                fix="Correct the position, or the name or id.",
                **place,
            )
        case "none" if path and found.subject:
            findings.add(
                "SOURCE-UNKNOWN",
                "info",
                "the target is no source of the archive's catalogues; the product is found by target name and position",
                found=f"{said}; nearest: {near}" if near else found.subject,
                **place,
            )
        case _:
            pass


def _arcsec(value: float | None) -> str:
    return "at an unknown distance" if value is None else f"{value:.1f} arcsec"


def link_rows(rows: Sequence[Row], index: SourceIndex, findings: Findings) -> tuple[list[Row], list[Match]]:
    """Give rows of the IBIS, JEM-X and OMC catalogues the ids of their sources.

    A row keeps an id that the archive does not know: its catalogue may come later. Rows of one catalogue that would
    share a source by position alone are ambiguous, all of them.
    """
    subjects = {
        number: Subject(row.name, row.source_id, row.ra, row.dec, row.error_radius_deg, _INSTRUMENT_OF[type(row)])
        for number, row in enumerate(rows)
        if isinstance(row, IbisRow | JemxRow | OmcRow)
    }
    if not subjects:
        return list(rows), []
    if not index.sources:
        message = f"there are no sources to compare with here; the archive links {len(subjects)} rows when it has them"
        findings.add("SOURCE-UNCHECKED", "info", message, found="no source of a catalogue")
        return list(rows), []
    matches = {number: match(subject, index) for number, subject in subjects.items()}
    _tell_rivals_apart(rows, matches)
    linked = list(rows)
    for number, found in matches.items():
        row = rows[number]
        note_match(found, subjects[number].instrument, findings, table=row.TABLE)
        if found.source_id and isinstance(row, IbisRow | JemxRow | OmcRow):
            linked[number] = replace(row, source_id=found.source_id)
    _note_unmatched(matches.values(), findings)
    return linked, list(matches.values())


def _tell_rivals_apart(rows: Sequence[Row], matches: dict[int, Match]) -> None:
    """Turn matches by position into ambiguous ones where another row of the same catalogue has the same source."""
    claims: dict[tuple[object, ...], list[int]] = {}
    for number, found in matches.items():
        if found.source_id:
            version = getattr(rows[number], "catalogue_version", "")
            claims.setdefault((rows[number].TABLE, version, found.source_id), []).append(number)
    for numbers in claims.values():
        if len(numbers) > 1:
            for number in numbers:
                if matches[number].how == "position":
                    others = ", ".join(matches[other].subject for other in numbers if other != number)
                    subject = f"{matches[number].subject} (so could {others})"
                    matches[number] = replace(matches[number], subject=subject, how="ambiguous", source_id="")


def _note_unmatched(matches: Iterable[Match], findings: Findings) -> None:
    matches = list(matches)
    none = [found for found in matches if found.how == "none"]
    if not none:
        return
    near = next((found for found in none if found.candidates), none[0])
    nearest = "".join(f"; nearest: {name}, {_arcsec(distance)}" for _, name, distance in near.candidates)
    findings.add(
        "SOURCE-NONE",
        "info",
        f"{len(none)} of {len(matches)} rows are no source of the archive; they are found by name and position",
        found=f"for example {near.subject}, match radius {_arcsec(near.radius_arcsec)}{nearest}",
        fix="Nothing, if they are new sources; else give SOURCE_ID.",
    )
