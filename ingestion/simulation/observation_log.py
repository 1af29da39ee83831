"""Revolutions, proposals, observations, science windows and radiation monitor: the delivery `mission`."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ingestion.simulation.fitsfiles import SKY_KEYWORDS, Column, make_table, time_keywords, write_fits
from ingestion.simulation.geometry import lonlat, position_angle
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.orbit import Revolutions, altitude_km
from ingestion.simulation.pointing import INSTRUMENTS, Plan

FloatArray = NDArray[np.float64]

ROWS_PER_FILE = 20_000
_IREM_STEP_D = 0.1
_DAY_S = 86400.0


def write_mission_log(folder: Path, plan: Plan, options: SimulationOptions) -> None:
    """Write every file of the delivery `mission`, see docs/reference/delivery-formats.md."""
    _write_revolutions(folder / "revolutions.fits", plan.revolutions)
    _write_proposals(folder / "proposals.fits", plan)
    _write_observations(folder / "observations.fits", plan)
    _write_science_windows(folder, plan)
    _write_irem(folder / "irem_counts.fits", plan.revolutions, np.random.default_rng([options.seed, 3]))


def science_window_id(revolution: int, number: int, *, slew: bool = False) -> str:
    """Compose RRRRPPPPSSSF of a simulated science window.

    Examples
    --------
    >>> science_window_id(82, 9001), science_window_id(82, 9001, slew=True)
    ('008290010010', '008290010021')
    """
    return f"{revolution:04d}{number:04d}{'0021' if slew else '0010'}"


def _write_revolutions(path: Path, revolutions: Revolutions) -> None:
    columns = [
        Column("REVOL", "J", revolutions.number, ucd="meta.id;meta.main", comment="revolution number"),
        Column("TSTART", "D", revolutions.tstart, "d", "time.start", "perigee passage at the start"),
        Column("TSTOP", "D", revolutions.tstop, "d", "time.end", "perigee passage at the end"),
        Column("BELT_EXIT", "D", revolutions.belt_exit, "d", "time.epoch", "exit from the radiation belts"),
        Column("BELT_ENTRY", "D", revolutions.belt_entry, "d", "time.epoch", "entry into the radiation belts"),
    ]
    bounds = time_keywords(float(revolutions.tstart[0]), float(revolutions.tstop[-1]))
    write_fits(path, [make_table("REVOLUTIONS", columns, bounds)])


def _write_proposals(path: Path, plan: Plan) -> None:
    proposals = {observation.prop_id: observation for observation in plan.observations}
    ids = sorted(proposals)
    title = [f"Simulated: {proposals[key].category.lower()}, AO-{int(key[2:4])}" for key in ids]
    columns = [
        Column("PROP_ID", "7A", ids, ucd="meta.id;meta.main", comment="proposal"),
        Column("AO", "J", [int(key[2:4]) for key in ids], ucd="meta.id", comment="announcement of opportunity"),
        Column("TITLE", "100A", title, ucd="meta.title", comment="title"),
        Column("CATEGORY", "24A", [proposals[key].category for key in ids], ucd="meta.code.class", comment="subject"),
    ]
    write_fits(path, [make_table("PROPOSALS", columns, time_keywords())])


def _write_observations(path: Path, plan: Plan) -> None:
    rows = plan.observations
    first = np.array([row.first for row in rows])
    last = first + np.array([row.count for row in rows]) - 1
    stop = np.where(plan.slew_after[last], plan.slew_stop[last], plan.tstop[last])
    exposure = np.add.reduceat((plan.tstop - plan.tstart) * _DAY_S, first)
    ra, dec = lonlat(np.array([row.centre for row in rows]))
    revolution = [row.revolution for row in rows]
    columns = [
        Column("OBS_ID", "11A", [row.obs_id for row in rows], ucd="meta.id;meta.main", comment="observation"),
        Column("PROP_ID", "7A", [row.prop_id for row in rows], ucd="meta.id;obs.proposal", comment="proposal"),
        Column("TITLE", "100A", [f"Simulated: {row.target}, {row.pattern}" for row in rows], ucd="meta.title"),
        Column("OBJECT", "40A", [row.target for row in rows], ucd="meta.id;src", comment="target"),
        Column("OBSTYPE", "16A", [row.obstype for row in rows], ucd="meta.code.class", comment="type of observation"),
        Column("DITHER", "8A", [row.pattern for row in rows], ucd="meta.code", comment="dither pattern"),
        Column("RA_OBJ", "D", ra, "deg", "pos.eq.ra;meta.main", "target, ICRS"),
        Column("DEC_OBJ", "D", dec, "deg", "pos.eq.dec;meta.main", "target, ICRS"),
        Column("TSTART", "D", plan.tstart[first], "d", "time.start;obs", "start of the first science window"),
        Column("TSTOP", "D", stop, "d", "time.end;obs", "end of the last science window"),
        Column("EXPOSURE", "D", exposure, "s", "time.duration;obs.exposure", "sum of the durations of the pointings"),
        Column("REVFIRST", "J", revolution, comment="first revolution"),
        Column("REVLAST", "J", revolution, comment="last revolution"),
        Column("N_SCW", "J", last - first + 1, ucd="meta.number", comment="pointing science windows"),
    ]
    bounds = time_keywords(float(plan.tstart[0]), float(stop.max()))
    write_fits(path, [make_table("OBSERVATIONS", columns, {**bounds, **SKY_KEYWORDS})])


def _write_science_windows(folder: Path, plan: Plan) -> None:
    """Write the science windows in files of at most 20,000 rows, pointings and slews in order of time."""
    rows_after = 1 + plan.slew_after.astype(np.int64)
    begin = np.concatenate([[0], np.cumsum(rows_after)])
    first, number = 0, 1
    while first < len(rows_after):
        stop = int(np.searchsorted(begin, begin[first] + ROWS_PER_FILE, side="right")) - 1
        table = _science_window_table(plan, np.arange(first, stop))
        write_fits(folder / f"science_windows_{number:04d}.fits", [table])
        first, number = stop, number + 1


def _science_window_table(plan: Plan, chosen: NDArray[np.int64]) -> fits.BinTableHDU:
    """Rows of the pointings `chosen`, each followed by its slew."""
    slewing = plan.slew_after[chosen]
    at = np.repeat(chosen, 1 + slewing)
    slew = np.zeros(len(at), dtype=bool)
    slew[1:] = at[1:] == at[:-1]
    # a slew ends where the next pointing stands; one that closes the mission stays where it was
    where = np.minimum(np.where(slew, at + 1, at), len(plan.tstart) - 1)
    tstart = np.where(slew, plan.tstop[at], plan.tstart[at])
    tstop = np.where(slew, plan.slew_stop[at], plan.tstop[at])
    elapsed = (tstop - tstart) * _DAY_S
    x_axis, z_axis = plan.x_axis[where], plan.z_axis[where]
    (ra_x, dec_x), (ra_z, dec_z) = lonlat(x_axis), lonlat(z_axis)
    good = np.where(slew[:, None], 0.95 * elapsed[:, None] * (plan.good_s[at] > 0.0), plan.good_s[at])
    good[:, INSTRUMENTS.index("omc")] *= ~slew
    ids = [
        science_window_id(int(revolution), int(number), slew=bool(is_slew))
        for revolution, number, is_slew in zip(plan.revolution[at], plan.number[at], slew, strict=True)
    ]
    obs_ids = np.array([observation.obs_id for observation in plan.observations])
    columns = [
        Column("SWID", "12A", ids, ucd="meta.id;meta.main", comment="science window RRRRPPPPSSSF"),
        Column("SWVER", "3A", np.full(len(at), "001"), ucd="meta.version", comment="version"),
        Column("REVOL", "J", plan.revolution[at], comment="revolution"),
        Column("SW_TYPE", "12A", np.where(slew, "SLEW", "POINTING"), ucd="meta.code.class", comment="POINTING or SLEW"),
        Column("OBS_ID", "11A", obs_ids[plan.observation[at]], ucd="meta.id;obs", comment="observation"),
        Column("TSTART", "D", tstart, "d", "time.start;obs", "start"),
        Column("TSTOP", "D", tstop, "d", "time.end;obs", "end"),
        Column("TELAPSE", "D", elapsed, "s", "time.duration", "(TSTOP - TSTART) in seconds"),
        Column("RA_SCX", "D", ra_x, "deg", "pos.eq.ra;meta.main", "X axis (pointing), ICRS; of a slew at its end"),
        Column("DEC_SCX", "D", dec_x, "deg", "pos.eq.dec;meta.main", "X axis (pointing), ICRS; of a slew at its end"),
        Column("RA_SCZ", "D", ra_z, "deg", "pos.eq.ra", "Z axis, ICRS"),
        Column("DEC_SCZ", "D", dec_z, "deg", "pos.eq.dec", "Z axis, ICRS"),
        Column(
            "POSANGLE", "E", position_angle(x_axis, z_axis), "deg", "pos.posAng", "position angle of Z, N through E"
        ),
        *(
            Column(
                f"GOOD_{name.upper()}", "E", good[:, index], "s", "time.duration;obs.exposure", f"good time of {name}"
            )
            for index, name in enumerate(INSTRUMENTS)
        ),
    ]
    bounds = time_keywords(float(tstart[0]), float(tstop[-1]))
    return make_table("SCIENCE-WINDOWS", columns, {**bounds, **SKY_KEYWORDS})


def _write_irem(path: Path, revolutions: Revolutions, rng: np.random.Generator) -> None:
    """Write counters that rise by orders of magnitude in the belts, breathe with the solar cycle and see storms."""
    time = np.arange(revolutions.tstart[0] + _IREM_STEP_D / 2.0, revolutions.tstop[-1], _IREM_STEP_D)
    height = altitude_km(revolutions, time)
    at = np.clip(np.searchsorted(revolutions.tstart, time, side="right") - 1, 0, len(revolutions.number) - 1)
    # distance to the quiet part of the orbit, days; 0 outside the belts
    depth = np.maximum(np.maximum(revolutions.belt_exit[at] - time, time - revolutions.belt_entry[at]), 0.0)
    cosmic = 1.0 - 0.25 * np.sin(2.0 * np.pi * (time - 500.0) / (11.0 * 365.25))
    storms = _storms(time, rng)
    columns = [Column("TIME", "D", time, "d", "time.epoch", "middle of the sample")]
    for name, quiet, belt, storm, text in (
        ("TC1", 2.0, 3.0, 1.0, "protons above 20 MeV"),
        ("TC2", 1.5, 2.0, 0.6, "protons above 39 MeV"),
        ("TC3", 8.0, 60.0, 1.5, "electrons above 0.5 MeV"),
    ):
        mean = quiet * cosmic * np.exp(np.minimum(belt * depth, 9.0)) + quiet * storm * storms
        # counts of 60 s
        rate = rng.poisson(60.0 * mean) / 60.0
        columns.append(Column(name, "E", rate, "count/s", "phys.count;arith.rate", text))
    columns.append(Column("ALTITUDE", "E", height, "km", "pos.distance", "height above the Earth"))
    keywords = {
        "INSTRUME": "IREM",
        "TIMEDEL": _IREM_STEP_D,
        "TIMEPIXR": 0.5,
        **time_keywords(float(revolutions.tstart[0]), float(revolutions.tstop[-1])),
    }
    write_fits(path, [make_table("IREM-CNTS", columns, keywords)])


def _storms(time: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Solar particle events: sudden rise, decay of a day; more of them near the maxima of the solar cycle."""
    total = np.zeros_like(time)
    for start in np.sort(rng.uniform(time[0], time[-1], size=60)):
        active = 0.5 + 0.5 * np.cos(2.0 * np.pi * (start - 700.0) / (11.0 * 365.25))
        if rng.uniform() < active:
            window = (time >= start) & (time < start + 8.0)
            total[window] += 10.0 ** rng.uniform(1.0, 3.5) * np.exp(-(time[window] - start))
    return total


def scw_of_pointing(plan: Plan, at: int) -> str:
    """Id of the science window of pointing `at`."""
    return science_window_id(int(plan.revolution[at]), int(plan.number[at]))
