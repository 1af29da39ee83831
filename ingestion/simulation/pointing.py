"""The pointing plan: which direction, when, for how long, with which instruments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulation.geometry import roll_axis, sun_vector, vector
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.orbit import Revolutions, make_revolutions
from ingestion.simulation.sources import Source
from ingestion.simulation.targets import CRAB_NAME, Programme, dither, make_programmes, visible

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

INSTRUMENTS = ("isgri", "picsit", "spi", "jemx1", "jemx2", "omc")
"""Order of the columns of `Plan.good_s`."""

FIRST_POINTING = 9001
"""First PPPP of a simulated science window; real revolutions have far fewer than 1000 pointings."""

_DURATIONS_S = (1800.0, 2200.0, 3600.0)
_SLEW_S = (120.0, 420.0)
_MOST_PER_REVOLUTION = 55
_CALIBRATION = "Calibration"


@dataclass(frozen=True, slots=True)
class Observation:
    """One simulated observation: a target, a dither, a run of pointings within one revolution."""

    obs_id: str
    prop_id: str
    category: str
    obstype: str
    target: str
    pattern: str
    centre: FloatArray
    revolution: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole pointing plan. Arrays run over pointings, in order of time; times are IJD (days, TT).

    Attributes
    ----------
    revolutions : every revolution, also those without a pointing
    observations : in order of time; `observations[i]` covers the pointings `first` to `first + count - 1`
    revolution, number, observation : (n,) revolution, PPPP and index of the observation of each pointing
    tstart, tstop : (n,) d
    x_axis, z_axis : (n, 3) spacecraft axes, ICRS
    good_s : (n, 6) good time per instrument, in the order of `INSTRUMENTS`, s
    slew_after : (n,) whether a slew follows, up to the next pointing
    slew_stop : (n,) end of that slew, d
    """

    revolutions: Revolutions
    observations: tuple[Observation, ...]
    revolution: IntArray
    number: IntArray
    observation: IntArray
    tstart: FloatArray
    tstop: FloatArray
    x_axis: FloatArray
    z_axis: FloatArray
    good_s: FloatArray
    slew_after: NDArray[np.bool_]
    slew_stop: FloatArray

    @property
    def science_windows(self) -> int:
        """Number of science windows, pointings and slews."""
        return len(self.tstart) + int(self.slew_after.sum())

    def years(self) -> IntArray:
        """Calendar year (TT) in which the observation of each pointing begins, (n,)."""
        begins = self.tstart[[one.first for one in self.observations]]
        days = np.datetime64("2000-01-01") + np.floor(begins).astype("timedelta64[D]")
        return (days.astype("datetime64[Y]").astype(np.int64) + 1970)[self.observation]


