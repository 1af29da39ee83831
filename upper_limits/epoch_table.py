"""The tables of epochs: one row for each epoch that saw a position, and their mean with the test of constancy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from upper_limits.crab_rate import MAX_DAYS, MIN_SIGMA, is_count_rate
from upper_limits.folding import Folded
from upper_limits.history import EpochReadings, History
from upper_limits.limits import (
    BAD,
    COLUMNS,
    DETECTION,
    LIMIT,
    OUTSIDE,
    Column,
    Options,
    erg_per_mcrab,
    plan_conversion,
)
from upper_limits.params import EpochChoice
from upper_limits.positions import Target
from upper_limits.statistics import (
    bayesian_upper_limits,
    chi2_of_constancy,
    classical_upper_bound,
    combine_epochs,
    detectability_limit,
    is_detection,
    sensitivity,
)
from upper_limits.table import Columns

FloatArray = NDArray[np.float64]

_BY_NAME = {column.name: column for column in COLUMNS}
_HEAD = (
    "index", "name", "ra", "dec", "instrument", "band", "energy_min_kev", "energy_max_kev", "status", "message",
    "upper_limit", "flux", "flux_error", "significance", "classical_bound", "sensitivity", "detectability", "unit",
    "upper_limit_mcrab", "upper_limit_erg", "flux_erg", "flux_error_erg", "erg_min_kev", "erg_max_kev",
)  # fmt: skip
_TAIL = ("order", "ipix", "simulated")
_CRAB_RATE = Column(
    "crab_rate", "double", "map", "phot.flux", "Rate of 1 Crab that turns counts per second into mCrab; NaN = not known"
)
_NO_CRAB = (
    f"no conversion to mCrab: no epoch within {MAX_DAYS:.0f} days saw the Crab with {MIN_SIGMA:.0f} sigma in this band"
)
_TIMES = (
    Column("tstart_mjd_tt", "double", "d", "time.start", "Start of the first image, MJD (TT)"),
    Column("tstop_mjd_tt", "double", "d", "time.end", "End of the last image, MJD (TT)"),
)
_EXPOSURE = Column("exposure_s", "double", "s", "time.duration;obs.exposure", "Effective exposure at the position")
EPOCH_COLUMNS = (
    *(_BY_NAME[name] for name in _HEAD),
    Column("epoch", "char", "", "meta.id", "Epoch: revolution and observation, or science window"),
    *_TIMES,
    *(_BY_NAME[name] for name in ("variance", "noise_factor", "k_sys")),
    _EXPOSURE,
    _CRAB_RATE,
    Column(
        "crab_epoch",
        "char",
        "",
        "meta.id",
        "Epoch that measured crab_rate, or product whose response says it; empty = none",
    ),
    *(_BY_NAME[name] for name in _TAIL),
)
COMBINED_COLUMNS = (
    *(_BY_NAME[name] for name in _HEAD),
    Column("epoch_count", "int", "", "meta.number", "Number of epochs in the mean"),
    *_TIMES,
    _EXPOSURE,
    _CRAB_RATE,
    Column("chi2", "double", "", "stat.fit.chi2", "chi2 of the epochs about their mean"),
    Column("dof", "int", "", "stat.fit.dof", "Degrees of freedom of chi2: epoch_count - 1"),
    Column("constancy_probability", "double", "", "stat.probability", "Chance of a chi2 so large from a steady source"),
    *(_BY_NAME[name] for name in _TAIL),
)


@dataclass(frozen=True, slots=True)
class HistorySelection:
    """The chosen bands of one instrument's history, as column numbers."""

    history: History
    numbers: list[int]
    folded: Mapping[int, Folded] = field(default_factory=dict)
    """What a response says of a band, by its number; where there is none, the Crab of the history says it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The epochs of one position within the chosen times; `near` counts those that the times cut."""

    readings: EpochReadings
    within: NDArray[np.bool_]
    near: int


