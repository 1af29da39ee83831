"""Reads: functions that return query sets or dataclasses of the current release."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce
from operator import or_
from typing import TypeVar

import numpy as np
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import FloatField

from archive.errors import NotFoundError, UsageError, WithdrawnError
from archive.healpix import cone_ranges, unit_vector
from archive.identifiers import normalize_name
from archive.models import CurrentRelease, Product, Release, Released, Source, SourceName, Withdrawal
from archive.skymaps import MapVersion, open_version

RowT = TypeVar("RowT", bound=Released)

MAX_RADIUS_DEG = 180.0
INDEXED_RADIUS_DEG = 60.0
"""Larger circles hold so much of the sky that reading every row is as quick."""
MAX_SUGGESTED_CHARACTERS = 40


_pinned: ContextVar[list[Release | None] | None] = ContextVar("pinned_release", default=None)


def current_release() -> Release | None:
    """Return the release that is served, or None in an empty archive."""
    pinned = _pinned.get()
    if pinned:
        return pinned[0]
    current = CurrentRelease.objects.select_related("release").first()
    release = current.release if current else None
    if pinned is not None:
        pinned.append(release)
    return release


@contextmanager
def one_release() -> Iterator[None]:
    """Hold on to the first release that is read inside: what is shown together comes from one release, read once."""
    token = _pinned.set([])
    try:
        yield
    finally:
        _pinned.reset(token)


def forget_release() -> None:
    """Read the release anew: for the code that has just set it."""
    if pinned := _pinned.get():
        pinned.clear()


def find_release(name: str) -> Release:
    """Return a release by name.

    Raises
    ------
    NotFoundError
        If there is none; names the known ones.
    """
    release = Release.objects.filter(name=name).first()
    if release is None:
        known = ", ".join(Release.objects.values_list("name", flat=True)[:10]) or "none"
        raise NotFoundError(f"there is no release {name!r}; known are {known}")
    return release


def rows_of_release(model: type[RowT], release: Release | None) -> QuerySet[RowT]:
    """Return the rows of a table that are valid in `release` (None: no rows)."""
    if release is None:
        return model.objects.none()
    return model.objects.filter(
        Q(release_to=None) | Q(release_to__gt=release.number),
        release_from__lte=release.number,
    )


def current_rows(model: type[RowT]) -> QuerySet[RowT]:
    """Return the rows of a table that are valid in the current release."""
    return rows_of_release(model, current_release())


def current_map_version() -> MapVersion | None:
    """Open the sky maps of the current release; None when it has none."""
    release = current_release()
    return open_version(settings.MAPS_ROOT, release.map_version) if release and release.map_version else None


def find_tombstone(product_id: str) -> WithdrawnError | None:
    """Return the error that says why a product of an earlier release is gone; None when it was not withdrawn."""
    release = current_release()
    if release is None:
        return None
    last = Product.objects.filter(product_id=product_id, release_to__lte=release.number).order_by("-release_to").first()
    if last is None:
        return None
    withdrawal = Withdrawal.objects.filter(delivery=last.delivery, release=last.release_to).first()
    if withdrawal is None:
        return None
    return WithdrawnError(
        f"Product {product_id!r} was withdrawn in release {withdrawal.release}: {withdrawal.reason} "
        f"Releases before {withdrawal.release} had it."
    )


def resolve_name(name: str) -> Source:
    """Find the source with this name, whatever its case, blanks and dashes; any alias counts.

    Raises
    ------
    NotFoundError
        If no source has the name.
    UsageError
        If several sources share it.
    """
    normalized = normalize_name(name)
    ids = set(current_rows(SourceName).filter(normalized_name=normalized).values_list("source_id", flat=True))
    if not ids:
        ids = set(current_rows(Source).filter(source_id__iexact=name.strip()).values_list("source_id", flat=True))
    if not ids:
        msg = f"no source in the archive is called {name!r}; try another name or a position"
        raise NotFoundError(msg)
    if len(ids) > 1:
        msg = f"{name!r} is a name of {len(ids)} sources ({', '.join(sorted(ids))}); give one of these ids"
        raise UsageError(msg)
    return current_rows(Source).get(source_id=ids.pop())


def suggest_names(text: str, limit: int = 8) -> list[SourceName]:
    """Return names of sources that begin with `text`, else those spelt most like it; one name per source."""
    normalized = normalize_name(text)[:MAX_SUGGESTED_CHARACTERS]
    if not normalized:
        return []
    names = current_rows(SourceName)
    found = list(names.filter(normalized_name__startswith=normalized).order_by("normalized_name")[: 4 * limit])
    if not found:
        known = list(names.values_list("normalized_name", flat=True))
        near = difflib.get_close_matches(normalized, known, n=limit, cutoff=0.7)
        found = sorted(names.filter(normalized_name__in=near), key=lambda name: near.index(name.normalized_name))
    one_per_source = {name.source_id: name for name in reversed(found)}
    return [name for name in found if one_per_source[name.source_id] is name][:limit]


def within_cone(rows: QuerySet[RowT], ra: float, dec: float, radius_deg: float) -> QuerySet[RowT]:
    """Keep the rows within `radius_deg` of a position (ICRS, deg), nearest first, with `separation_chord2`.

    The chord squared between unit vectors, 4 sin^2(r/2), is exact at every separation and at the poles.

    Raises
    ------
    UsageError
        If the position or radius is outside its range.
    """
    check_position(ra, dec)
    if not 0 < radius_deg <= MAX_RADIUS_DEG:
        msg = f"radius {radius_deg} is outside 0 to 180 degrees"
        raise UsageError(msg)
    x, y, z = (float(value) for value in unit_vector(ra, dec))
    chord2 = (F("x") - x) * (F("x") - x) + (F("y") - y) * (F("y") - y) + (F("z") - z) * (F("z") - z)
    limit = 4.0 * float(np.sin(np.radians(radius_deg) / 2.0)) ** 2
    annotated = rows.annotate(separation_chord2=ExpressionWrapper(chord2, output_field=FloatField()))
    if radius_deg <= INDEXED_RADIUS_DEG:
        # The index on hpx finds the neighbourhood; the chord decides.
        annotated = annotated.filter(
            reduce(or_, (Q(hpx__gte=low, hpx__lt=high) for low, high in cone_ranges(ra, dec, radius_deg)))
        )
    return annotated.filter(separation_chord2__lte=limit).order_by("separation_chord2")


def separation_deg(chord2: float) -> float:
    """Turn a squared chord between unit vectors into degrees.

    Examples
    --------
    >>> round(separation_deg(2.0), 6)
    90.0
    """
    return float(np.degrees(2.0 * np.arcsin(min(1.0, chord2**0.5 / 2.0))))


def check_position(ra: float, dec: float) -> None:
    """Refuse a position outside the sky.

    Raises
    ------
    UsageError
        If `ra` is not in [0, 360) or `dec` not in [-90, 90].
    """
    if not (0.0 <= ra < 360.0 and -90.0 <= dec <= 90.0):
        msg = (
            f"position ra={ra}, dec={dec} is not on the sky; expected 0 <= ra < 360 and -90 <= dec <= 90, degrees, ICRS"
        )
        raise UsageError(msg)
