"""Values out of the query string, checked: a bad one gets a sentence, never a default in silence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from archive.errors import UsageError
from archive.selectors import check_position


@dataclass(frozen=True, slots=True)
class Cone:
    """A circle on the sky, degrees, ICRS."""

    ra: float
    dec: float
    radius_deg: float


def read_text(params: QueryDict, name: str, limit: int = 200) -> str:
    """Return a parameter as one line of text ('' when absent)."""
    text = params.get(name, "").strip()
    if len(text) > limit or not text.isprintable():
        raise UsageError(f"{name} must be at most {limit} printable characters.")
    return text


def read_number(params: QueryDict, name: str, low: float, high: float) -> float | None:
    """Return a parameter as a number within [low, high], None when absent."""
    text = read_text(params, name, 40)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise UsageError(f"{name} is {text!r}; expected a number from {low:g} to {high:g}.")
    return value


def read_choice(params: QueryDict, name: str, choices: Sequence[str], default: str) -> str:
    """Return a parameter that must be one of `choices`."""
    text = read_text(params, name, 40) or default
    if text not in choices:
        raise UsageError(
            f"{name} is {text!r}; expected one of {', '.join(choice or '(nothing)' for choice in choices)}."
        )
    return text


def read_whole(params: QueryDict, name: str, high: int) -> int | None:
    """Return a parameter as a whole number from 0 to `high`, None when absent."""
    value = read_number(params, name, 0, high)
    if value is None:
        return None
    if value != int(value):
        raise UsageError(f"{name} is {value:g}; expected a whole number.")
    return int(value)


def read_cone(params: QueryDict, default_radius_deg: float) -> Cone | None:
    """Return the circle named by `ra`, `dec` and `radius`, None when neither position is given."""
    ra, dec = read_number(params, "ra", 0, 360), read_number(params, "dec", -90, 90)
    radius = read_number(params, "radius", 1e-6, 180)
    if ra is None and dec is None:
        if radius is not None:
            raise UsageError("radius needs ra and dec beside it (degrees, ICRS).")
        return None
    if ra is None or dec is None:
        raise UsageError("a position needs both ra and dec (degrees, ICRS).")
    check_position(ra % 360.0, dec)
    return Cone(ra % 360.0, dec, default_radius_deg if radius is None else radius)
