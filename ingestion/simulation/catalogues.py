"""Catalogues of the simulated mission: surveys measured in its own maps, bursts, stars."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive.times import mjd_tt_from_ijd, utc_iso_from_mjd_tt
from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Column, Keyword, make_table, time_keywords, write_fits
from ingestion.simulation.geometry import lonlat, offset
from ingestion.simulation.observation_log import scw_of_pointing
from ingestion.simulation.optical import StarCurve
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.pointing import Plan
from ingestion.simulation.psffit import SourceFit
from ingestion.simulation.skymaps import BANDS
from ingestion.simulation.sources import CRAB_CONVENTION, Source, source_vectors

FloatArray = NDArray[np.float64]

DETECTION_THRESHOLD = 4.5
_BURSTS = 60
_TOTAL_BAND = {"IBIS": "17_60", "JEMX": "3_10"}
# 90 % radius of a source at 10 sigma, arcmin; it falls with the inverse of the significance
_ERROR_AT_10_SIGMA_ARCMIN = {"IBIS": 2.1, "JEMX": 0.7}
_ERROR_FLOOR_ARCMIN = {"IBIS": 0.2, "JEMX": 0.1}


def write_survey(
    path: Path,
    instrument: str,
    plan: Plan,
    sources: tuple[Source, ...],
    measured: dict[str, SourceFit],
    rng: np.random.Generator,
) -> None:
    """Write the survey catalogue of IBIS or JEM-X: the sources found in the maps at 4.5 sigma or more.

    Fluxes, errors and exposures are those a PSF fit finds in the delivered maps (`measured`, by instrument and band);
    positions are the true ones moved at random within their errors.
    """
    total = measured[f"{instrument}_{_TOTAL_BAND[instrument]}"]
    with np.errstate(invalid="ignore"):
        significance = total.flux / total.error
        found = np.flatnonzero(significance >= DETECTION_THRESHOLD)
    kept = [sources[at] for at in found]
    radius = np.hypot(
        _ERROR_AT_10_SIGMA_ARCMIN[instrument] * 10.0 / significance[found], _ERROR_FLOOR_ARCMIN[instrument]
    )
    ra, dec = _moved(source_vectors(tuple(kept)), radius / 60.0, rng)
    columns = [
        Column("NAME", "32A", [source.name for source in kept], ucd="meta.id;meta.main", comment="source name"),
        Column("SOURCE_ID", "16A", [source.source_id for source in kept], ucd="meta.id", comment="ISDC source id"),
        Column("RA_OBJ", "D", ra, "deg", "pos.eq.ra;meta.main", "measured position, ICRS"),
        Column("DEC_OBJ", "D", dec, "deg", "pos.eq.dec;meta.main", "measured position, ICRS"),
        Column("ERR_RAD", "E", radius / 60.0, "deg", "stat.error;pos.eq", "radius of the 90 % error circle"),
        Column("CLASS", "24A", [source.source_class for source in kept], ucd="src.class", comment="source class"),
    ]
    for band in (band for band in BANDS if band.instrument == instrument):
        fit = measured[f"{instrument}_{band.name}"]
        text = f"{band.low_kev:.0f}-{band.high_kev:.0f} keV"
        columns += [
            Column(f"FLUX_{band.name}", "E", fit.flux[found], "mCrab", "phot.flux;em.X-ray", f"flux, {text}"),
            Column(f"ERR_{band.name}", "E", fit.error[found], "mCrab", "stat.error;phot.flux", f"1 sigma, {text}"),
        ]
    columns += [
        Column("SIGNIF", "E", significance[found], "", "stat.snr", "flux over error in the detection band"),
        Column("EXPOSURE", "E", total.exposure[found], "s", "time.duration;obs.exposure", "effective exposure"),
        Column("VARIABLE", "L", [source.amplitude > 0.0 for source in kept], "", "src.var", "whether it varies"),
    ]
    keywords: dict[str, Keyword] = {
        "INSTRUME": instrument,
        "DETNAM": "ISGRI" if instrument == "IBIS" else None,
        "VERSION": 1,
        "CRABCONV": CRAB_CONVENTION,
        "DETTHRES": DETECTION_THRESHOLD,
        **time_keywords(float(plan.tstart[0]), float(plan.tstop[-1])),
        **SKY_KEYWORDS,
    }
    write_fits(path, [make_table(f"{'IBIS' if instrument == 'IBIS' else 'JEMX'}-SURVEY-CAT", columns, keywords)])


def write_bursts(path: Path, plan: Plan, options: SimulationOptions) -> None:
    """Write 60 gamma-ray bursts, each during a pointing with SPI taking data and within 12 deg of its axis.

    Durations are log-normal about 25 s, one in eight about 0.4 s; log N-log S has the slope -3/2 of a uniform space.
    """
    rng = np.random.default_rng([options.seed, 6])
    active = np.flatnonzero(plan.good_s[:, 2] > 0.0)
    chosen = np.sort(rng.choice(active, size=min(_BURSTS, len(active)), replace=False))
    count = len(chosen)
    trigger = plan.tstart[chosen] + rng.uniform(0.05, 0.9, size=count) * (plan.tstop - plan.tstart)[chosen]
    radius, turn = 12.0 * np.sqrt(rng.uniform(size=count)), rng.uniform(0.0, 2.0 * np.pi, size=count)
    directions = np.concatenate(
        [
            offset(plan.x_axis[at], np.array([r * np.cos(phi)]), np.array([r * np.sin(phi)]))
            for at, r, phi in zip(chosen, radius, turn, strict=True)
        ]
    )
    ra, dec = lonlat(directions)
    short = rng.uniform(size=count) < 0.125
    t90 = np.where(short, 0.4, 25.0) * np.exp(np.where(short, 0.6, 0.9) * rng.standard_normal(count))
    peak = np.minimum(0.4 * rng.uniform(size=count) ** (-2.0 / 3.0), 60.0)
    index = np.clip(rng.normal(1.6, 0.35, size=count), 0.6, 2.8)
    # mean photon energy of 20-200 keV is about 70 keV; the average over T90 is about a third of the peak
    fluence = peak * t90 * 0.33 * 70.0 * 1.602e-9
    peak_error, fluence_error = 0.10 * np.sqrt(peak), 0.06 * fluence * np.sqrt(1.0 / np.maximum(peak, 0.4))
    iso = [utc_iso_from_mjd_tt(float(value), precision=3) for value in mjd_tt_from_ijd(trigger)]
    columns = [
        Column("NAME", "24A", _burst_names(iso), ucd="meta.id;meta.main", comment="name"),
        Column("TRIGTIME", "D", trigger, "d", "time.epoch", "trigger"),
        Column("TRIGUTC", "23A", iso, ucd="time.epoch", comment="trigger, UTC"),
        Column("RA_OBJ", "D", ra.round(4), "deg", "pos.eq.ra;meta.main", "position, ICRS"),
        Column("DEC_OBJ", "D", dec.round(4), "deg", "pos.eq.dec;meta.main", "position, ICRS"),
        Column(
            "ERR_RAD", "E", rng.uniform(1.0, 4.0, size=count) / 60.0, "deg", "stat.error;pos.eq", "90 % error radius"
        ),
        Column("T90", "E", t90, "s", "time.duration", "duration"),
        Column("PEAKFLUX", "E", peak, "ph/(cm**2 s)", "phot.flux;stat.max", "1 s peak, 20-200 keV"),
        Column("PEAKERR", "E", peak_error, "ph/(cm**2 s)", "stat.error", "1 sigma"),
        Column("FLUENCE", "E", fluence, "erg/cm**2", "phot.fluence", "20-200 keV"),
        Column("FLUENERR", "E", fluence_error, "erg/cm**2", "stat.error", "1 sigma"),
        Column("PHOTINDX", "E", index, "", "spect.index", "photon index, N(E) ~ E**-index"),
        Column("PHOTERR", "E", np.full(count, 0.12), "", "stat.error;spect.index", "1 sigma"),
        Column(
            "SWID", "12A", [scw_of_pointing(plan, int(at)) for at in chosen], ucd="meta.id", comment="science window"
        ),
    ]
    keywords: dict[str, Keyword] = {"INSTRUME": "SPI", "VERSION": 1, "E_MIN": 20.0, "E_MAX": 200.0, "EUNIT": "keV"}
    write_fits(path, [make_table("SPI-GRB-CAT", columns, {**keywords, **time_keywords(), **SKY_KEYWORDS})])


def write_stars(path: Path, curves: Sequence[StarCurve]) -> None:
    """Write the OMC catalogue; magnitudes are those of the light curves, or the nominal ones without any point."""
    stars = [curve.star for curve in curves]
    with_points = [curve.mag if len(curve.mag) else np.array([curve.star.mag]) for curve in curves]
    columns = [
        Column("OMC_ID", "15A", [star.omc_id for star in stars], ucd="meta.id;meta.main", comment="OMC id"),
        Column("NAME", "32A", [star.name for star in stars], ucd="meta.id", comment="name"),
        Column(
            "SOURCE_ID", "16A", [star.source_id for star in stars], ucd="meta.id", comment="ISDC source id or blank"
        ),
        Column("RA_OBJ", "D", [star.ra for star in stars], "deg", "pos.eq.ra;meta.main", "position, ICRS"),
        Column("DEC_OBJ", "D", [star.dec for star in stars], "deg", "pos.eq.dec;meta.main", "position, ICRS"),
        Column("MAG_V", "E", [np.median(mag) for mag in with_points], "mag", "phot.mag;em.opt.V", "median V"),
        Column("MAG_MIN", "E", [mag.min() for mag in with_points], "mag", "phot.mag;stat.min", "brightest"),
        Column("MAG_MAX", "E", [mag.max() for mag in with_points], "mag", "phot.mag;stat.max", "faintest"),
        Column("PERIOD", "D", [star.period_d for star in stars], "d", "time.period", "period, NaN = none"),
        Column("VARTYPE", "16A", [star.kind for star in stars], ucd="meta.code.class;src.var", comment="kind"),
        Column("N_POINTS", "J", [len(curve.time) for curve in curves], ucd="meta.number", comment="points"),
    ]
    keywords: dict[str, Keyword] = {"INSTRUME": "OMC", "FILTER": "V", "VERSION": 1, **SKY_KEYWORDS}
    write_fits(path, [make_table("OMC-SRC-CAT", columns, {**keywords, **time_keywords()})])


def _moved(vectors: FloatArray, radius_deg: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Positions scattered so that 90 % stay within `radius_deg`; rounded to 0.4 arcsec."""
    # a two-dimensional Gaussian holds 90 % within 2.146 sigma
    shift = rng.standard_normal((len(vectors), 2)) * (radius_deg / 2.146)[:, None]
    moved = [offset(vec, step[:1], step[1:])[0] for vec, step in zip(vectors, shift, strict=True)]
    ra, dec = lonlat(np.array(moved).reshape(-1, 3))
    return ra.round(4) % 360.0, dec.round(4)


def _burst_names(iso: Sequence[str]) -> list[str]:
    """SIM GRB yymmddA, B ... in order of time within a day."""
    names: list[str] = []
    for text in iso:
        day = text[2:10].replace("-", "")
        letter = chr(ord("A") + sum(1 for name in names if name[8:14] == day))
        names.append(f"SIM GRB {day}{letter}")
    return names
