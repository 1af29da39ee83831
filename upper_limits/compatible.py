"""Answers in the words of other upper-limit servers, so that scripts written for them work with the host changed.

The records have the keys of HILIGT, RapidXMM and eROSITA-DE; what a coded mask does not have (counts in an aperture)
is null, never invented. The energies of each band stand beside its numbers: they are not those of the originals.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence

from archive.errors import NotFoundError, UsageError
from archive.times import utc_iso_from_mjd_tt
from upper_limits.limits import DETECTION, LIMIT
from upper_limits.store import BandTotals, Totals

Row = Mapping[str, object]

HILIGT_MISSIONS = (
    *("XMMpnt", "XMMslew", "XMMstacked", "RosatSurvey", "RosatPointedPSPC", "RosatPointedHRI", "SwiftXRT", "Integral"),
    *("ExosatLE", "ExosatME", "Einstein", "Ginga", "Asca", "Ariel5", "Uhuru", "Vela5B"),
)
HILIGT_BANDS = {"soft": (20.0, 40.0), "medium": (40.0, 60.0), "hard": (60.0, 100.0)}
NO_DATA = "No data found for this position\r\n"
EROSITA_BANDS = ("021", "022", "023", "024", "02e")
"""Codes of eROSITA-DE; here they number the bands of ISGRI by energy, from the softest; ours by name work as well."""
EROSITA_ORDER = 16


def hiligt_records(rows: Sequence[Row], label: str, n_sigma: float) -> list[dict[str, object]]:
    """Make HILIGT's flat JSON records, one for each observed band; a rate where it is seen, else a limit."""
    return [_hiligt_record(row, label, n_sigma) for row in rows if row["status"] in {LIMIT, DETECTION}]


def _hiligt_record(row: Row, label: str, n_sigma: float) -> dict[str, object]:
    seen = row["status"] == DETECTION
    return {
        "_mission": "Integral",
        "_instrum": str(row["instrument"]).upper(),
        "_obsid": row["map_version"],
        "_filt": "none",
        "_label": label,
        "_ra": _text(row["ra"]),
        "_dec": _text(row["dec"]),
        "_start_date": _date(row["tstart_mjd_tt"]),
        "_end_date": _date(row["tstop_mjd_tt"]),
        "_elow": row["energy_min_kev"],
        "_ehigh": row["energy_max_kev"],
        "_exptime": _text(row["exposure_s"]),
        "_src_counts": None,
        "_bck_counts": None,
        "_eef": None,
        "_crate": _text(row["flux"]) if seen else None,
        "_crate_err": _text(row["flux_error"]) if seen else None,
        "_crate_flux": _text(row["flux_erg"]) if seen else None,
        "_crate_flux_err": _text(row["flux_error_erg"]) if seen else None,
        "_ul": None if seen else _text(row["upper_limit"]),
        "_ul_flux": None if seen else _text(row["upper_limit_erg"]),
        "_ulsig": f"{n_sigma:g}",
        "_model": None,
        "_image": None,
        "_expmap": None,
        "_bkgimage": None,
        "_unit": row["unit"],
        "_simulated": row["simulated"],
        "_status": "Ok",
    }


def hiligt_csv(rows: Sequence[Row], n_sigma: float) -> str:
    """Write HILIGT's CSV: a title, a header, one line for the mission; `a +/- b` is a detection, `< ul` a limit."""
    by_band = {name: _nearest(rows, band) for name, band in HILIGT_BANDS.items()}
    observed = [row for row in by_band.values() if row is not None]
    if not observed:
        return NO_DATA
    said = ", ".join(
        f"{name} {row['energy_min_kev']:g}-{row['energy_max_kev']:g} keV in {row['unit']}"
        for name, row in by_band.items()
        if row is not None
    )
    simulated = " SIMULATED DATA." if any(row["simulated"] for row in observed) else ""
    stream = io.StringIO()
    stream.write(f"Integral: {said}; limits at {n_sigma:g} sigma.{simulated}\r\n")
    writer = csv.writer(stream)
    writer.writerow(
        ["Start_date", *(f"{name}_{what}" for name in HILIGT_BANDS for what in ("crate", "flux")), "exposure"]
    )
    cells = [cell for row in by_band.values() for cell in (_cell(row, ""), _cell(row, "_erg"))]
    writer.writerow([_date(observed[0]["tstart_mjd_tt"]), *cells, _text(observed[0]["exposure_s"]) or ""])
    return stream.getvalue()


def _nearest(rows: Sequence[Row], band: tuple[float, float]) -> Row | None:
    """Row whose band shares most with this one, as intersection over union of log energies; None where none does."""

    def shared(row: Row) -> float:
        low, high = float(str(row["energy_min_kev"])), float(str(row["energy_max_kev"]))
        common = math.log(max(min(high, band[1]), 1e-9) / max(low, band[0]))
        return common / math.log(max(high, band[1]) / min(low, band[0]))

    observed = [row for row in rows if row["status"] in {LIMIT, DETECTION} and shared(row) > 0.0]
    return max(observed, key=shared, default=None)


def _cell(row: Row | None, kind: str) -> str:
    if row is None:
        return ""
    if row["status"] == DETECTION:
        return f"{_text(row[f'flux{kind}']) or 'nan'} +/- {_text(row[f'flux_error{kind}']) or 'nan'}"
    return f"< {_text(row[f'upper_limit{kind}']) or 'nan'}"


