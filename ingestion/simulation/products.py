"""Products of the brightest sources: which are made, and for which observation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ingestion.simulation.events import write_events
from ingestion.simulation.light_curves import write_long_series, write_short_curve
from ingestion.simulation.mosaics import write_mosaic
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.pointing import Plan
from ingestion.simulation.response import Response
from ingestion.simulation.sources import Source
from ingestion.simulation.spectra import write_response, write_spectrum
from ingestion.simulation.visits import best_observation, find_visits

_SHORT_CURVES = 10
_MOSAICS = 3
_EVENT_LISTS = 2
_LEAST_EXPOSURE_S = 2000.0


def write_products(
    folder: Path,
    plan: Plan,
    sources: tuple[Source, ...],
    response: Response,
    options: SimulationOptions,
    progress: Callable[[str], None],
) -> None:
    """Write the products of the `options.products` brightest sources that were observed for at least 2 ks.

    Every source: long series and a spectrum of its best observation. The first ten also a light curve of that
    observation, the first three its mosaic, the first two an event list.
    """
    write_response(folder, response)
    crab = next(source for source in sources if source.name == "Crab")
    mosaics: set[str] = set()
    done = 0
    for number, source in enumerate(sources):
        if done == options.products:
            break
        visits = {name: find_visits(plan, source.ra, source.dec, name) for name in ("isgri", "jemx1")}
        if visits["isgri"].effective_s.sum() < _LEAST_EXPOSURE_S:
            continue
        if done % 10 == 0:
            progress(f"products of sources {done + 1} to {min(done + 10, options.products)}")
        rng = np.random.default_rng([options.seed, 4, number])
        observation = best_observation(plan, visits["isgri"], source.name)
        inside = visits["isgri"].of_observation(observation)
        write_long_series(folder, plan, source, visits, response, crab, rng)
        write_spectrum(folder, plan, source, observation, inside, response, rng)
        if done < _SHORT_CURVES:
            write_short_curve(folder, plan, source, observation, inside, response, rng)
        if done < _EVENT_LISTS:
            write_events(folder, plan, source, observation, inside, response, rng)
        if len(mosaics) < _MOSAICS and observation.obs_id not in mosaics:
            mosaics.add(observation.obs_id)
            write_mosaic(folder, plan, observation, sources, response, rng)
        done += 1
