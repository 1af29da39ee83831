"""Where the simulated mission looks: kinds of programme, their fields, their dither patterns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.geometry import galactic, icrs_from_galactic, lonlat, offset, separation, vector
from ingestion.simulation.sources import Source, source_vectors

FloatArray = NDArray[np.float64]

SUN_ANGLE_DEG = (50.0, 130.0)
"""Allowed angle between pointing and Sun: the solar arrays tilt by at most 40 degrees."""

CRAB_NAME = "Crab"


@dataclass(frozen=True, slots=True)
class Programme:
    """A kind of observing programme: its share of the time and the fields among which it chooses.

    `vectors` (n, 3) are the field centres (ICRS), `weights` (n,) their relative chances, `patterns`
    the dithers it uses.
    """

    category: str
    obstype: str
    share: float
    names: tuple[str, ...]
    vectors: FloatArray
    weights: FloatArray
    patterns: tuple[str, ...]


def make_programmes(sources: tuple[Source, ...]) -> tuple[Programme, ...]:
    """The programmes that share the simulated mission; shares add up to 1.

    The shares are this simulation's own choice, made so that Galactic bulge and plane are several times deeper than the
    rest of the sky, as in the real mission.
    """
    vectors = source_vectors(sources)
    lat = np.abs(lonlat(galactic(vectors))[1])
    weight = np.sqrt(np.array([source.flux_20_60_mcrab for source in sources]))
    compact, distant = np.flatnonzero(lat < 12.0), np.flatnonzero(lat >= 12.0)
    return (
        _fields("Galactic plane", "Key programme", 0.14, _bulge(), ("HEX", "5x5")),
        _fields("Galactic plane", "Key programme", 0.22, _plane(), ("SCAN",)),
        _on_sources("Compact objects", 0.26, sources, vectors, weight, compact),
        _on_sources("Extragalactic", 0.18, sources, vectors, np.minimum(weight, 3.0), distant),
        _fields("Sky survey", "Survey", 0.20, _whole_sky(), ("HEX", "5x5")),
    )


def dither(pattern: str, centre: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Pointing directions (count, 3) of a dither around `centre` (3,), cut or repeated to `count`.

    5x5: 25 points 2.17 deg apart; HEX: the centre and 6 points 2 deg from it; SCAN: a saw-tooth along the Galactic
    plane in steps of 3 deg; STARING: no offset. (INTEGRAL AO documentation, "Observing modes".)
    """
    if pattern == "SCAN":
        lon, lat = (float(value) for value in lonlat(galactic(centre)))
        step = np.arange(count)
        zigzag = np.array([-5.0, -1.7, 1.7, 5.0, 1.7, -1.7])[step % 6]
        return icrs_from_galactic(lon + 3.0 * (step - count / 2.0), np.clip(lat + zigzag, -89.0, 89.0))
    if pattern == "5x5":
        # a serpentine through the square, from the centre of the grid's first column
        row, column = np.divmod(np.arange(25), 5)
        column = np.where(row % 2 == 1, 4 - column, column)
        grid = 2.17 * np.stack([column - 2.0, row - 2.0], axis=-1)
    elif pattern == "HEX":
        turn = np.radians(np.arange(6) * 60.0)
        grid = np.concatenate([[[0.0, 0.0]], 2.0 * np.stack([np.cos(turn), np.sin(turn)], axis=-1)])
    else:
        grid = np.zeros((1, 2))
    angle = rng.uniform(0.0, 2.0 * np.pi)
    turned = grid @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = turned[np.arange(count) % len(turned)]
    return offset(centre, points[:, 0], points[:, 1])


def visible(vectors: FloatArray, sun: FloatArray) -> NDArray[np.bool_]:
    """Which of the directions (n, 3) may be observed with the Sun at `sun` (3,); 8 deg are left for the dither."""
    angle = separation(vectors, sun)
    return (angle > SUN_ANGLE_DEG[0] + 8.0) & (angle < SUN_ANGLE_DEG[1] - 8.0)


def _fields(
    category: str,
    obstype: str,
    share: float,
    fields: tuple[tuple[str, ...], FloatArray],
    patterns: tuple[str, ...],
) -> Programme:
    names, vectors = fields
    return Programme(category, obstype, share, names, vectors, np.ones(len(names)), patterns)


def _on_sources(
    category: str,
    share: float,
    sources: tuple[Source, ...],
    vectors: FloatArray,
    weight: FloatArray,
    chosen: NDArray[np.int64],
) -> Programme:
    names = tuple(sources[at].name for at in chosen)
    return Programme(
        category, "General", share, names, vectors[chosen], weight[chosen], ("5x5", "HEX", "HEX", "STARING")
    )


def _bulge() -> tuple[tuple[str, ...], FloatArray]:
    lon = np.array([0.0, 4.0, -4.0, 0.0, 0.0])
    lat = np.array([0.0, 1.5, -1.5, 4.0, -4.0])
    return tuple(f"Galactic bulge {at + 1}" for at in range(len(lon))), icrs_from_galactic(lon, lat)


def _plane() -> tuple[tuple[str, ...], FloatArray]:
    lon = np.concatenate([np.arange(0.0, 360.0, 15.0), [330.0, 345.0, 15.0, 30.0, 80.0, 310.0]])
    return tuple(f"Galactic plane l={value:.0f}" for value in lon), icrs_from_galactic(lon, np.zeros_like(lon))


def _whole_sky(count: int = 160) -> tuple[tuple[str, ...], FloatArray]:
    """Evenly spread fields on a Fibonacci spiral, about 16 deg apart."""
    at = np.arange(count) + 0.5
    dec = np.degrees(np.arcsin(1.0 - 2.0 * at / count))
    ra = (at * 360.0 * (np.sqrt(5.0) - 1.0) / 2.0) % 360.0
    return tuple(f"Survey field {index + 1}" for index in range(count)), vector(ra, dec)