def list_epochs(
    selections: Sequence[HistorySelection], targets: Sequence[Target], options: Options, choice: EpochChoice, start: int
) -> Columns:
    """Make one row for each position, band and epoch, by time; a band without any epoch gets one row that says so.

    Parameters
    ----------
    start : number of the first position in the whole request
    """
    columns: Columns = {column.name: [] for column in EPOCH_COLUMNS}
    for index, target in enumerate(targets, start):
        for one in selections:
            seen = None if target.problem else _read(one.history, target, choice)
            for number in one.numbers:
                _append_epochs(columns, (index, target), one, number, seen, options)
    return columns


def combine_targets(
    selections: Sequence[HistorySelection], targets: Sequence[Target], options: Options, choice: EpochChoice, start: int
) -> Columns:
    """Make one row for each position and band: the inverse-variance mean of the epochs within the chosen times."""
    columns: Columns = {column.name: [] for column in COMBINED_COLUMNS}
    for index, target in enumerate(targets, start):
        for one in selections:
            seen = None if target.problem else _read(one.history, target, choice)
            for number in one.numbers:
                _append_mean(columns, (index, target), one, number, seen, options)
    return columns


def _read(history: History, target: Target, choice: EpochChoice) -> _Seen:
    readings = history.read(target.ra % 360.0, target.dec)
    start, stop = history.tstart[readings.epoch], history.tstop[readings.epoch]
    within = (start >= choice.t_min) & (stop <= choice.t_max)
    return _Seen(readings, within, int(((stop > choice.t_min) & (start < choice.t_max) & ~within).sum()))


def _append_epochs(
    columns: Columns,
    asked: tuple[int, Target],
    one: HistorySelection,
    number: int,
    seen: _Seen | None,
    options: Options,
) -> None:
    history, folded = one.history, one.folded.get(number)
    rows = np.flatnonzero([]) if seen is None else np.flatnonzero(
        seen.within & np.isfinite(seen.readings.flux[:, number])
    )  # fmt: skip
    if seen is None or len(rows) == 0:
        _append(columns, _frame(asked, history, number, seen, 1))
        return
    readings = seen.readings
    epochs = [history.epochs[epoch] for epoch in readings.epoch[rows]]
    flux, error = readings.flux[rows, number], readings.error[rows, number]
    rate, source = history.crab.rate[readings.epoch[rows], number], history.crab.epoch[readings.epoch[rows], number]
    _append(
        columns,
        {
            **_frame(asked, history, number, seen, len(rows)),
            **_numbers(flux, error, rate if folded is None else folded, history, number, options),
            "crab_epoch": [
                options.response if folded else "" if epoch < 0 else history.epochs[epoch].name for epoch in source
            ],
            "epoch": [epoch.name for epoch in epochs],
            "tstart_mjd_tt": [epoch.tstart_mjd_tt for epoch in epochs],
            "tstop_mjd_tt": [epoch.tstop_mjd_tt for epoch in epochs],
            "variance": readings.variance[rows, number].tolist(),
            "noise_factor": [readings.noise_factor] * len(rows),
            "k_sys": readings.k_sys[rows, number].tolist(),
            "exposure_s": readings.exposure_s[rows, number].tolist(),
            "simulated": [epoch.simulated for epoch in epochs],
        },
    )


def _append_mean(
    columns: Columns,
    asked: tuple[int, Target],
    one: HistorySelection,
    number: int,
    seen: _Seen | None,
    options: Options,
) -> None:
    history, folded = one.history, one.folded.get(number)
    frame = _frame(asked, history, number, seen, 1)
    if seen is None or frame["status"] == [OUTSIDE]:
        _append(columns, {**frame, "epoch_count": [0], "dof": [0]})
        return
    rows = np.flatnonzero(seen.within & np.isfinite(seen.readings.flux[:, number]))
    epoch = seen.readings.epoch[rows]
    flux, variance = seen.readings.flux[rows, number], seen.readings.error[rows, number] ** 2
    mean, total = combine_epochs(flux, variance)
    chi2, dof, probability = chi2_of_constancy(flux, variance)
    # A steady source of f mCrab has F_i = f rate_i / 1000: its weighted mean is f times the same mean of the rates.
    rates = history.crab.rate[epoch, number]
    rate = combine_epochs(rates, variance)[0] if np.isfinite(rates).all() else np.array(np.nan)
    _append(
        columns,
        {
            **frame,
            **_numbers(
                mean[None], np.sqrt(total)[None], rate[None] if folded is None else folded, history, number, options
            ),
            "epoch_count": [len(rows)],
            "tstart_mjd_tt": [float(history.tstart[epoch].min())],
            "tstop_mjd_tt": [float(history.tstop[epoch].max())],
            "exposure_s": [float(seen.readings.exposure_s[rows, number].sum())],
            "chi2": [float(chi2)],
            "dof": [int(dof)],
            "constancy_probability": [float(probability)],
            "simulated": [any(history.epochs[one].simulated for one in epoch)],
        },
    )


