"""Light curves of X-ray sources: all-mission series (ISLA's layout) and one observation in fine bins (OSA's layout)."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ingestion.simulation.fitsfiles import Column, Keyword, make_table, time_keywords, write_fits
from ingestion.simulation.pointing import INSTRUMENTS, Observation, Plan
from ingestion.simulation.response import JEMX1_CRAB_3_10_COUNT_S, Response, background_rate, band_rate
from ingestion.simulation.sources import Source, band_fluxes, variation
from ingestion.simulation.visits import Visits, observation_keywords, source_keywords

FloatArray = NDArray[np.float64]

# band (keV) and 1-sigma statistical error at 1 Ms of effective exposure, mCrab
ISGRI_SERIES = ((20.0, 60.0, 0.16), (40.0, 100.0, 0.42))
JEMX1_SERIES = (3.0, 10.0, 0.36)
SHORT_BANDS_KEV = ((20.0, 40.0), (40.0, 100.0))
_FEWEST_POINTS = 3
_BIN_S = 100.0
_DAY_S = 86400.0

_CORRECTED: dict[str, Keyword] = {
    "BACKAPP": True,
    "DEADAPP": True,
    "VIGNAPP": True,
    "CHANTYPE": "PI",
    "EUNIT": "keV",
    "ISDCLEVL": "LCR",
    "SW_TYPE": "POINTING",
    "TIMEPIXR": 0.5,
    "HDUCLASS": "OGIP",
    "HDUCLAS1": "LIGHTCURVE",
    "HDUCLAS2": "NET",
    "HDUCLAS3": "RATE",
}


def write_long_series(
    folder: Path,
    plan: Plan,
    source: Source,
    visits: dict[str, Visits],
    response: Response,
    crab: Source,
    rng: np.random.Generator,
) -> None:
    """Write the all-mission series of a source; a band with fewer than 3 points gets none.

    `visits` by instrument (isgri, jemx1). A point's error is that of its effective exposure, in mCrab, times the Crab's
    rate in the band.
    """
    for low, high, sigma in ISGRI_SERIES:
        rate = band_rate(response, source, low, high)
        error = 1e-3 * sigma * band_rate(response, crab, low, high)
        path = folder / f"{source.slug}_isgri_{low:.0f}_{high:.0f}_timeseries.fits"
        instrument: dict[str, Keyword] = {"INSTRUME": "IBIS", "DETNAM": "ISGRI", "E_MIN": low, "E_MAX": high}
        _write_series(path, plan, source, visits["isgri"], (rate, error), instrument, rng)
    low, high, sigma = JEMX1_SERIES
    scale = 1e-3 * JEMX1_CRAB_3_10_COUNT_S
    rate = scale * float(band_fluxes((source,), low, high)[0])
    path = folder / f"{source.slug}_jemx1_{low:.0f}_{high:.0f}_timeseries.fits"
    instrument = {"INSTRUME": "JMX1", "E_MIN": low, "E_MAX": high}
    _write_series(path, plan, source, visits["jemx1"], (rate, scale * sigma), instrument, rng)


def _write_series(
    path: Path,
    plan: Plan,
    source: Source,
    visits: Visits,
    rates: tuple[float, float],
    instrument: dict[str, Keyword],
    rng: np.random.Generator,
) -> None:
    if len(visits.pointing) < _FEWEST_POINTS:
        return
    mean, error_1ms = rates
    tstart, tstop = plan.tstart[visits.pointing], plan.tstop[visits.pointing]
    time = (tstart + tstop) / 2.0
    error = error_1ms * np.sqrt(1e6 / visits.effective_s)
    truth = mean * variation(source, time)
    # counting noise of the source itself, beside the background's
    error = np.sqrt(error**2 + truth / visits.effective_s)
    rate = truth + error * rng.standard_normal(len(time))
    columns = [
        Column("TIME", "D", time, "d", "time.epoch", "middle of the pointing"),
        Column("TIMEDEL", "D", tstop - tstart, "d", "time.interval", "full width of the bin"),
        Column("RATE", "E", rate, "count/s", "phot.count;arith.rate", "background-subtracted, on-axis rate"),
        Column("ERROR", "E", error, "count/s", "stat.error;phot.count", "1 sigma"),
    ]
    keywords: dict[str, Keyword] = {
        **instrument,
        **_CORRECTED,
        **source_keywords(source),
        **time_keywords(float(tstart[0]), float(tstop[-1])),
        "TFIRST": float(time[0]),
        "TLAST": float(time[-1]),
        "REVFIRST": int(plan.revolution[visits.pointing[0]]),
        "REVLAST": int(plan.revolution[visits.pointing[-1]]),
    }
    write_fits(path, [make_table("TIMESERIES", columns, keywords)])


def write_short_curve(
    folder: Path,
    plan: Plan,
    source: Source,
    observation: Observation,
    visits: Visits,
    response: Response,
    rng: np.random.Generator,
) -> None:
    """Write the 100 s light curve of a source in the pointings `visits` of one observation."""
    at, time = _bins(plan, visits)
    fraction = visits.effective_s[at] / plan.good_s[visits.pointing[at], INSTRUMENTS.index("isgri")]
    exposed = plan.good_s[visits.pointing, INSTRUMENTS.index("isgri")]
    exposed = (exposed / ((plan.tstop - plan.tstart)[visits.pointing] * _DAY_S))[at]
    keywords: dict[str, Keyword] = {
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "BANDTYPE": "ENERGY",
        "TIMEDEL": _BIN_S / _DAY_S,
        **_CORRECTED,
        **source_keywords(source),
        **observation_keywords(plan, observation),
    }
    hdus = []
    for number, (low, high) in enumerate(SHORT_BANDS_KEV, start=1):
        middle = np.sqrt(response.channel[1:] * response.channel[:-1])
        background = float(background_rate(response)[(middle >= low) & (middle < high)].sum())
        truth = band_rate(response, source, low, high) * variation(source, time) * _flicker(source, len(time), rng)
        error = np.sqrt((truth * fraction + 2.0 * background) / (_BIN_S * exposed)) / fraction
        rate = truth + error * rng.standard_normal(len(time))
        columns = [
            Column("TIME", "D", time, "d", "time.epoch", "middle of the bin"),
            Column("TOT_COUNTS", "E", rate + background, "count/s", "phot.count;arith.rate", "total rate"),
            Column("BACKV", "E", np.full(len(time), background), "count/s", "phot.count;arith.rate", "background"),
            Column("BACKE", "E", np.sqrt(background / (_BIN_S * exposed)), "count/s", "stat.error", "its error"),
            Column("RATE", "E", rate, "count/s", "phot.count;arith.rate", "source, on-axis rate"),
            Column("ERROR", "E", error, "count/s", "stat.error;phot.count", "1 sigma"),
            Column("FRACEXP", "E", exposed, comment="exposed fraction of the bin"),
            Column(
                "XAX_E", "E", np.full(len(time), _BIN_S / 2.0 / _DAY_S), "d", "time.interval", "half width of the bin"
            ),
        ]
        band: dict[str, Keyword] = {"EXTVER": number, "E_MIN": low, "E_MAX": high}
        hdus.append(make_table("ISGR-SRC.-LCR", columns, {**keywords, **band}))
    hdus.append(gti_table("GTI", plan.tstart[visits.pointing], plan.tstop[visits.pointing], keywords))
    write_fits(folder / f"{source.slug}_isgri_{observation.obs_id}_lightcurve.fits", hdus)


def gti_table(extname: str, start: FloatArray, stop: FloatArray, keywords: dict[str, Keyword]) -> fits.BinTableHDU:
    """Good time intervals as a table, IJD; keywords of instrument and time are taken over."""
    columns = [
        Column("START", "D", start, "d", "time.start", "start of good time"),
        Column("STOP", "D", stop, "d", "time.end", "end of good time"),
    ]
    kept = {key: keywords[key] for key in (*time_keywords(), "INSTRUME", "OBS_ID") if key in keywords}
    return make_table(extname, columns, {**kept, "HDUCLASS": "OGIP", "HDUCLAS1": "GTI", "HDUCLAS2": "STANDARD"})


def _bins(plan: Plan, visits: Visits) -> tuple[NDArray[np.int64], FloatArray]:
    """Whole 100 s bins in each pointing: which of the visits each belongs to, and its middle, IJD."""
    tstart, tstop = plan.tstart[visits.pointing], plan.tstop[visits.pointing]
    counts = ((tstop - tstart) * _DAY_S // _BIN_S).astype(np.int64)
    at = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return at, tstart[at] + (step + 0.5) * _BIN_S / _DAY_S


def _flicker(source: Source, count: int, rng: np.random.Generator) -> FloatArray:
    """Short-term variation: log-normal noise with a memory of about 20 bins, none for a constant source."""
    noise = np.convolve(rng.standard_normal(count + 60), np.exp(-np.arange(60) / 20.0), mode="full")[60 : 60 + count]
    return np.exp(0.3 * source.amplitude * noise / 3.2)