def make_plan(options: SimulationOptions, sources: tuple[Source, ...]) -> Plan:
    """Make the pointing plan of `options.science_windows` science windows, pointings and slews together.

    A small mission observes in fewer revolutions, spread over the whole mission. In a revolution of b pointings there
    are b - 1 slews; one slew may close the last revolution, to meet the number asked for.
    """
    rng = np.random.default_rng([options.seed, 1])
    revolutions = make_revolutions()
    total = len(revolutions.number)
    used = int(np.clip(options.science_windows // 20, 1, total))
    chosen = np.unique(np.linspace(0, total - 1, used).round().astype(int))
    pointings, odd = divmod(options.science_windows + len(chosen), 2)
    budget = _share_out(pointings, len(chosen), rng)
    draft = _Draft(make_programmes(sources), _calibration_slots(revolutions, chosen), rng, large=budget.mean() > 20)
    for at, count in zip(chosen, budget, strict=True):
        draft.fill_revolution(revolutions, int(at), int(count))
    return draft.finish(revolutions, closing_slew=bool(odd))


def _share_out(pointings: int, revolutions: int, rng: np.random.Generator) -> IntArray:
    """Pointings per revolution, (revolutions,), at least 1 and at most 55, adding up to `pointings`."""
    mean = pointings / revolutions
    raw = mean * rng.choice([0.5, 0.7, 0.8, 1.1, 1.9] if mean < 20 else [0.8, 0.9, 1.0, 1.1, 1.2], size=revolutions)
    counts = np.clip(raw.round().astype(np.int64), 1, _MOST_PER_REVOLUTION)
    while (missing := pointings - int(counts.sum())) != 0:
        step = 1 if missing > 0 else -1
        able = np.flatnonzero(counts < _MOST_PER_REVOLUTION if step > 0 else counts > 1)
        counts[rng.choice(able, size=min(abs(missing), len(able)), replace=False)] += step
    return counts


def _calibration_slots(revolutions: Revolutions, chosen: IntArray) -> frozenset[int]:
    """Indices of the revolutions with a Crab calibration: twice a year, about 1 March and 20 September."""
    years = np.arange(3, 26)
    wanted = np.concatenate([years * 365.25 + 60.0, years * 365.25 + 263.0])
    nearest = chosen[np.abs(revolutions.tstart[chosen][:, None] - wanted[None, :]).argmin(axis=0)]
    near = np.abs(revolutions.tstart[nearest] - wanted) < 25.0
    return frozenset(int(at) for at in nearest[near])


class _Draft:
    """A plan in the making: lists that grow revolution by revolution."""

    def __init__(
        self,
        programmes: tuple[Programme, ...],
        calibrations: frozenset[int],
        rng: np.random.Generator,
        *,
        large: bool,
    ) -> None:
        self.programmes = programmes
        self.shares = np.array([programme.share for programme in programmes])
        self.visits = [np.zeros(len(programme.names)) for programme in programmes]
        self.calibrations = calibrations
        self.rng = rng
        self.large = large
        self.crab = vector(83.6332, 22.0145)
        self.proposals: dict[tuple[int, str], str] = {}
        self.runs: dict[str, int] = {}
        self.observations: list[Observation] = []
        self.columns: dict[str, list[NDArray[np.generic]]] = {}
        self.total = 0

    def fill_revolution(self, revolutions: Revolutions, at: int, count: int) -> None:
        """Plan `count` pointings in one revolution: times first, then observations to fill them."""
        room_s = (revolutions.belt_entry[at] - revolutions.belt_exit[at]) * 86400.0
        slews = self.rng.uniform(*_SLEW_S, size=count)
        durations = np.full(count, self.rng.choice(_DURATIONS_S)) * self.rng.uniform(0.97, 1.03, size=count)
        need_s = float(slews.sum() + durations.sum())
        if need_s > 0.98 * room_s:
            durations *= (0.98 * room_s - slews.sum()) / durations.sum()
            need_s = float(slews.sum() + durations.sum())
        begin = revolutions.belt_exit[at] + self.rng.uniform(0.0, (room_s - need_s) / 86400.0)
        ends = begin + np.cumsum(durations + slews) / 86400.0
        tstop = ends - slews / 86400.0
        tstart = tstop - durations / 86400.0
        sun = sun_vector((tstart[0] + tstop[-1]) / 2.0)
        x_axis = self._observe(at, int(revolutions.number[at]), tstart, sun)
        last = np.arange(count) == count - 1
        self._add(
            revolution=np.full(count, revolutions.number[at]),
            number=FIRST_POINTING + np.arange(count),
            tstart=tstart,
            tstop=tstop,
            x_axis=x_axis,
            z_axis=roll_axis(x_axis, sun),
            good_s=_good_times(tstart, durations, int(revolutions.number[at]), self.rng),
            slew_after=~last,
            slew_stop=ends,
        )
        self.total += count

    def finish(self, revolutions: Revolutions, *, closing_slew: bool) -> Plan:
        """Join the lists; the order of time is that of the revolutions."""
        joined = {name: np.concatenate(parts) for name, parts in self.columns.items()}
        if closing_slew:
            joined["slew_after"][-1] = True
        counts = [observation.count for observation in self.observations]
        return Plan(
            revolutions=revolutions,
            observations=tuple(self.observations),
            observation=np.repeat(np.arange(len(counts)), counts),
            **joined,  # pyright: ignore[reportArgumentType] - one array per field, made in fill_revolution
        )

    def _add(self, **columns: NDArray[np.generic]) -> None:
        for name, values in columns.items():
            self.columns.setdefault(name, []).append(values)

    def _observe(self, at: int, revolution: int, tstart: FloatArray, sun: FloatArray) -> FloatArray:
        """Fill the pointings of a revolution with observations; return their directions (n, 3)."""
        directions: list[FloatArray] = []
        done, left = 0, len(tstart)
        calibrate = at in self.calibrations
        while left:
            if calibrate:
                category, obstype, target, centre = _CALIBRATION, _CALIBRATION, CRAB_NAME, self.crab
                pattern, size = ("5x5", 25) if self.large else ("HEX", 4)
                calibrate = False
            else:
                category, obstype, target, centre, pattern = self._choose(sun, left)
                size = {"5x5": 25, "HEX": 7, "SCAN": 12, "STARING": 4}[pattern]
            # a remainder too short for a pattern of its own is added to the last one
            size = left if left - size < 3 else size
            directions.append(dither(pattern, centre, size, self.rng))
            ao = 1 + int((tstart[done] - 1020.0) / 365.25)
            self.observations.append(
                Observation(
                    *self._ids(ao, category),
                    category,
                    obstype,
                    target,
                    pattern,
                    centre,
                    revolution,
                    self.total + done,
                    size,
                )
            )
            done, left = done + size, left - size
        return np.concatenate(directions)

    def _choose(self, sun: FloatArray, left: int) -> tuple[str, str, str, FloatArray, str]:
        """Draw a programme, then its visible field with the fewest visits for its weight, and a dither that fits."""
        while True:
            index = int(self.rng.choice(len(self.programmes), p=self.shares))
            programme = self.programmes[index]
            seen = np.flatnonzero(visible(programme.vectors, sun))
            if len(seen) == 0:
                continue
            load = (self.visits[index][seen] + self.rng.uniform(0.0, 1.0, size=len(seen))) / programme.weights[seen]
            field = int(seen[load.argmin()])
            self.visits[index][field] += 1.0
            fitting = [name for name in programme.patterns if name != "5x5" or left >= 18] or ["HEX"]
            pattern = str(self.rng.choice(fitting))
            return programme.category, programme.obstype, programme.names[field], programme.vectors[field], pattern

    def _ids(self, ao: int, category: str) -> tuple[str, str]:
        """The next observation id, and the proposal: one per announcement and category."""
        key = (ao, category)
        if key not in self.proposals:
            number = 1 + sum(1 for other, _ in self.proposals if other == ao)
            self.proposals[key] = f"99{ao:02d}{number:03d}"
        prop_id = self.proposals[key]
        self.runs[prop_id] = self.runs.get(prop_id, 0) + 1
        return f"{prop_id}{self.runs[prop_id]:04d}", prop_id


def _good_times(tstart: FloatArray, durations: FloatArray, revolution: int, rng: np.random.Generator) -> FloatArray:
    """Good time of each instrument, (n, 6), s.

    SPI anneals for 12 of every 182 days. JEM-X 2 alone observes up to revolution 170, JEM-X 1 alone up to 975, then
    both (switch-overs as in the real mission, to some revolutions).
    """
    count = len(durations)
    share = rng.uniform([0.94, 0.93, 0.90, 0.86, 0.86, 0.80], [0.99, 0.99, 0.99, 0.96, 0.96, 0.97], size=(count, 6))
    share *= np.where(rng.uniform(size=(count, 1)) < 0.02, rng.uniform(0.2, 0.9, size=(count, 1)), 1.0)
    share[:, 2] *= (tstart - 1035.0) % 182.0 > 12.0
    share[:, 3] *= revolution > 170
    share[:, 4] *= (revolution <= 170) or (revolution > 975)
    return share * durations[:, None]
