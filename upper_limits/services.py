"""What the API, the pages and the command do: open the store, find the bands, resolve names, make rows."""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from archive import selectors
from archive.errors import ArchiveError, NotFoundError, StorageError, UnavailableError, UsageError
from archive.website.query import PositionQuery, parse_query
from upper_limits.binary import TextWidth, text_widths
from upper_limits.limits import (
    COLUMNS,
    FORMULA,
    Column,
    Options,
    choose_columns,
    compute_rows,
    model_facts,
    plan_conversion,
)
from upper_limits.params import LimitRequest
from upper_limits.positions import Positions, Target, as_positions, check_positions, describe_problem
from upper_limits.store import BandTotals, LimitStore, build_version, digest_maps, list_stores, open_store
from upper_limits.table import STATUSES, Arrays, Columns, Selection, make_arrays, messages_of

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
CHUNK = 10_000
"""Positions computed at once: bounds the memory of any request."""

_INSTRUMENT_ALIASES = {"isgri": "ibis", "ibis/isgri": "ibis"}
_opened: dict[tuple[str, str], LimitStore] = {}
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that can be answered: every check has passed, rows come from `iter_rows`."""

    request: LimitRequest
    store: LimitStore
    selections: tuple[Selection, ...]
    targets: Positions
    notices: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of the table that is streamed."""
        return choose_columns(COLUMNS, self.request.columns)

    @property
    def simulated(self) -> bool:
        """Whether any chosen map comes from a simulation."""
        return any(one.totals.bands[number].simulated for one in self.selections for number in one.numbers)


def build_current_store(report: Callable[[str], None] = lambda _: None) -> LimitStore:
    """Build the store of the current release's maps, or find that it is there.

    Raises
    ------
    UnavailableError
        If the current release has no sky maps.
    """
    maps = selectors.current_map_version()
    if maps is None:
        raise UnavailableError("the current release has no sky maps, so there is nothing to compute upper limits from")
    return build_version(settings.LIMITS_ROOT, maps, report=report)


def find_store(version: str = "") -> tuple[LimitStore, tuple[str, ...]]:
    """Open a version of the store: the one asked for, or the current release's, or the last whole one.

    Returns
    -------
    store, notices
        A notice says when the store is not the one of the current maps.

    Raises
    ------
    NotFoundError
        If the version asked for does not exist.
    UnavailableError
        If no version at all can be served.
    """
    if version:
        return _open(version), ()
    maps = selectors.current_map_version()
    problem = "the current release has no sky maps"
    if maps is not None:
        try:
            store = _open(maps.name)
            if store.map_digest == digest_maps(maps):
                return store, ()
            problem = f"the upper-limit store {maps.name} was built from other maps"
        except NotFoundError:
            problem = f"the upper-limit store of maps {maps.name} is not built yet"
        except StorageError as error:
            problem = str(error)
    logger.error("%s; run: archipelago upper-limits build", problem)
    for name in list_stores(settings.LIMITS_ROOT):
        try:
            store = _open(name)
        except ArchiveError:
            continue
        return store, (f"{problem}; these limits are from version {name}",)
    raise UnavailableError(
        f"{problem}: upper limits cannot be served (the operator runs: archipelago upper-limits build)"
    )


def probe() -> str:
    """Open the store that is served and name it; raises as `find_store`, and if it is not that of the release."""
    store, notices = find_store()
    if notices:
        raise UnavailableError(notices[0])
    return f"version {store.name}"


def answer(request: LimitRequest) -> Answer:
    """Check a request against the store and resolve its names.

    Raises
    ------
    UsageError, NotFoundError
        For an unknown instrument, band or version; and, when one position only is asked, for that position.
    """
    store, notices = find_store(request.version)
    selections = tuple(
        Selection(totals, numbers) for totals, numbers in choose_bands(store.totals, request.instruments, request.bands)
    )
    targets = resolve_targets(request.targets)
    try:
        for one in selections:
            for number in one.numbers:
                plan_conversion(one.totals.bands[number], request.options)
    except ValueError as error:
        raise UsageError(str(error)) from error
    choose_columns(COLUMNS, request.columns)
    return Answer(request, store, selections, targets, (*notices, *store.notes))