def _frame(
    asked: tuple[int, Target], history: History, number: int, seen: _Seen | None, count: int
) -> dict[str, list[object]]:
    """Columns that do not depend on the flux; the status is right for a band that no chosen epoch saw."""
    (index, target), band = asked, history.bands[number]
    status, message = LIMIT, ""
    if seen is None:
        status, message = BAD, target.problem
    elif not (seen.within & np.isfinite(seen.readings.flux[:, number])).any():
        status, message = OUTSIDE, "no epoch saw this position in this band"
        if len(seen.readings.epoch):
            message = f"no epoch lies wholly within these times; {len(seen.readings.epoch)} saw the position"
        if seen.near:
            message += f", {seen.near} overlap them"
    values: dict[str, object] = {
        "index": index,
        "name": target.label,
        "ra": target.ra,
        "dec": target.dec,
        "instrument": history.instrument,
        "band": band.band,
        "energy_min_kev": band.energy_min_kev,
        "energy_max_kev": band.energy_max_kev,
        "status": status,
        "message": message,
        "unit": band.unit,
        "order": history.readout.order,
        "ipix": -1 if seen is None else seen.readings.ipix,
        "simulated": band.simulated,
    }
    return {name: [value] * count for name, value in values.items()}


def _numbers(
    flux: FloatArray,
    error: FloatArray,
    worth: FloatArray | Folded,
    history: History,
    number: int,
    options: Options,
) -> dict[str, list[object]]:
    """Numbers of some epochs; `worth` is the rate of the Crab at each of them, or what a response says."""
    crab_rate = np.full(flux.shape, worth.crab_rate) if isinstance(worth, Folded) else worth
    band = history.bands[number]
    conversion = plan_conversion(band, options)
    to_mcrab, to_erg = (np.full(flux.shape, one) for one in (conversion.to_mcrab, conversion.to_erg))
    message: list[object] = [""] * len(flux)
    if is_count_rate(band.unit):
        to_mcrab = 1000.0 / crab_rate
        to_erg = to_mcrab * erg_per_mcrab(band, options)
        if isinstance(worth, Folded):
            to_erg = np.full(flux.shape, worth.erg_per_count)
        message = np.where(np.isfinite(crab_rate), "", _NO_CRAB).tolist()
    limit = bayesian_upper_limits(flux, error, confidence=options.confidence)
    detected = is_detection(flux, error, threshold_sigma=options.threshold_sigma)
    low, high = conversion.erg_band_kev
    values = {
        "status": np.where(detected, DETECTION, LIMIT),
        "flux": flux,
        "flux_error": error,
        "significance": flux / error,
        "upper_limit": limit,
        "classical_bound": classical_upper_bound(flux, error, confidence=options.confidence),
        "sensitivity": sensitivity(error, n_sigma=options.threshold_sigma),
        "detectability": detectability_limit(error, threshold_sigma=options.threshold_sigma, power=options.power),
        "upper_limit_mcrab": limit * to_mcrab,
        "upper_limit_erg": limit * to_erg,
        "flux_erg": flux * to_erg,
        "flux_error_erg": error * to_erg,
        "erg_min_kev": np.full(flux.shape, low),
        "erg_max_kev": np.full(flux.shape, high),
        "crab_rate": crab_rate,
    }
    return {"message": message, **{name: array.tolist() for name, array in values.items()}}


def _append(columns: Columns, rows: dict[str, list[object]]) -> None:
    count = len(rows["index"])
    for name, values in columns.items():
        values.extend(rows.get(name, ["" if name in {"epoch", "crab_epoch"} else np.nan] * count))
