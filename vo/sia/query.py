"""Turns the parameters of SIA 2.0 into ADQL over ObsCore (SIA 2.0 section 2.1; DALI 1.1 section 3.3 for the values)."""

import math
from collections.abc import Callable

import numpy as np

from archive.errors import UsageError
from archive.healpix import unit_vector
from vo.tables import quote_text
from vo.tap.params import Parameters

_INTERVALS = {
    "BAND": ("em_min", "em_max"),
    "TIME": ("t_min", "t_max"),
    "FOV": ("s_fov", "s_fov"),
    "SPATRES": ("s_resolution", "s_resolution"),
    "SPECRP": ("em_res_power", "em_res_power"),
    "EXPTIME": ("t_exptime", "t_exptime"),
    "TIMERES": ("t_resolution", "t_resolution"),
}
_TEXTS = {
    "COLLECTION": "obs_collection",
    "FACILITY": "facility_name",
    "INSTRUMENT": "instrument_name",
    "DPTYPE": "dataproduct_type",
    "TARGET": "target_name",
    "FORMAT": "access_format",
}
_POLARIZATION = {"I", "Q", "U", "V", "RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX", "POLI", "POLA"}
MAX_VALUES = 200


def write_image_query(parameters: Parameters) -> str:
    """Return the ADQL that finds the images; values of one parameter are alternatives, parameters add up.

    Circles and polygons are held against the outline of what an image exposed. For a RANGE, and where the outline is
    not known, an image is taken as the smallest circle around it, so one that only comes near may be among the answers;
    none that overlaps is left out.

    Raises
    ------
    UsageError
        If a value cannot be understood.
    """
    conditions = ["dataproduct_type = 'image'"]
    readers: dict[str, Callable[[str], str]] = {"POS": _position, "POL": _polarization, "CALIB": _calibration}
    readers["ID"] = lambda value: f"LOWER(obs_publisher_did) = {quote_text(value.lower())}"
    for name, (low, high) in _INTERVALS.items():
        readers[name] = lambda value, name=name, low=low, high=high: _interval(name, value, low, high)
    for name, column in _TEXTS.items():
        readers[name] = lambda value, column=column: f"{column} = {quote_text(value)}"
    for name, read in readers.items():
        values = [value.strip() for value in parameters.get(name, ()) if value.strip()]
        if len(values) > MAX_VALUES:
            raise UsageError(f"{name} is given {len(values)} times; at most {MAX_VALUES} are read")
        if values:
            conditions.append("(" + " OR ".join(read(value) for value in values) + ")")
    return f"SELECT * FROM ivoa.obscore WHERE {' AND '.join(conditions)}"  # noqa: S608  # ADQL, which is parsed and resolved before any SQL is written