def resolve_target(target: Target) -> Target:
    """Turn text into a position: any usual notation, else a name known to the archive.

    Raises
    ------
    UsageError, NotFoundError
        If it cannot be used: no number, not on the sky, no such name.
    """
    if target.problem:
        raise UsageError(target.problem)
    if not target.text:
        if problem := describe_problem(target.ra, target.dec):
            raise UsageError(problem)
        return target
    query = parse_query(target.text)
    if isinstance(query, PositionQuery):
        return Target(target.text, query.ra, query.dec)
    source = selectors.resolve_name(target.text)
    return Target(source.name, source.ra, source.dec)


def resolve_targets(targets: Sequence[Target]) -> Positions:
    """Resolve a list: it goes on with a problem in each bad row; one position alone that cannot be used is an error."""
    found = as_positions(targets)
    if len(found) == 1:
        return as_positions([resolve_target(found[0])])
    if found.texts:
        ra, dec, problems = found.ra.copy(), found.dec.copy(), dict(found.problems)
        labels = list(found.labels) or [""] * len(found)
        for number in found.texts:
            try:
                one = resolve_target(found[number])
                labels[number], ra[number], dec[number] = one.label, one.ra, one.dec
            except ArchiveError as error:
                problems[number] = str(error)
                labels[number] = labels[number] or found.texts[number]
        found = Positions(ra, dec, labels, {}, problems)
    return check_positions(found)


def iter_rows(found: Answer) -> Iterator[Columns]:
    """Yield the table in chunks of positions: every column as a list, rows by position, instrument, band."""
    for arrays in iter_arrays(found):
        yield {name: values.tolist() for name, values in arrays.items()}


def iter_arrays(found: Answer) -> Iterator[Arrays]:
    """Yield the table in chunks of positions: every column as an array."""
    for start in range(0, len(found.targets), CHUNK):
        targets = found.targets[start : start + CHUNK]
        yield make_arrays(found.selections, targets, found.request.options, found.store.map_version, start)


def describe_widths(found: Answer) -> dict[str, TextWidth]:
    """Width of each text column of the answer, for the formats that fix it."""
    bands = [(one.totals, one.totals.bands[number]) for one in found.selections for number in one.numbers]
    return text_widths(
        {
            "name": found.targets.labels,
            "instrument": [totals.instrument for totals, _ in bands],
            "band": [band.band for _, band in bands],
            "unit": [band.unit for _, band in bands],
            "readout": [totals.readout.kind for totals, _ in bands],
            "status": STATUSES,
            "message": [*messages_of(found.selections), *found.targets.problems.values()],
            "map_version": [found.store.map_version],
        }
    )


def describe(found: Answer) -> dict[str, object]:
    """Head of an answer: everything that does not differ from row to row."""
    options = found.request.options
    return {
        "service": "Archipelago upper limits",
        "map_version": found.store.map_version,
        "simulated": found.simulated,
        "confidence": options.quoted_confidence,
        "sides": options.sides,
        "confidence_one_sided": options.confidence,
        "threshold_sigma": options.threshold_sigma,
        "power": options.power,
        **model_facts(options),
        "formula": FORMULA,
        "notices": list(found.notices),
        "columns": [
            {"name": column.name, "unit": column.unit, "description": column.description} for column in found.columns
        ],
        "position_count": len(found.targets),
        "row_count": len(found.targets) * sum(len(one.numbers) for one in found.selections),
    }


@dataclass(frozen=True, slots=True)
class BandMap:
    """One band of the current totals, and how limits from it are wanted."""

    selection: Selection
    options: Options
    description: str


