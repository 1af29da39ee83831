"""When a source was in the field of view, and how well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.exposure import ibis_fraction, jemx_fraction, offsets_deg
from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Keyword, time_keywords
from ingestion.simulation.geometry import vector
from ingestion.simulation.pointing import INSTRUMENTS, Observation, Plan
from ingestion.simulation.response import DEAD_TIME_FACTOR
from ingestion.simulation.sources import Source

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SMALLEST_FRACTION = 0.05


@dataclass(frozen=True, slots=True)
class Visits:
    """The pointings that see a source with one instrument: index (n,), effective exposure (n,) s."""

    pointing: IntArray
    effective_s: FloatArray

    def of_observation(self, observation: Observation) -> "Visits":
        """Only those of one observation."""
        mine = (self.pointing >= observation.first) & (self.pointing < observation.first + observation.count)
        return Visits(self.pointing[mine], self.effective_s[mine])


def find_visits(plan: Plan, ra: float, dec: float, instrument: str) -> Visits:
    """Pointings in which `instrument` (isgri, jemx1, jemx2) sees ICRS degrees with at least 5 % of itself."""
    y_deg, z_deg = offsets_deg(vector([ra], [dec]), plan.x_axis, plan.z_axis)
    seen = (ibis_fraction if instrument == "isgri" else jemx_fraction)(y_deg[:, 0], z_deg[:, 0])
    good = plan.good_s[:, INSTRUMENTS.index(instrument)]
    chosen = np.flatnonzero((np.nan_to_num(seen) >= _SMALLEST_FRACTION) & (good > 0.0))
    return Visits(chosen, (seen * good)[chosen])


def best_observation(plan: Plan, visits: Visits, target: str) -> Observation:
    """The observation of `target` with most effective exposure; of any target when none has this name.

    `visits` must not be empty.
    """
    total = np.bincount(plan.observation[visits.pointing], weights=visits.effective_s, minlength=len(plan.observations))
    aimed = total * np.array([observation.target == target for observation in plan.observations])
    return plan.observations[int((aimed if aimed.any() else total).argmax())]


def source_keywords(source: Source) -> dict[str, Keyword]:
    """Keywords that name the source of a product."""
    return {
        "SOURCEID": source.source_id,
        "NAME": source.name,
        "RA_OBJ": source.ra,
        "DEC_OBJ": source.dec,
        **SKY_KEYWORDS,
    }


def observation_keywords(plan: Plan, observation: Observation) -> dict[str, Keyword]:
    """Keywords that name the observation of a product, with its times."""
    rows = slice(observation.first, observation.first + observation.count)
    tstart, tstop = plan.tstart[rows], plan.tstop[rows]
    ontime = float(plan.good_s[rows, INSTRUMENTS.index("isgri")].sum())
    return {
        "OBS_ID": observation.obs_id,
        "REVOL": observation.revolution,
        **time_keywords(float(tstart[0]), float(tstop[-1])),
        "TELAPSE": float((tstop[-1] - tstart[0]) * 86400.0),
        "ONTIME": ontime,
        "DEADC": DEAD_TIME_FACTOR,
        "EXPOSURE": ontime * DEAD_TIME_FACTOR,
    }
