"""Reads the parameters of a cut-out (SODA 1.0 section 3; DALI 1.1 section 3.3 for the values)."""

import itertools
import math
from dataclasses import dataclass

from archive.errors import UsageError
from vo.soda.regions import Circle, Polygon, Range, Region
from vo.tap.params import Parameters, single

FORMATS = ("votable", "fits")
MOST_CUTS = 1_000
"""Cut-outs that one job makes."""

_SINGLE = ("ID", "POS", "CIRCLE", "POLYGON", "BAND", "TIME", "POL", "RESPONSEFORMAT", "RUNID")
_SHAPES = ("POS", "CIRCLE", "POLYGON")
MOST_VERTICES = 1_000


class MultiValuedParamError(UsageError):
    """A parameter has several values, which one synchronous answer cannot hold (SODA 1.0 section 5.2)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What to keep of a product; None keeps all. `band` in metres, `time` in MJD (TT), both (low, high)."""

    region: Region | None = None
    band: tuple[float, float] | None = None
    time: tuple[float, float] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is to be cut off."""
        return self.region is None and self.band is None and self.time is None


def read_cut(parameters: Parameters) -> tuple[str, Cut]:
    """Return the identifier of the product and what to keep of it.

    Raises
    ------
    MultiValuedParamError
        If a parameter has several values, or there are several shapes.
    UsageError
        If the identifier is missing or a value cannot be understood.

    Examples
    --------
    >>> read_cut({"ID": ("x",), "CIRCLE": ("10 20 1",)})
    ('x', Cut(region=Circle(ra=10.0, dec=20.0, radius_deg=1.0), band=None, time=None))
    """
    for name in _SINGLE:
        count = len({value.strip() for value in parameters.get(name, ()) if value.strip()})
        if count > 1:
            raise MultiValuedParamError(f"{name} has {count} values; one cut-out is made by each request")
    identifier = single(parameters, "ID")
    if identifier is None:
        raise UsageError("the parameter ID is missing: give the identifier of a product")
    shapes = {name: value.strip() for name in _SHAPES if (value := single(parameters, name))}
    if len(shapes) > 1:
        raise MultiValuedParamError(f"{' and '.join(shapes)} are given; one cut-out has one shape")
    if single(parameters, "POL"):
        raise UsageError("POL is given; nothing in this archive has polarization states")
    region = next((_read_shape(name, value) for name, value in shapes.items()), None)
    band, time = (_interval(name, single(parameters, name)) for name in ("BAND", "TIME"))
    return identifier.strip(), Cut(region, band, time)


def read_cuts(parameters: Parameters) -> list[tuple[str, Cut]]:
    """Return every combination of the identifiers, shapes, bands and times of a job (SODA 1.0 section 3.1).

    Raises
    ------
    UsageError
        If the identifier is missing, a value cannot be understood, or there are more than `MOST_CUTS`.

    Examples
    --------
    >>> len(read_cuts({"ID": ("x", "y"), "CIRCLE": ("1 2 3", "4 5 6"), "BAND": ("1 2",)}))
    4
    """
    shapes = [(name, value) for name in _SHAPES for value in _values(parameters, name)]
    axes: list[list[tuple[str, str]]] = [
        [("ID", value) for value in _values(parameters, "ID")],
        shapes,
        *([(name, value) for value in _values(parameters, name)] for name in ("BAND", "TIME", "POL")),
    ]
    count = math.prod(len(axis) or 1 for axis in axes)
    if count > MOST_CUTS:
        raise UsageError(f"the values make {count} cut-outs; one job makes at most {MOST_CUTS}")
    if not axes[0]:
        raise UsageError("the parameter ID is missing: give the identifier of a product")
    chosen = itertools.product(*(axis for axis in axes if axis))
    return [read_cut({name: (value,) for name, value in combination}) for combination in chosen]


def read_format(parameters: Parameters) -> str:
    """Return the format in which light curves are wanted: ``votable`` (the default) or ``fits``; images are FITS.

    Raises
    ------
    UsageError
        If it is another one.

    Examples
    --------
    >>> read_format({"RESPONSEFORMAT": ("application/fits",)})
    'fits'
    """
    text = single(parameters, "RESPONSEFORMAT")
    if text is None:
        return ""
    short = text.strip().replace(" ", "+").lower().partition(";")[0]
    short = short.removeprefix("application/").removeprefix("image/").removeprefix("x-").removesuffix("+xml")
    if short not in FORMATS:
        raise UsageError(f"RESPONSEFORMAT {text[:40]!r} is not offered; cut-outs are written as votable or fits")
    return short


def _values(parameters: Parameters, name: str) -> list[str]:
    return list(dict.fromkeys(value.strip() for value in parameters.get(name, ()) if value.strip()))


def _read_shape(name: str, text: str) -> Region:
    words = text.split()
    kind = words.pop(0).upper() if name == "POS" else name
    if kind == "RANGE":
        return _range(_numbers(name, text, words, open_ends=True), text)
    numbers = _numbers(name, text, words, open_ends=False)
    if kind == "CIRCLE" and len(numbers) == 3:
        ra, dec, radius = numbers
        _check(name, ra, dec)
        if not 0.0 < radius <= 180.0:
            raise UsageError(f"{name} has the radius {radius:g}; expected more than 0, up to 180 degrees")
        return Circle(ra % 360.0, dec, radius)
    if kind == "POLYGON" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        vertices = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        if len(vertices) > MOST_VERTICES:
            raise UsageError(f"{name} has {len(vertices)} vertices; at most {MOST_VERTICES} are read")
        for ra, dec in vertices:
            _check(name, ra, dec)
        return Polygon(vertices)
    expected = {
        "CIRCLE": "ra dec radius",
        "POLYGON": "ra1 dec1 ra2 dec2 ra3 dec3 ...",
        "POS": "CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2 or POLYGON ra1 dec1 ra2 dec2 ra3 dec3 ...",
    }
    raise UsageError(f"{name} is {text[:60]!r}; expected {expected[name]}, degrees, ICRS")


def _range(numbers: list[float], text: str) -> Range:
    if len(numbers) != 4:
        raise UsageError(f"POS is {text[:60]!r}; expected RANGE ra1 ra2 dec1 dec2, degrees, ICRS")
    ra1, ra2 = max(numbers[0], 0.0), min(numbers[1], 360.0)
    dec1, dec2 = max(numbers[2], -90.0), min(numbers[3], 90.0)
    _check("POS", ra1, dec1)
    _check("POS", ra2, dec2)
    if dec1 > dec2 or ra1 > ra2:
        raise UsageError(f"POS is {text[:60]!r}; in each pair of a RANGE the first must not be the larger")
    return Range(ra1, ra2, dec1, dec2)


def _check(name: str, ra: float, dec: float) -> None:
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise UsageError(f"{name} names {ra:g} {dec:g}; expected 0 to 360 and -90 to 90 degrees, ICRS")


def _numbers(name: str, text: str, words: list[str], *, open_ends: bool) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = [math.nan]
    if any(math.isnan(number) or (math.isinf(number) and not open_ends) for number in numbers):
        raise UsageError(f"{name} is {text[:60]!r}, which has something else than numbers")
    return numbers


def _interval(name: str, text: str | None) -> tuple[float, float] | None:
    """Read ``low high``, either of which may be infinite, or a single value (SODA 1.0 sections 3.3.4 and 3.3.5)."""
    if text is None:
        return None
    bounds = _numbers(name, text, text.split(), open_ends=True)
    bounds = bounds * 2 if len(bounds) == 1 else bounds
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        unit = "metres" if name == "BAND" else "days of MJD in TT"
        raise UsageError(f"{name} is {text[:60]!r}; expected low and high in {unit}, the first not the larger")
    return bounds[0], bounds[1]
