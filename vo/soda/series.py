"""Cut-outs of light curves: the points of a span of time, the curves of a band."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from archive.formats import TimeSeries
from vo.products.facts import KEV_METRE
from vo.soda.params import Cut
from vo.soda.regions import contains


def cut_curves(curves: Sequence[TimeSeries], cut: Cut) -> tuple[TimeSeries, ...]:
    """Return the light curves in a band with the points whose bins touch a span of time; none where nothing is left.

    A region keeps all of a curve whose target lies in it, and nothing of others.
    """
    kept = (_points(curve, cut.time) for curve in curves if _in_band(curve, cut.band) and _in_region(curve, cut))
    return tuple(curve for curve in kept if len(curve))


def _in_band(curve: TimeSeries, band: tuple[float, float] | None) -> bool:
    if band is None:
        return True
    if curve.energy_min_kev is None or curve.energy_max_kev is None:
        return False
    return KEV_METRE / curve.energy_max_kev <= band[1] and KEV_METRE / curve.energy_min_kev >= band[0]


def _in_region(curve: TimeSeries, cut: Cut) -> bool:
    if cut.region is None:
        return True
    if curve.ra is None or curve.dec is None:
        return False
    return bool(contains(cut.region, np.array([curve.ra]), np.array([curve.dec]))[0])


def _points(curve: TimeSeries, time: tuple[float, float] | None) -> TimeSeries:
    if time is None:
        return curve
    half = np.nan_to_num(curve.half_width_d)
    kept = (curve.time_mjd_tt + half >= time[0]) & (curve.time_mjd_tt - half <= time[1])
    return replace(
        curve,
        time_mjd_tt=curve.time_mjd_tt[kept],
        half_width_d=curve.half_width_d[kept],
        rate=curve.rate[kept],
        error=curve.error[kept],
        problems=None if curve.problems is None else curve.problems[kept],
    )