def find_band(instrument: str, band: str, confidence: float) -> BandMap:
    """Find the map of one instrument and band for limits in mCrab.

    Raises
    ------
    UsageError
        If there is no such instrument or band, or more than one map has it, or its unit is not that of a flux.
    UnavailableError
        If no limits can be served.
    """
    store, notices = find_store()
    found = [
        Selection(totals, [number])
        for totals, numbers in choose_bands(store.totals, [instrument], [band])
        for number in numbers
    ]
    if len(found) != 1:
        raise UsageError(f"{instrument[:40]!r} {band[:40]!r} means {len(found)} maps; name one")
    totals = found[0].totals
    what = totals.bands[found[0].numbers[0]]
    options = Options(confidence, confidence, "one")
    if math.isnan(plan_conversion(what, options).to_mcrab):
        raise UsageError(
            f"the map of {totals.instrument} {what.band} keV is in {what.unit}, which is no part of a Crab"
        )
    said = [f"{totals.instrument} {what.band} keV", f"maps {store.map_version}", options.crab.name, *notices]
    return BandMap(found[0], options, ", ".join(said + ["simulated"] * what.simulated))


def limits_in_mcrab(found: BandMap, ra: FloatArray, dec: FloatArray) -> FloatArray:
    """Upper limits at positions, mCrab, (n,).

    Parameters
    ----------
    ra, dec : (n,), ICRS degrees

    Returns
    -------
    (n,), mCrab
        NaN outside the coverage, and where a position is not on the sky.
    """
    limits = np.full(len(ra), np.nan)
    good = np.flatnonzero((ra >= 0.0) & (ra <= 360.0) & (np.abs(dec) <= 90.0))
    for start in range(0, len(good), CHUNK):
        some = good[start : start + CHUNK]
        one = found.selection
        rows = compute_rows(one.totals, one.numbers, ra[some] % 360.0, dec[some], found.options)
        limits[some] = np.asarray(rows["upper_limit_mcrab"])[:, 0]
    return limits


def _open(name: str) -> LimitStore:
    key = (str(settings.LIMITS_ROOT), name)
    found = _opened.get(key)
    if found is None:
        with _opening:
            found = _opened[key] = _opened.get(key) or open_store(settings.LIMITS_ROOT, name)
    return found


class _Banded(Protocol):
    """Totals or a history: an instrument and its bands."""

    @property
    def instrument(self) -> str: ...
    @property
    def bands(self) -> tuple[BandTotals, ...]: ...


BandedT = TypeVar("BandedT", bound=_Banded)


def choose_bands(
    known: Sequence[BandedT], instruments: Sequence[str], bands: Sequence[str]
) -> tuple[tuple[BandedT, list[int]], ...]:
    """Choose instruments and bands by name, any usual spelling; nothing named means all.

    Raises
    ------
    UsageError
        If one of the names is not known.
    """
    wanted = {instrument_key(name) for name in instruments}
    for name in instruments:
        if instrument_key(name) not in {instrument_key(one.instrument) for one in known}:
            there = ", ".join(sorted({one.instrument for one in known}))
            raise UsageError(f"there is no instrument {name[:40]!r}; there are {there}")
    chosen = [one for one in known if not wanted or instrument_key(one.instrument) in wanted]
    keys = {_band_key(name) for name in bands}
    available = {key for one in chosen for band in one.bands for key in _keys_of(band)}
    for name in bands:
        if _band_key(name) not in available:
            there = ", ".join(
                sorted({f"{band.energy_min_kev:g}-{band.energy_max_kev:g}" for one in chosen for band in one.bands})
            )
            raise UsageError(f"there is no band {name[:40]!r}; there are {there} keV")
    picked = [
        (one, [number for number, band in enumerate(one.bands) if not keys or keys & _keys_of(band)]) for one in chosen
    ]
    return tuple((one, numbers) for one, numbers in picked if numbers)


def instrument_key(name: str) -> str:
    """Return what the usual spellings of an instrument have in common."""
    plain = name.lower().replace("-", "").replace(" ", "")
    return _INSTRUMENT_ALIASES.get(plain, plain)


def _keys_of(band: BandTotals) -> set[str]:
    return {_band_key(band.band), f"{band.energy_min_kev:g}-{band.energy_max_kev:g}"}


def _band_key(name: str) -> str:
    parts = name.lower().replace("_", "-").split("-")
    try:
        return "-".join(f"{float(part):g}" for part in parts)
    except ValueError:
        return name.lower()