def rapidxmm_records(rows_by_sigma: Sequence[Sequence[Row]], width: int) -> list[dict[str, object]]:
    """Make RapidXMM's records, one for each position and instrument, from the rows of 1, 2 and 3 sigma.

    Parameters
    ----------
    width : number of rows of one position; bands 6, 7 and 8 are the first three of an instrument, by energy
    """
    records: list[dict[str, object]] = []
    for start in range(0, len(rows_by_sigma[0]), width):
        group = [rows[start : start + width] for rows in rows_by_sigma]
        for instrument in dict.fromkeys(str(row["instrument"]) for row in group[0]):
            numbers = [n for n, row in enumerate(group[0]) if row["instrument"] == instrument][:3]
            if any(group[0][n]["status"] in {LIMIT, DETECTION} for n in numbers):
                records.append(_rapidxmm_record(group, numbers, len(records) + 1))
    return records


def _rapidxmm_record(group: Sequence[Sequence[Row]], numbers: Sequence[int], number: int) -> dict[str, object]:
    first = group[0][numbers[0]]
    start = float(str(first["tstart_mjd_tt"]))
    record: dict[str, object] = {
        "id": number,
        "npixel": first["ipix"],
        "nside": first["order"],
        "ra": first["ra"],
        "dec": first["dec"],
        "obsid": first["map_version"],
        "obstype": "stacked",
        "start_date": _date(start),
        "end_date": _date(first["tstop_mjd_tt"]),
        "start_timestamp": round((start - 40587.0) * 86_400_000),
        "instrum": str(first["instrument"]).upper(),
        "filt": "none",
        "eef": None,
        "area_ratio": None,
        "simulated": first["simulated"],
    }
    kinds = ("exposure", "src_counts", "bck_counts", "ul_sigma1", "ul_sigma2", "ul_sigma3", "flags")
    # clients read all three bands; those that an instrument lacks are null
    record |= {f"band{band}_{kind}": None for band in (6, 7, 8)[len(numbers) :] for kind in kinds}
    for band, n in zip((6, 7, 8), numbers, strict=False):
        row = group[0][n]
        record |= {
            f"band{band}_exposure": _number(row["exposure_s"]),
            f"band{band}_src_counts": None,
            f"band{band}_bck_counts": None,
            **{f"band{band}_ul_sigma{s + 1}": _number(group[s][n]["upper_limit"]) for s in range(3)},
            f"band{band}_flags": int(bool(row["near_bright"])),
            f"band{band}_energy_min_kev": row["energy_min_kev"],
            f"band{band}_energy_max_kev": row["energy_max_kev"],
            f"band{band}_unit": row["unit"],
        }
    return record


def erosita_band(known: Sequence[Totals], name: str) -> tuple[Totals, BandTotals]:
    """Find the band of a code of eROSITA-DE (the n-th of ISGRI by energy) or of a name such as 20-40.

    Raises
    ------
    NotFoundError
        If there is no such band.
    """
    totals = min(known, key=lambda one: one.instrument.lower() not in {"isgri", "ibis"}, default=None)
    bands = () if totals is None else totals.bands
    chosen = [
        band
        for band in bands
        if name.lower() in {band.band.lower(), f"{band.energy_min_kev:g}-{band.energy_max_kev:g}"}
    ]
    number = EROSITA_BANDS.index(name) if name in EROSITA_BANDS else len(bands)
    if totals is None or not (chosen or number < len(bands)):
        there = ", ".join([*EROSITA_BANDS[: len(bands)], *(band.band for band in bands)])
        raise NotFoundError(f"there is no band {name[:40]!r}; there are {there}")
    return totals, chosen[0] if chosen else bands[number]


def erosita_record(row: Row, limit_of_nothing: float, healpix: int) -> dict[str, object]:
    """Make a record of eROSITA-DE: UL_B from the flux that is measured, UL_S with all of it taken for background.

    Parameters
    ----------
    limit_of_nothing : the limit of a flux of exactly zero, erg cm-2 s-1
    """
    return {
        "Exposure": _number(row["exposure_s"]),
        "UL_B": _number(row["upper_limit_erg"]),
        "UL_S": _number(limit_of_nothing),
        "Flag_pos": int(bool(row["near_bright"])),
        "healpix": healpix,
        "field": row["map_version"],
        "de_sky": None,
        "energy_min_kev": row["energy_min_kev"],
        "energy_max_kev": row["energy_max_kev"],
        "status": row["status"],
        "simulated": row["simulated"],
    }


def read_semicolons(ra: str, dec: str, most: int) -> tuple[list[float], list[float]]:
    """Read RapidXMM's lists, numbers parted by semicolons.

    Examples
    --------
    >>> read_semicolons("1;2.5", "3;-4", 10)
    ([1.0, 2.5], [3.0, -4.0])
    """
    lists = []
    for name, text in (("ra", ra), ("dec", dec)):
        try:
            lists.append([float(word) for word in text.split(";") if word.strip()])
        except ValueError:
            raise UsageError(f"{name} is {text[:40]!r}; expected degrees parted by semicolons") from None
    if not lists[0] or len(lists[0]) != len(lists[1]):
        raise UsageError(f"ra and dec do not pair: found {len(lists[0])} and {len(lists[1])} values")
    if len(lists[0]) > most:
        raise UsageError(f"{len(lists[0])} positions; at most {most} in one request")
    return lists[0], lists[1]


def _date(mjd_tt: object) -> str:
    return utc_iso_from_mjd_tt(float(str(mjd_tt)))[:19]


def _number(value: object) -> float | None:
    number = float(str(value))
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    number = _number(value)
    return None if number is None else f"{number:.9g}"
