"""Which source of the archive a delivered row or product is about: by identity, else by position within the errors.

An id or name that the archive knows decides. Else the position does, if exactly one source lies within the match
radius and no other row of the delivery has the same claim on it. Several sources within the radius are reported with
all their names and linked to none; so is nothing within it.

Both positions carry circular Gaussian errors, stated as radii of 90 per cent, and the instrument a systematic one. The
offset of a true pair then follows the Rayleigh distribution, P(offset < r) = 1 - exp(-r^2 / 2 sigma^2) with sigma^2 the
sum of the three variances, so a radius of probability p is sigma sqrt(-2 ln(1 - p)): the radius of 99 per cent is
sqrt(ln 100 / ln 10) = sqrt(2) times that of 90 per cent. One true counterpart in a hundred lies outside it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from archive.healpix import FloatArray, IntArray, unit_vector
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
RATIO_99_TO_90 = math.sqrt(math.log(100.0) / math.log(10.0))
NEAR_ARCSEC = 3600.0
MAX_CANDIDATES = 20
MAX_DOUBTFUL = 500
"""Doubtful links to sources that the page of a delivery lists."""
_INSTRUMENT_OF = {IbisRow: "isgri", JemxRow: "jemx", OmcRow: "omc"}


Candidate = tuple[str, str, float | None]
"""Source id, name, and separation in arcsec (None where the subject has no position)."""


class Match(NamedTuple):
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


@dataclass(slots=True)
class Doubtful:
    """Matches that neither id nor name decides: how many, and the first of them."""

    first: list[Match] = field(default_factory=list)
    count: int = 0

    def note(self, found: Match) -> None:
        """Take a match; a certain one is not counted."""
        if found.how in {"id", "name"}:
            return
        self.count += 1
        if len(self.first) < MAX_DOUBTFUL:
            self.first.append(found)


class Subject(NamedTuple):
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
    132.54
    """
    key = _instrument(instrument)
    first = WIDTH_ARCSEC[key] / 2.0 if first_deg is None else first_deg * 3600.0
    second = (second_deg or 0.0) * 3600.0
    return RATIO_99_TO_90 * math.sqrt(first**2 + second**2 + SYSTEMATIC_90_ARCSEC[key] ** 2)


@lru_cache(maxsize=64)
def _instrument(name: str) -> str:
    return next((key for key in SYSTEMATIC_90_ARCSEC if name.startswith(key)), DEFAULT_INSTRUMENT)


class SourceIndex:
    """The archive's sources by id, name and place."""

    def __init__(self, sources: Mapping[str, KnownSource]) -> None:
        self.sources = dict(sources)
        self.ids = list(self.sources)
        self.numbers = {source_id: number for number, source_id in enumerate(self.ids)}
        self.by_main: dict[str, str] = {}
        self.by_name: dict[str, set[str]] = {}
        for source_id, held in self.sources.items():
            self.by_main[normalize_name(held.source.name)] = source_id
            for name in held.names:
                self.by_name.setdefault(normalize_name(name), set()).add(source_id)
        held = [known.source for known in self.sources.values()]
        self.errors_arcsec = np.array([(source.error_radius_deg or 0.0) * 3600.0 for source in held])
        self.places = _places([source.ra for source in held], [source.dec for source in held])
        self.tree = KDTree(self.places) if held else None

    def named(self, name: str) -> list[str]:
        """Return the ids of all sources of a name; a main name decides alone."""
        normalized = normalize_name(name)
        if not normalized:
            return []
        return [self.by_main[normalized]] if normalized in self.by_main else sorted(self.by_name.get(normalized, ()))

    def known_as(self, subject: Subject) -> list[str]:
        """Return the ids of the sources that a subject's id or name means."""
        if subject.stated_id in self.sources:
            return [subject.stated_id]
        named = self.named(subject.name)
        return self.named(subject.stated_id) if not named and subject.stated_id else named

    def candidate(self, number: int, separation_arcsec: float) -> Candidate:
        """Return a source with its distance from a subject; NaN where that has no position."""
        source_id = self.ids[number]
        distance = None if math.isnan(separation_arcsec) else separation_arcsec
        return source_id, self.sources[source_id].source.name, distance


def _places(ra: list[float], dec: list[float]) -> FloatArray:
    """Return unit vectors, shape (n, 3), of ICRS degrees."""
    return np.column_stack(unit_vector(ra, dec))


def _chord(separation_arcsec: FloatArray | float) -> FloatArray:
    """Return the distance of unit vectors so far apart, and a little more, so that rounding loses none."""
    return 2.0 * np.sin(np.radians(np.minimum(np.asarray(separation_arcsec) / 3600.0, 180.0)) / 2.0) + 1e-12


