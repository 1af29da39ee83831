"""The table of limits, column by column: numbers of good positions, a status for every row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upper_limits.limits import BAD, COLUMNS, DETECTION, LIMIT, OUTSIDE, Options, compute_rows
from upper_limits.params import Target
from upper_limits.readout import pixel_size_deg
from upper_limits.store import Totals

FloatArray = NDArray[np.float64]
Columns = dict[str, list[object]]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen bands of one instrument, as column numbers of its totals."""

    totals: Totals
    numbers: list[int]


def make_rows(
    selections: Sequence[Selection], targets: Sequence[Target], options: Options, map_version: str, start: int = 0
) -> Columns:
    """Compute every column of `upper_limits.limits.COLUMNS` for some positions.

    Parameters
    ----------
    targets : resolved positions; one with a `problem` gets rows that say so
    start : number of the first position in the whole request

    Returns
    -------
    mapping of column name to a list of len(targets) * number of bands values, in the order of the request
    """
    good = np.array([not target.problem for target in targets])
    ra = np.array([target.ra for target in targets])
    dec = np.array([target.dec for target in targets])
    blocks = [_block(one, options, good, ra, dec) for one in selections]
    width = sum(len(one.numbers) for one in selections)
    columns: Columns = {
        name: np.concatenate([block[name] for block in blocks], axis=1).ravel().tolist() for name in blocks[0]
    }
    columns["index"] = [number for number in range(start, start + len(targets)) for _ in range(width)]
    columns["name"] = [target.label for target in targets for _ in range(width)]
    columns["ra"] = np.repeat(ra, width).tolist()
    columns["dec"] = np.repeat(dec, width).tolist()
    _write_status(columns, [target.problem for target in targets for _ in range(width)])
    columns["map_version"] = [map_version] * (len(targets) * width)
    return columns


def _block(
    one: Selection, options: Options, good: NDArray[np.bool_], ra: FloatArray, dec: FloatArray
) -> dict[str, NDArray[np.generic]]:
    shape = (len(good), len(one.numbers))
    block: dict[str, NDArray[np.generic]] = {}
    rows = compute_rows(one.totals, one.numbers, ra[good] % 360.0, dec[good], options) if good.any() else {}
    for name in (column.name for column in COLUMNS if column.datatype == "double" and column.name not in {"ra", "dec"}):
        block[name] = np.full(shape, np.nan)
    block["ipix"] = np.full(shape, -1)
    block["detection"] = np.zeros(shape, dtype=np.bool_)
    for name, values in rows.items():
        block[name][good] = values
    bands = [one.totals.bands[number] for number in one.numbers]
    readout = one.totals.readout
    per_band: dict[str, list[object]] = {
        "instrument": [one.totals.instrument] * len(bands),
        "band": [band.band for band in bands],
        "unit": [band.unit for band in bands],
        "energy_min_kev": [band.energy_min_kev for band in bands],
        "energy_max_kev": [band.energy_max_kev for band in bands],
        "tstart_mjd_tt": [band.tstart_mjd_tt for band in bands],
        "tstop_mjd_tt": [band.tstop_mjd_tt for band in bands],
        "simulated": [band.simulated for band in bands],
        "readout": [readout.kind] * len(bands),
        "order": [readout.order] * len(bands),
        "caution": [_caution(one.totals)] * len(bands),
    }
    for name, values in per_band.items():
        block[name] = np.broadcast_to(np.array(values), shape)
    return block


def _caution(totals: Totals) -> str:
    if totals.readout.kind != "nearest":
        return ""
    pixel, fwhm = pixel_size_deg(totals.readout.order) * 60.0, totals.readout.fwhm_deg * 60.0
    return (
        f"pixels of {pixel:.1f} arcmin are too coarse for a PSF of {fwhm:.1f} arcmin: a source between pixel centres "
        "is missed and the true limit is higher"
    )


def _write_status(columns: Columns, problems: list[str]) -> None:
    detections, cautions = columns.pop("detection"), columns.pop("caution")
    status: list[object] = []
    message: list[object] = []
    for problem, flux, detected, caution in zip(problems, columns["flux"], detections, cautions, strict=True):
        outside = flux != flux  # noqa: PLR0124 - NaN
        if problem:
            status.append(BAD)
            message.append(problem)
        elif outside:
            status.append(OUTSIDE)
            message.append("never observed in this band")
        else:
            status.append(DETECTION if detected else LIMIT)
            message.append(caution)
    columns["status"], columns["message"] = status, message
