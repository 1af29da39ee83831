"""The table of limits, column by column: numbers of good positions, a status for every row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upper_limits.limits import BAD, COLUMNS, DETECTION, LIMIT, OUTSIDE, Options, compute_rows
from upper_limits.positions import Target, as_positions
from upper_limits.readout import pixel_size_deg
from upper_limits.store import Totals

FloatArray = NDArray[np.float64]
Columns = dict[str, list[object]]


@dataclass(frozen=True, slots=True)
class Text:
    """A column of words that repeat: `words[codes]`."""

    codes: NDArray[np.int32]
    words: Sequence[str]

    def tolist(self) -> list[object]:
        """Return the words, row by row."""
        return np.array(self.words, dtype=object)[self.codes].tolist()


STATUSES = (LIMIT, DETECTION, OUTSIDE, BAD)
_UNSEEN = "never observed in this band"
Arrays = dict[str, NDArray[np.generic] | Text]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen bands of one instrument, as column numbers of its totals."""

    totals: Totals
    numbers: list[int]


def make_rows(
    selections: Sequence[Selection], targets: Sequence[Target], options: Options, map_version: str, start: int = 0
) -> Columns:
    """Compute every column of the table as `make_arrays` does, as lists."""
    arrays = make_arrays(selections, targets, options, map_version, start)
    return {name: values.tolist() for name, values in arrays.items()}


def make_arrays(
    selections: Sequence[Selection], targets: Sequence[Target], options: Options, map_version: str, start: int = 0
) -> Arrays:
    """Compute every column of `upper_limits.limits.COLUMNS` for some positions; nothing is done row by row.

    Parameters
    ----------
    targets : resolved positions; one with a `problem` gets rows that say so
    start : number of the first position in the whole request

    Returns
    -------
    mapping of column name to an array of len(targets) * number of bands values, in the order of the request
    """
    places = as_positions(targets)
    good, ra, dec = places.usable, places.ra, places.dec
    blocks = [_block(one, options, good, ra, dec) for one in selections]
    width = sum(len(one.numbers) for one in selections)
    columns: Arrays = {name: np.concatenate([block[name] for block in blocks], axis=1).ravel() for name in blocks[0]}
    position = np.repeat(np.arange(len(targets), dtype=np.int32), width)
    columns |= {
        "index": (position + start).astype(np.int32),
        "name": Text(position, places.labels) if len(places.labels) else Text(np.zeros_like(position), [""]),
        "ra": ra[position],
        "dec": dec[position],
        "map_version": Text(np.zeros(len(position), dtype=np.int32), [map_version]),
    }
    bands = [(one, one.totals.bands[number]) for one in selections for number in one.numbers]
    band = np.tile(np.arange(width, dtype=np.int32), len(targets))
    for name, words in {
        "instrument": [one.totals.instrument for one, _ in bands],
        "band": [band.band for _, band in bands],
        "unit": [band.unit for _, band in bands],
        "readout": [str(one.totals.readout.kind) for one, _ in bands],
    }.items():
        columns[name] = Text(band, words)
    flux, detected = np.asarray(columns["flux"]), np.asarray(columns.pop("detection"))
    outside, usable = np.isnan(flux), good[position]
    status = np.select([~usable, outside, detected], [3, 2, 1], 0)
    columns["status"] = Text(status.astype(np.int32), STATUSES)
    problems = list(places.problems.values())
    words = [*messages_of(selections), *problems]
    problem = np.zeros(len(places), dtype=np.int32)
    problem[list(places.problems)] = np.arange(len(problems)) + 1 + width
    message = np.where(usable, np.where(outside, 0, 1 + band), problem[position])
    columns["message"] = Text(message.astype(np.int32), words)
    return columns


def messages_of(selections: Sequence[Selection]) -> list[str]:
    """What rows may say besides the problem of their position: not observed, then the caution of each band."""
    return [_UNSEEN, *(_caution(one.totals) for one in selections for _ in one.numbers)]


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
    block["near_bright"] = np.zeros(shape, dtype=np.bool_)
    for name, values in rows.items():
        block[name][good] = values
    bands = [one.totals.bands[number] for number in one.numbers]
    per_band: dict[str, list[object]] = {
        "energy_min_kev": [band.energy_min_kev for band in bands],
        "energy_max_kev": [band.energy_max_kev for band in bands],
        "tstart_mjd_tt": [band.tstart_mjd_tt for band in bands],
        "tstop_mjd_tt": [band.tstop_mjd_tt for band in bands],
        "simulated": [band.simulated for band in bands],
        "order": [one.totals.readout.order] * len(bands),
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
