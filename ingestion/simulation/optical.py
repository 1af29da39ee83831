"""Stars of the Optical Monitoring Camera: which there are, and their V-band light curves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.exposure import OMC_WIDTH_DEG, offsets_deg
from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Column, Keyword, make_table, time_keywords, write_fits
from ingestion.simulation.geometry import lonlat, offset, vector
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.pointing import INSTRUMENTS, Plan
from ingestion.simulation.sources import Source

FloatArray = NDArray[np.float64]

_STARS = 100
_COUNTERPARTS = 40
_SAMPLE_S = 900.0
_EXPOSURE_S = 100.0
_KINDS = ("constant", "eclipsing", "pulsating", "irregular")
_PROBLEM_BITS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Star:
    """An object of the OMC. Position ICRS degrees, magnitudes V, period in days (NaN: none)."""

    omc_id: str
    name: str
    source_id: str
    ra: float
    dec: float
    mag: float
    amplitude: float
    period_d: float
    kind: str


@dataclass(frozen=True, slots=True)
class StarCurve:
    """A simulated V-band light curve; arrays (n,): IJD, mag, mag, bit mask."""

    star: Star
    time: FloatArray
    mag: FloatArray
    error: FloatArray
    problems: NDArray[np.int64]


def make_star_curves(plan: Plan, sources: tuple[Source, ...], options: SimulationOptions) -> tuple[StarCurve, ...]:
    """Make 100 stars, 40 of them counterparts of X-ray sources, and their light curves, which may be empty."""
    rng = np.random.default_rng([options.seed, 5])
    curves = []
    for star in _make_stars(plan, sources, rng):
        time = _sample_times(plan, star)
        truth = star.mag + star.amplitude * _shape(star, time)
        error = 0.01 * 10.0 ** (0.2 * np.maximum(star.mag - 11.0, -1.0))
        error = error * rng.uniform(0.9, 1.3, size=len(time))
        flagged = rng.uniform(size=(len(time), len(_PROBLEM_BITS))) < np.array(
            [0.03, 0.01, 0.10 * (star.mag < 8.5), 0.02]
        )
        problems = flagged.astype(np.int64) @ np.array(_PROBLEM_BITS)
        mag = truth + error * rng.standard_normal(len(time)) + 0.15 * (problems > 0) * rng.standard_normal(len(time))
        curves.append(StarCurve(star, time, mag, error, problems))
    return tuple(curves)


def write_star_curve(folder: Path, curve: StarCurve) -> None:
    """Write one OMC light curve."""
    star = curve.star
    columns = [
        Column("TIME", "D", curve.time, "d", "time.epoch", "middle of the exposure"),
        Column("EXPOSURE", "E", np.full(len(curve.time), _EXPOSURE_S), "s", "time.duration;obs.exposure", "exposure"),
        Column("MAG", "E", curve.mag, "mag", "phot.mag;em.opt.V", "V (Johnson, Vega)"),
        Column("ERRMAG", "E", curve.error, "mag", "stat.error;phot.mag;em.opt.V", "1 sigma"),
        Column(
            "PROBLEMS", "J", curve.problems, "", "meta.code.qual", "bits: 1 edge 2 centroid 4 saturated 8 neighbour"
        ),
    ]
    keywords: dict[str, Keyword] = {
        "INSTRUME": "OMC",
        "FILTER": "V",
        "OMC_ID": star.omc_id,
        "NAME": star.name,
        "SOURCEID": star.source_id or None,
        "RA_OBJ": star.ra,
        "DEC_OBJ": star.dec,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "LIGHTCURVE",
        "BARYTIME": False,
        **time_keywords(float(curve.time[0]), float(curve.time[-1])),
        **SKY_KEYWORDS,
    }
    name = f"{star.omc_id.lower().replace(' ', '_')}_v_lightcurve.fits"
    write_fits(folder / name, [make_table("OMC-SRC-LCR", columns, keywords)])


def _make_stars(plan: Plan, sources: tuple[Source, ...], rng: np.random.Generator) -> list[Star]:
    """Counterparts of the brightest sources, and field stars within 2 deg of observed targets."""
    stars = []
    for at in range(_STARS):
        omc_id = f"IOMC 99{at + 1:08d}"
        kind = str(rng.choice(_KINDS, p=[0.3, 0.25, 0.2, 0.25]))
        mag, amplitude = float(rng.uniform(8.0, 16.0)), 0.0 if kind == "constant" else float(rng.uniform(0.05, 0.6))
        period = float(np.exp(rng.uniform(np.log(0.2), np.log(30.0)))) if kind in {"eclipsing", "pulsating"} else np.nan
        where = rng.uniform(-1.8, 1.8, size=(2, 1))
        target = plan.observations[int(rng.integers(len(plan.observations)))].centre
        if at < _COUNTERPARTS:
            source = sources[at]
            stars.append(
                Star(omc_id, source.name, source.source_id, source.ra, source.dec, mag, amplitude, period, kind)
            )
            continue
        ra, dec = lonlat(offset(target, where[0], where[1]))
        position = (round(float(ra[0]), 5), round(float(dec[0]), 5))
        stars.append(Star(omc_id, f"Simulated star {at + 1}", "", *position, mag, amplitude, period, kind))
    return stars


def _sample_times(plan: Plan, star: Star) -> FloatArray:
    """One exposure every 900 s of each pointing with the star in the camera's 5 x 5 deg field."""
    y_deg, z_deg = offsets_deg(vector([star.ra], [star.dec]), plan.x_axis, plan.z_axis)
    inside = (np.abs(y_deg[:, 0]) < OMC_WIDTH_DEG / 2.0) & (np.abs(z_deg[:, 0]) < OMC_WIDTH_DEG / 2.0)
    chosen = np.flatnonzero(inside & (plan.good_s[:, INSTRUMENTS.index("omc")] > 0.0))
    counts = ((plan.tstop - plan.tstart)[chosen] * 86400.0 // _SAMPLE_S).astype(np.int64)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(plan.tstart[chosen], counts) + (step + 0.5) * _SAMPLE_S / 86400.0


def _shape(star: Star, time: FloatArray) -> FloatArray:
    """Variation in units of the amplitude, magnitudes (positive = fainter)."""
    if star.kind == "pulsating":
        return np.sin(2.0 * np.pi * time / star.period_d)
    if star.kind == "eclipsing":
        phase = (time / star.period_d) % 1.0
        return np.exp(-0.5 * ((phase - 0.5) / 0.06) ** 2) + 0.4 * np.exp(
            -0.5 * (np.minimum(phase, 1.0 - phase) / 0.06) ** 2
        )
    if star.kind == "irregular":
        return 0.5 * (np.sin(2.0 * np.pi * time / 617.0 + star.ra) + np.sin(2.0 * np.pi * time / 88.0 + star.dec))
    return np.zeros_like(time)