@dataclass(frozen=True, slots=True)
class _Subjects:
    """All that is to be linked at once, in arrays: places are unit vectors, shape (n, 3), NaN where unknown."""

    index: SourceIndex
    places: FloatArray
    errors_arcsec: FloatArray
    systematics_arcsec: FloatArray

    def separations(self, rows: IntArray, numbers: IntArray) -> FloatArray:
        """Return the angles between subjects and sources, arcsec; all of one length."""
        chord = np.sqrt(((self.places[rows] - self.index.places[numbers]) ** 2).sum(axis=1))
        return np.degrees(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0))) * 3600.0

    def radii(self, rows: IntArray, numbers: IntArray) -> FloatArray:
        """Return the match radii of subjects and sources, arcsec; all of one length."""
        others = self.index.errors_arcsec[numbers]
        return RATIO_99_TO_90 * np.sqrt(self.errors_arcsec[rows] ** 2 + others**2 + self.systematics_arcsec[rows] ** 2)

    def near(self, rows: IntArray) -> dict[int, list[Candidate]]:
        """Return, by subject, the sources within the match radius of each, nearest first."""
        rows = rows[np.isfinite(self.places[rows]).all(axis=1)]
        if self.index.tree is None or not len(rows):
            return {}
        widest = np.full(len(rows), self.index.errors_arcsec.argmax())
        found = self.index.tree.query_ball_point(self.places[rows], _chord(self.radii(rows, widest)))
        counts = [len(one) for one in found]
        of, numbers = np.repeat(rows, counts), np.fromiter(chain.from_iterable(found), np.int64, sum(counts))
        apart = self.separations(of, numbers)
        inside = apart <= self.radii(of, numbers)
        of, numbers, apart = of[inside], numbers[inside], apart[inside]
        order = np.lexsort((apart, of))
        return self._candidates(of[order], numbers[order], apart[order])

    def namesakes(self, named: Mapping[int, list[str]]) -> dict[int, list[Candidate]]:
        """Return the sources that the names of subjects mean, with their distances."""
        rows = np.repeat(np.array(list(named), dtype=np.int64), [len(ids) for ids in named.values()])
        numbers = np.array([self.index.numbers[one] for ids in named.values() for one in ids], dtype=np.int64)
        return self._candidates(rows, numbers, self.separations(rows, numbers))

    def _candidates(self, rows: IntArray, numbers: IntArray, apart: FloatArray) -> dict[int, list[Candidate]]:
        made: dict[int, list[Candidate]] = {}
        for row, number, distance in zip(rows.tolist(), numbers.tolist(), apart.tolist(), strict=True):
            made.setdefault(row, []).append(self.index.candidate(number, distance))
        return made

    def nearest(self, rows: IntArray) -> dict[int, Candidate]:
        """Return, by subject, the nearest source if one lies within a degree."""
        rows = rows[np.isfinite(self.places[rows]).all(axis=1)]
        if self.index.tree is None or not len(rows):
            return {}
        _, nearest = self.index.tree.query(self.places[rows], distance_upper_bound=float(_chord(NEAR_ARCSEC)))
        numbers = np.asarray(nearest, dtype=np.int64)
        has = numbers < len(self.index.ids)
        rows, numbers = rows[has], numbers[has]
        apart = self.separations(rows, numbers).tolist()
        return {
            row: self.index.candidate(number, distance)
            for row, number, distance in zip(rows.tolist(), numbers.tolist(), apart, strict=True)
        }


def _in_arrays(subjects: Sequence[Subject], index: SourceIndex) -> _Subjects:
    nowhere = float("nan")
    placed = [
        (one.ra, one.dec) if one.ra is not None and one.dec is not None else (nowhere, nowhere) for one in subjects
    ]
    kinds = {name: _instrument(name) for name in {one.instrument for one in subjects}}
    errors = [
        WIDTH_ARCSEC[kinds[one.instrument]] / 2.0 if one.error_radius_deg is None else one.error_radius_deg * 3600.0
        for one in subjects
    ]
    systematics = [SYSTEMATIC_90_ARCSEC[kinds[one.instrument]] for one in subjects]
    places = _places([ra for ra, _ in placed], [dec for _, dec in placed])
    return _Subjects(index, places, np.array(errors, dtype=np.float64), np.array(systematics, dtype=np.float64))


def match(subject: Subject, index: SourceIndex) -> Match:
    """Find the source of a row or product; see the top of this module for the rules."""
    return match_all([subject], index)[0]


