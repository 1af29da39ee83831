"""Spectra of sources and the response they share, in OGIP and OSA layout."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.fitsfiles import Column, Keyword, make_table, write_fits
from ingestion.simulation.pointing import Observation, Plan
from ingestion.simulation.response import (
    CHANNELS,
    DEAD_TIME_FACTOR,
    Response,
    background_rate,
    norm_at_1_kev,
    power_law_photons,
)
from ingestion.simulation.sources import Source, variation
from ingestion.simulation.visits import Visits, observation_keywords, source_keywords

FloatArray = NDArray[np.float64]

ARF_FILE = "isgri_62ch_arf.fits"
RMF_FILE = "isgri_62ch_rmf.fits"
_LOWEST_GOOD_KEV = 18.0
_HIGHEST_GOOD_KEV = 500.0

_ISGRI: dict[str, Keyword] = {"INSTRUME": "IBIS", "DETNAM": "ISGRI", "FILTER": "none", "HDUCLASS": "OGIP"}


def write_response(folder: Path, response: Response) -> None:
    """Write ARF and RMF (OGIP CAL/GEN/92-002)."""
    low, high = response.energy[:-1], response.energy[1:]
    grid = [
        Column("ENERG_LO", "E", low, "keV", "em.energy;stat.min", "lower edge of the energy bin"),
        Column("ENERG_HI", "E", high, "keV", "em.energy;stat.max", "upper edge of the energy bin"),
    ]
    area = Column("SPECRESP", "E", response.area, "cm**2", "instr.param", "effective area")
    keywords: dict[str, Keyword] = {**_ISGRI, "HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP", "HDUVERS": "1.1.0"}
    write_fits(folder / ARF_FILE, [make_table("SPECRESP", [*grid, area], keywords)])
    count = len(low)
    rows = [
        *grid,
        Column("N_GRP", "I", np.ones(count), comment="groups of channels"),
        Column("F_CHAN", "I", np.zeros(count), comment="first channel"),
        Column("N_CHAN", "I", np.full(count, CHANNELS), comment="number of channels"),
        Column("MATRIX", f"{CHANNELS}E", response.matrix, "", "instr.param", "probability per channel"),
    ]
    channels: dict[str, Keyword] = {**_ISGRI, "HDUCLAS1": "RESPONSE", "CHANTYPE": "PI", "DETCHANS": CHANNELS}
    matrix = make_table(
        "SPECRESP MATRIX",
        rows,
        {
            **channels,
            "HDUCLAS2": "RSP_MATRIX",
            "HDUCLAS3": "REDIST",
            "HDUVERS": "1.3.0",
            "TLMIN4": 0,
            "TLMAX4": CHANNELS - 1,
            "LO_THRES": 0.0,
            "NUMGRP": count,
            "NUMELT": count * CHANNELS,
        },
    )
    bounds = make_table(
        "EBOUNDS",
        [
            Column("CHANNEL", "I", np.arange(CHANNELS), comment="channel"),
            Column("E_MIN", "E", response.channel[:-1], "keV", "em.energy;stat.min", "lower edge of the channel"),
            Column("E_MAX", "E", response.channel[1:], "keV", "em.energy;stat.max", "upper edge of the channel"),
        ],
        {**channels, "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0"},
    )
    write_fits(folder / RMF_FILE, [matrix, bounds])


def write_spectrum(
    folder: Path,
    plan: Plan,
    source: Source,
    observation: Observation,
    visits: Visits,
    response: Response,
    rng: np.random.Generator,
) -> None:
    """Write the spectrum of a source in one observation: its power law folded with the response, with Gaussian noise.

    The error of a channel is that of source and twice the background (one for the source's own shadow, one for the
    background that is taken away), for the effective exposure of the `visits`.
    """
    middle = (plan.tstart[visits.pointing] + plan.tstop[visits.pointing]) / 2.0
    level = float(np.average(variation(source, middle), weights=visits.effective_s))
    photons = power_law_photons(source.photon_index, level * norm_at_1_kev(source), response.energy)
    expected = response.fold(photons)
    effective_s = float(visits.effective_s.sum()) * DEAD_TIME_FACTOR
    error = np.sqrt((expected + 2.0 * background_rate(response)) / effective_s)
    rate = expected + error * rng.standard_normal(CHANNELS)
    good = (response.channel[:-1] >= _LOWEST_GOOD_KEV) & (response.channel[1:] <= _HIGHEST_GOOD_KEV)
    columns = [
        Column("CHANNEL", "I", np.arange(CHANNELS), comment="channel"),
        Column("RATE", "E", rate, "count/s", "phot.count;arith.rate", "source, on-axis rate"),
        Column("SYS_ERR", "E", np.full(CHANNELS, 0.015), "", "stat.error.sys", "systematic error, fraction of RATE"),
        Column("STAT_ERR", "E", error, "count/s", "stat.error;phot.count", "1 sigma"),
        Column("QUALITY", "I", np.where(good, 0, 1), "", "meta.code.qual", "0 good, 1 bad"),
        Column("GROUPING", "I", np.ones(CHANNELS), comment="1 = starts a bin"),
    ]
    keywords: dict[str, Keyword] = {
        **_ISGRI,
        "HDUCLAS1": "SPECTRUM",
        "HDUCLAS2": "NET",
        "HDUCLAS3": "RATE",
        "HDUVERS": "1.2.1",
        "ISDCLEVL": "SPE",
        "CHANTYPE": "PI",
        "DETCHANS": CHANNELS,
        "TLMIN1": 0,
        "TLMAX1": CHANNELS - 1,
        "AREASCAL": 1.0,
        "BACKSCAL": 1.0,
        "CORRSCAL": 0.0,
        "BACKFILE": "NONE",
        "CORRFILE": "NONE",
        "RESPFILE": RMF_FILE,
        "ANCRFILE": ARF_FILE,
        "POISSERR": False,
        **source_keywords(source),
        **observation_keywords(plan, observation),
        "EXP_SRC": effective_s,
    }
    name = f"{source.slug}_isgri_{observation.obs_id}_spectrum_spe.fits"
    write_fits(folder / name, [make_table("ISGR-EVTS-SPE", columns, keywords)])