def _numbers(name: str, words: list[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [math.nan]
    if any(math.isnan(value) for value in values):
        raise UsageError(f"{name} has {' '.join(words)[:60]!r} where numbers are expected")
    return values


def _interval(name: str, value: str, low: str, high: str) -> str:
    """Condition that a range of columns overlaps ``lo hi``, either of which may be infinite, or a single value."""
    bounds = _numbers(name, value.split())
    if len(bounds) == 1:
        bounds *= 2
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise UsageError(f"{name} is {value[:60]!r}; expected one number, or two of which the first is not the larger")
    parts = [f"{low} IS NOT NULL"]
    if math.isfinite(bounds[1]):
        parts.append(f"{low} <= {bounds[1]!r}")
    if math.isfinite(bounds[0]):
        parts.append(f"{high} >= {bounds[0]!r}")
    return f"({' AND '.join(parts)})"


def _polarization(value: str) -> str:
    if value not in _POLARIZATION:
        raise UsageError(f"POL is {value[:20]!r}; expected one of {', '.join(sorted(_POLARIZATION))}")
    return f"pol_states LIKE '%/{value}/%'"


def _calibration(value: str) -> str:
    if value not in {"0", "1", "2", "3", "4"}:
        raise UsageError(f"CALIB is {value[:20]!r}; expected a level from 0 to 4")
    return f"calib_level = {value}"


def _position(value: str) -> str:
    shape, *words = value.split()
    numbers = _numbers("POS", words)
    match shape.upper(), len(numbers):
        case "CIRCLE", 3:
            return _circle(*numbers)
        case "RANGE", 4:
            return _range(*numbers)
        case "POLYGON", count if count >= 6 and count % 2 == 0:
            vertices = [*zip(numbers[::2], numbers[1::2], strict=True)]
            middle = _around(vertices)
            outline = ", ".join(f"{ra % 360.0!r}, {dec!r}" for ra, dec in vertices)
            return _meets(f"POLYGON({outline})", *middle)
        case _:
            raise UsageError(
                f"POS is {value[:60]!r}; expected CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2 "
                "or POLYGON ra1 dec1 ra2 dec2 ra3 dec3 ..., degrees, ICRS"
            )


def _check(ra: float, dec: float) -> None:
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise UsageError(f"POS names {ra:g} {dec:g}; expected 0 to 360 and -90 to 90 degrees, ICRS")


def _circle(ra: float, dec: float, radius: float) -> str:
    _check(ra, dec)
    if not 0.0 <= radius <= 180.0:
        raise UsageError(f"POS has the radius {radius:g}; expected 0 to 180 degrees")
    return _meets(f"CIRCLE({ra % 360.0!r}, {dec!r}, {radius!r})", ra % 360.0, dec, radius)


def _meets(shape: str, ra: float, dec: float, radius: float) -> str:
    """Condition that a shape, itself in a circle, meets the exposed field, or the circle around an unknown one."""
    near = f"DISTANCE(POINT(s_ra, s_dec), POINT({ra!r}, {dec!r})) <= {radius!r} + COALESCE(s_fov, 0) / 2"
    return f"(1 = INTERSECTS({shape}, s_region) OR (s_region IS NULL AND {near}))"


def _range(ra1: float, ra2: float, dec1: float, dec2: float) -> str:
    """Condition for a range of coordinates, infinite where it is open; it may run through right ascension 0."""
    ra1, ra2 = max(ra1, 0.0), min(ra2, 360.0)
    dec1, dec2 = max(dec1, -90.0), min(dec2, 90.0)
    _check(ra1, dec1)
    _check(ra2, dec2)
    if dec1 > dec2:
        raise UsageError(f"POS has a range from declination {dec1:g} to {dec2:g}; the first must not be the larger")
    joined = "AND" if ra1 <= ra2 else "OR"
    edges = [
        f"DISTANCE(POINT(s_ra, s_dec), POINT({ra % 360.0!r}, s_dec)) <= COALESCE(s_fov, 0) / 2" for ra in (ra1, ra2)
    ]
    inside = f"(s_ra >= {ra1!r} {joined} s_ra <= {ra2!r})"
    in_dec = f"s_dec + COALESCE(s_fov, 0) / 2 >= {dec1!r} AND s_dec - COALESCE(s_fov, 0) / 2 <= {dec2!r}"
    return f"({in_dec} AND ({inside} OR {' OR '.join(edges)}))"


def _around(vertices: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return centre and radius (deg) of a circle around the vertices."""
    for ra, dec in vertices:
        _check(ra, dec)
    points = np.stack(unit_vector(*np.array(vertices).T), axis=-1)
    middle = points.sum(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 1e-6:
        raise UsageError("POS has a POLYGON around the whole sky; leave POS out")
    x, y, z = middle / length
    chord = float(np.linalg.norm(points - middle / length, axis=1).max())
    radius = math.degrees(2.0 * math.asin(min(1.0, chord / 2.0)))
    return (
        math.degrees(math.atan2(y, x)) % 360.0,
        math.degrees(math.asin(max(-1.0, min(1.0, z)))),
        min(radius + 1e-9, 180.0),
    )
