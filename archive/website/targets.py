"""Lists of targets, names and positions mixed: each line gets an answer, and none is dropped.

Names are looked up in one statement for thousands of lines; positions are compared with the unit vectors of every
source of the release in blocks of one matrix product.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from archive.errors import UsageError
from archive.healpix import unit_vector
from archive.identifiers import normalize_name
from archive.models import Source, SourceName
from archive.selectors import current_release, current_rows
from archive.website.facet_cubes import read_cube
from archive.website.query import NameQuery, PositionQuery, parse_query

MAX_TARGETS = 100_000
NAMES_AT_ONCE, POSITIONS_AT_ONCE = 10_000, 512
LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Target:
    """One line of a list: what it is, and what the archive has for it."""

    line: int
    text: str
    status: str
    note: str = ""
    name: str = ""
    ra: float | None = None
    dec: float | None = None
    source_id: str = ""
    source_name: str = ""
    separation_arcmin: float | None = None
    product_count: int | None = None
    simulated: bool | None = None


def read_lines(text: str) -> list[tuple[int, str]]:
    r"""Return the numbered lines that are not blank and no comment (``#``).

    Raises
    ------
    UsageError
        If there is none, or more than `MAX_TARGETS`.

    Examples
    --------
    >>> read_lines("# my targets\nCrab\n\n83.6 22.0")
    [(2, 'Crab'), (4, '83.6 22.0')]
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise UsageError("The list is empty; write one name or position a line.")
    if len(lines) > MAX_TARGETS:
        raise UsageError(f"The list has {len(lines):,} targets; at most {MAX_TARGETS:,} are taken at once.")
    return lines


def read_target(line: int, text: str) -> Target:
    """Say what a line is: `name`, `position`, or `unreadable` with the reason.

    Examples
    --------
    >>> read_target(1, "83.633 22.0145").status, read_target(2, "Crab").status, read_target(3, "83 99").status
    ('position', 'name', 'unreadable')
    """
    shown = text[:LONGEST_LINE]
    if len(text) > LONGEST_LINE or not text.isprintable():
        return Target(
            line,
            "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown),
            "unreadable",
            f"a target has at most {LONGEST_LINE} printable characters",
        )
    try:
        asked = parse_query(text)
    except UsageError as error:
        return Target(line, shown, "unreadable", str(error))
    if isinstance(asked, PositionQuery):
        return Target(line, shown, "position", ra=asked.ra, dec=asked.dec)
    if isinstance(asked, NameQuery):
        place = asked.position
        return Target(
            line,
            shown,
            "name",
            name=asked.name,
            ra=place.ra if place else None,
            dec=place.dec if place else None,
        )
    kind = type(asked).__name__.removesuffix("Query")
    return Target(line, shown, "unreadable", f"read as {kind}, which is neither a name nor a position")


def find_targets(lines: Sequence[tuple[int, str]], radius_deg: float) -> Iterator[Target]:
    """Yield an answer for every line, in order.

    Status is `found`, `ambiguous` (a name of several sources), `no source` or `unreadable`. A name that the archive
    does not know but that says where it is (a J-name) is taken as that position.
    """
    sky, release = Sky.read(), current_release()
    cells = read_cube(release, "integral.products", ("source_id",)) if release else ()
    counts = {str(values[0]): count for values, count in cells or ()}
    rest = iter(lines)
    while batch := [read_target(line, text) for line, text in islice(rest, NAMES_AT_ONCE)]:
        names = find_names([target.name for target in batch if target.status == "name"])
        named = [_by_name(target, names, sky) for target in batch]
        for target in _by_position(named, sky, radius_deg):
            yield replace(target, product_count=counts.get(target.source_id, 0)) if target.source_id else target


@dataclass(frozen=True, slots=True)
class Sky:
    """Every source of the current release: rows, and unit vectors of shape (n, 3)."""

    rows: Sequence[tuple[str, str, float, float, bool]]
    place: Mapping[str, int]
    vectors: np.ndarray

    @classmethod
    def read(cls) -> "Sky":
        """Read the sources; a few thousand rows."""
        rows = list(
            current_rows(Source).order_by("source_id").values_list("source_id", "name", "ra", "dec", "simulated")
        )
        ra, dec = np.array([row[2] for row in rows], float), np.array([row[3] for row in rows], float)
        vectors = np.stack(unit_vector(ra, dec), axis=-1).reshape(-1, 3)
        return cls(rows, {row[0]: number for number, row in enumerate(rows)}, vectors)


def find_names(names: Sequence[str]) -> dict[str, set[str]]:
    """Look names up in one statement: normalized name to ids of the sources that have it."""
    wanted = {normalize_name(name) for name in names}
    found: dict[str, set[str]] = {}
    rows = current_rows(SourceName).filter(normalized_name__in=wanted).order_by()
    for name, source_id in rows.values_list("normalized_name", "source_id"):
        found.setdefault(name, set()).add(source_id)
    return found


def _by_name(target: Target, names: Mapping[str, set[str]], sky: Sky) -> Target:
    if target.status != "name":
        return target
    ids = sorted(names.get(normalize_name(target.name), ()))
    if len(ids) > 1:
        return replace(target, status="ambiguous", note=f"a name of {', '.join(ids)}")
    if ids and ids[0] in sky.place:
        return _found(target, sky, sky.place[ids[0]], None)
    if target.ra is not None:
        return replace(target, status="position", note="not a name in the archive; its digits taken as a position")
    return replace(target, status="no source", note="not a name in the archive")


def _by_position(targets: Sequence[Target], sky: Sky, radius_deg: float) -> Iterator[Target]:
    """Give each position its nearest source within the radius."""
    answers = {}
    places = [number for number, target in enumerate(targets) if target.status == "position"]
    for start in range(0, len(places), POSITIONS_AT_ONCE):
        block = places[start : start + POSITIONS_AT_ONCE]
        ra = np.array([targets[number].ra for number in block], float)
        dec = np.array([targets[number].dec for number in block], float)
        vectors = np.stack(unit_vector(ra, dec), axis=-1)
        if not len(sky.rows):
            break
        nearest = np.argmax(vectors @ sky.vectors.T, axis=1)
        # The chord is exact where the cosine is not.
        chord = np.linalg.norm(vectors - sky.vectors[nearest], axis=1)
        angle = np.degrees(2.0 * np.arcsin(np.minimum(1.0, chord / 2.0)))
        answers.update(zip(block, zip(nearest.tolist(), angle.tolist(), strict=True), strict=True))
    for number, target in enumerate(targets):
        if target.status != "position":
            yield target
        elif number in answers and answers[number][1] <= radius_deg:
            yield _found(target, sky, answers[number][0], 60.0 * answers[number][1])
        else:
            note = f"{target.note}; " if target.note else ""
            yield replace(target, status="no source", note=f"{note}none within {radius_deg:g} deg")


def _found(target: Target, sky: Sky, place: int, separation_arcmin: float | None) -> Target:
    source_id, name, ra, dec, simulated = sky.rows[place]
    own = target.status == "position"
    return replace(
        target,
        status="found",
        ra=target.ra if own else ra,
        dec=target.dec if own else dec,
        source_id=source_id,
        source_name=name,
        separation_arcmin=separation_arcmin,
        simulated=simulated,
    )
