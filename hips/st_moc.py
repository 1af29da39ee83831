"""Space-time coverages (ST-MOC): which part of the sky was observed when (MOC 2.0, sections 3.3 and 4.4)."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from archive.healpix import HPX_ORDER
from hips.encoding import encode_fits_ranges
from hips.footprints import cover_circles

TIME_ORDER_MAX = 61
_DAY_US = 86_400_000_000
_TIME_FLAG = np.int64(-(2**63))


@dataclasses.dataclass(frozen=True)
class SpaceTimeCoverage:
    """Sky by time.

    Attributes
    ----------
    time_order, space_order : int
        Orders of the cells; a time cell of order K lasts 2**(61 - K) microseconds.
    entries : list of (times, pixels)
        Each (n, 2), int64: ranges of time cells, and ranges of nested pixels observed in them; times do not overlap.
    """

    time_order: int
    space_order: int
    entries: list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def make_space_time(
    start_us: NDArray[np.int64],
    stop_us: NDArray[np.int64],
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    *,
    radius_deg: float,
    time_order: int,
    space_order: int,
) -> SpaceTimeCoverage:
    """Coverage of circles around pointings, each at its time.

    Parameters
    ----------
    start_us, stop_us : (n,), int64
        Microseconds (TCB) since JD 0.
    ra, dec : (n,)
        ICRS degrees.

    Notes
    -----
    A time cell counts as a whole: in it, the sky of every pointing that touches it. Cells that follow each other and
    saw the same pointings are one entry.
    """
    shift = TIME_ORDER_MAX - time_order
    first, last = start_us >> shift, np.maximum(stop_us - 1, start_us) >> shift
    count = last - first + 1
    pointing = np.repeat(np.arange(first.size), count)
    cell = np.repeat(first, count) + np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    ascending = np.lexsort((pointing, cell))
    pointing, cell = pointing[ascending], cell[ascending]
    entries: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    before: tuple[int, bytes] = (-2, b"")
    for group in np.split(np.arange(cell.size), np.flatnonzero(np.diff(cell)) + 1):
        if group.size == 0:
            continue
        number, members = int(cell[group[0]]), pointing[group]
        if (number - 1, members.tobytes()) == before:
            entries[-1][0][0, 1] = number + 1
        else:
            sky = cover_circles(ra[members], dec[members], radius_deg, order=space_order)
            entries.append((np.array([[number, number + 1]], dtype=np.int64), sky.ranges))
        before = (number, members.tobytes())
    return SpaceTimeCoverage(time_order, space_order, [entry for entry in entries if entry[1].size])


def microseconds_tcb(mjd_tt: NDArray[np.float64]) -> NDArray[np.int64]:
    """Microseconds since JD 0 in TCB, which MOC 2.0 counts in, of MJD in TT."""
    from astropy.time import Time  # noqa: PLC0415 - a second at start-up

    moment = Time(np.asarray(mjd_tt) + 2_400_000.5, format="jd", scale="tt").tcb
    first: NDArray[np.float64] = np.asarray(moment.jd1)  # pyright: ignore[reportAttributeAccessIssue]
    second: NDArray[np.float64] = np.asarray(moment.jd2)  # pyright: ignore[reportAttributeAccessIssue]
    days = np.rint(first).astype(np.int64)
    rest = (first - days) + second
    return days * _DAY_US + np.rint(rest * _DAY_US).astype(np.int64)


def encode_space_time(coverage: SpaceTimeCoverage, *, simulated: bool = False) -> bytes:
    """FITS file of a space-time coverage: ranges of time, with the highest bit set, each followed by its sky."""
    time_shift, space_shift = TIME_ORDER_MAX - coverage.time_order, 2 * (HPX_ORDER - coverage.space_order)
    parts = [
        part for times, sky in coverage.entries for part in ((times << time_shift) | _TIME_FLAG, sky << space_shift)
    ]
    ranges = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
    mark = {"SIMULATE": "simulated"} if simulated else {}
    return encode_fits_ranges(
        ranges,
        {
            "MOCVERS": "2.0",
            "MOCDIM": "TIME.SPACE",
            "ORDERING": "RANGE",
            "COORDSYS": "C",
            "TIMESYS": "TCB",
            "MOCORD_T": coverage.time_order,
            "MOCORD_S": coverage.space_order,
            "MOCTOOL": "Archipelago",
            "TTYPE1": "RANGE",
            "TFORM1": "1K",
            **mark,
        },
    )