def match_all(subjects: Sequence[Subject], index: SourceIndex) -> list[Match]:
    """Find the sources of many rows or products, in their order; each as if it were alone."""
    arrays = _in_arrays(subjects, index)
    named = [index.known_as(subject) for subject in subjects]
    found: dict[int, Match] = {}
    sure = np.array([row for row, ids in enumerate(named) if len(ids) == 1], dtype=np.int64)
    numbers = np.array([index.numbers[named[row][0]] for row in sure.tolist()], dtype=np.int64)
    apart, radii = arrays.separations(sure, numbers), arrays.radii(sure, numbers)
    for row, number, distance, radius in zip(*(one.tolist() for one in (sure, numbers, apart, radii)), strict=True):
        how = "id" if named[row] == [subjects[row].stated_id] else "name"
        found[row] = _found(subjects[row], how, index.candidate(number, distance), radius)
    unsure = np.array([row for row, ids in enumerate(named) if len(ids) != 1], dtype=np.int64)
    near, namesakes = arrays.near(unsure), arrays.namesakes({row: named[row] for row in unsure.tolist()})
    lonely: list[int] = []
    for row in unsure.tolist():
        subject = subjects[row]
        close = [one for one in near.get(row, ()) if not named[row] or one[0] in named[row]]
        if len(close) == 1:
            error = index.sources[close[0][0]].source.error_radius_deg
            found[row] = _found(subject, "position", close[0], _radius(subject, error))
        elif rivals := close or namesakes.get(row):
            some = tuple(rivals[:MAX_CANDIDATES])
            found[row] = Match(subject.name, "ambiguous", "", None, _radius(subject, None), some)
        else:
            lonely.append(row)
    nearest = arrays.nearest(np.array(lonely, dtype=np.int64))
    for row in lonely:
        candidates = (nearest[row],) if row in nearest else ()
        found[row] = Match(subjects[row].name, "none", "", None, _radius(subjects[row], None), candidates)
    return [found[row] for row in range(len(subjects))]


def _radius(subject: Subject, error_deg: float | None) -> float:
    return match_radius_arcsec(subject.error_radius_deg, error_deg, subject.instrument)


def _by_name(arrays: _Subjects, row: int, ids: list[str]) -> list[Candidate]:
    """Return sources of one name with their distances from a subject."""
    numbers = np.array([arrays.index.numbers[source_id] for source_id in ids], dtype=np.int64)
    apart = arrays.separations(np.full(len(ids), row), numbers)
    return [arrays.index.candidate(*one) for one in zip(numbers.tolist(), apart.tolist(), strict=True)]


def _found(subject: Subject, how: str, one: Candidate, radius_arcsec: float) -> Match:
    return Match(subject.name, how, one[0], one[2], radius_arcsec, (one,))


_RULE_OF = {
    "ambiguous": "SOURCE-AMBIGUOUS",
    "position": "SOURCE-POSITION",
    "id": "SOURCE-FAR",
    "name": "SOURCE-FAR",
    "none": "SOURCE-UNKNOWN",
}


def note_match(found: Match, instrument: str, findings: Findings, *, path: str = "", table: str = "") -> None:
    """Say what is doubtful about a match: by position, ambiguous, or a name that is somewhere else."""
    if found.how == "none" and not (path and found.subject):
        return
    width = WIDTH_ARCSEC[_instrument(instrument)]
    is_far = found.separation_arcsec is not None and found.separation_arcsec > max(found.radius_arcsec, width)
    if found.how in {"id", "name"} and not is_far:
        return
    if findings.is_full(_RULE_OF[found.how], table):
        return
    place = {"path": path, "column": table}
    near = "; ".join(f"{name} ({key}), {_arcsec(distance)}" for key, name, distance in found.candidates)
    said = f"{found.subject or 'no name'}, match radius {_arcsec(found.radius_arcsec)}"
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
        case "id" | "name":
            findings.add(
                "SOURCE-FAR",
                "warning",
                "the source of this name or id lies elsewhere than the position says; the name was believed",
                found=f"{said}: {near}",
                expected=f"within {_arcsec(max(found.radius_arcsec, width))}",
                fix="Correct the position, or the name or id.",
                **place,
            )
        case "none":
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
    matches = dict(zip(subjects, match_all(list(subjects.values()), index), strict=True))
    _tell_rivals_apart(rows, matches)
    linked = list(rows)
    for number, found in matches.items():
        row = rows[number]
        note_match(found, subjects[number].instrument, findings, table=row.TABLE)
        if found.source_id not in {"", subjects[number].stated_id} and isinstance(row, IbisRow | JemxRow | OmcRow):
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
                    matches[number] = matches[number]._replace(subject=subject, how="ambiguous", source_id="")


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
