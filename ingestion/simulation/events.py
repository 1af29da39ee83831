"""An ISGRI event list of one pointing on a source, in OSA's `evts_extract` layout."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.fitsfiles import Column, Keyword, make_table, write_fits
from ingestion.simulation.light_curves import gti_table
from ingestion.simulation.observation_log import scw_of_pointing
from ingestion.simulation.pointing import Observation, Plan
from ingestion.simulation.response import Response, background_rate, norm_at_1_kev, power_law_photons
from ingestion.simulation.sources import Source
from ingestion.simulation.visits import Visits, observation_keywords, source_keywords

FloatArray = NDArray[np.float64]

_MOST_EVENTS = 20_000
_PIXEL_PITCH_MM = 4.6
_PIXELS_PER_SIDE = 128


def write_events(
    folder: Path,
    plan: Plan,
    source: Source,
    observation: Observation,
    visits: Visits,
    response: Response,
    rng: np.random.Generator,
) -> None:
    """Write at most 20,000 events of source and background from the start of the first of the pointings `visits`.

    PIF_1 is the part of the pixel that the source lights through the mask: 0 or 1 with some pixels between. Source
    events fall on lit pixels, background events on all.
    """
    at = int(visits.pointing[0])
    source_rate = response.fold(power_law_photons(source.photon_index, norm_at_1_kev(source), response.energy))
    background = background_rate(response)
    total = float(source_rate.sum() + background.sum())
    begin, room_s = float(plan.tstart[at]), float((plan.tstop[at] - plan.tstart[at]) * 86400.0)
    length_s = min(room_s, 0.95 * _MOST_EVENTS / total)
    count = min(int(rng.poisson(total * length_s)), _MOST_EVENTS)
    time = np.sort(begin + rng.uniform(0.0, length_s, size=count) / 86400.0)
    from_source = rng.uniform(size=count) < source_rate.sum() / total
    spectra = [spectrum / spectrum.sum() for spectrum in (background, source_rate)]
    channel = np.where(from_source, *(rng.choice(len(background), size=count, p=spectra[kind]) for kind in (1, 0)))
    energy = response.channel[channel] + rng.uniform(size=count) * np.diff(response.channel)[channel]
    mask = rng.choice([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5], size=(_PIXELS_PER_SIDE, _PIXELS_PER_SIDE))
    pixel = np.where(
        from_source,
        rng.choice(mask.size, size=count, p=(mask / mask.sum()).ravel()),
        rng.integers(0, mask.size, size=count),
    )
    row, column = np.divmod(pixel, _PIXELS_PER_SIDE)
    columns = [
        Column("DETY", "E", (column + 0.5) * _PIXEL_PITCH_MM, "mm", "instr.det", "Y on the detector"),
        Column("DETZ", "E", (row + 0.5) * _PIXEL_PITCH_MM, "mm", "instr.det", "Z on the detector"),
        Column("ENERGY", "E", energy, "keV", "em.energy", "deposited energy"),
        Column("EVNT_TYPE", "J", np.zeros(count), comment="type of event"),
        Column("TIME", "D", time, "d", "time.epoch", "arrival at the spacecraft"),
        Column("PIF_1", "E", mask.ravel()[pixel], "", "instr.param", "fraction of the pixel open to the source"),
    ]
    stop = begin + length_s / 86400.0
    keywords: dict[str, Keyword] = {
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "EVENTS",
        "HDUCLAS2": "ALL",
        "NUM_SRC": 1,
        "OBJ_1": source.name,
        "SRC_1": source.source_id,
        "RA_1": source.ra,
        "DEC_1": source.dec,
        **source_keywords(source),
        **observation_keywords(plan, observation),
        "SWID": scw_of_pointing(plan, at),
        "TSTART": begin,
        "TSTOP": stop,
        "TELAPSE": length_s,
        "ONTIME": length_s,
        "EXPOSURE": length_s,
        "DEADC": 1.0,
    }
    events = make_table("GNRL-EVTS-LST", columns, keywords)
    gti = gti_table("GNRL-EVTS-GTI", np.array([begin]), np.array([stop]), keywords)
    write_fits(folder / f"{source.slug}_isgri_{observation.obs_id}_events.fits", [events, gti])
