"""Event lists: what a page or an ObsCore row needs to know of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, is_table, open_fits
from archive.formats.findings import Finding, refuse
from archive.formats.timeseries import column
from archive.times import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class EventList:
    """Summary of an event list; times MJD TT, energies keV, good time in seconds (None without a GTI table)."""

    hdu: str
    instrument: str | None
    event_count: int
    column_names: tuple[str, ...]
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    energy_min_kev: float | None
    energy_max_kev: float | None
    good_time_s: float | None
    simulated: bool
    findings: tuple[Finding, ...]


def is_event_list(hdu: AnyHdu) -> bool:
    """Say whether a table HDU is an event list: HDUCLAS1 EVENTS with a TIME column."""
    return (
        is_table(hdu)
        and headers.text(hdu.header, "HDUCLAS1") == "EVENTS"
        and "TIME" in {name.upper() for name in hdu.columns.names}
    )


def read_event_list(path: Path) -> EventList:
    """Read the summary of the first event list of a file.

    Raises
    ------
    FormatError
        When the file is damaged, holds no events, or its times are not stated in TT.
    """
    with open_fits(path) as file:
        return event_list_in(file)


def event_list_in(file: FitsFile) -> EventList:
    """Summarise the event list of an open file; raises as `read_event_list`."""
    index = next((index for index, hdu in enumerate(file.hdus) if is_event_list(hdu)), None)
    if index is None:
        raise refuse("EVENTS-NONE", "no HDU is an event list", expected="HDUCLAS1 = EVENTS with a TIME column")
    hdu, label = file.hdus[index], file.label(index)
    scale = headers.time_scale(hdu.header)
    times = scale.zero_mjd_tt + column(hdu, "TIME", label) * scale.day_per_unit
    if not len(times):
        raise refuse("EVENTS-EMPTY", "the event list has no events", hdu=label, found="0 rows")
    if not np.isfinite(times).all():
        row = int(np.flatnonzero(~np.isfinite(times))[0])
        raise refuse(
            "TIME-NAN",
            "a time is not a number",
            hdu=label,
            column="TIME",
            row=row + 1,
            found=str(times[row]),
            expected="a finite time",
        )
    findings: list[Finding] = []
    names = tuple(hdu.columns.names)
    low = high = None
    if "ENERGY" in names:
        energy = column(hdu, "ENERGY", label)
        energy = energy[np.isfinite(energy) & (energy > 0)]
        low, high = (float(energy.min()), float(energy.max())) if len(energy) else (None, None)
    instrument = headers.instrument_of(hdu.header)
    if instrument is None and {"DETY", "DETZ", "PIF_1"} <= set(names):
        instrument = "isgri"
        findings.append(
            Finding(
                "INSTRUMENT-GUESSED",
                "warning",
                "INSTRUME does not name a detector; DETY, DETZ and PIF say IBIS/ISGRI",
                hdu=label,
                column="INSTRUME",
                found=repr(hdu.header.get("INSTRUME")),
                expected="IBIS, DETNAM ISGRI",
            )
        )
    return EventList(
        hdu=label,
        instrument=instrument,
        event_count=len(times),
        column_names=names,
        tstart_mjd_tt=float(times.min()),
        tstop_mjd_tt=float(times.max()),
        energy_min_kev=low,
        energy_max_kev=high,
        good_time_s=_good_time(file),
        simulated=headers.is_simulated(hdu.header),
        findings=tuple(findings),
    )


def _good_time(file: FitsFile) -> float | None:
    for index, hdu in enumerate(file.hdus):
        if is_table(hdu) and headers.text(hdu.header, "HDUCLAS1") == "GTI":
            label = file.label(index)
            length = column(hdu, "STOP", label) - column(hdu, "START", label)
            return float(length.sum() * headers.time_scale(hdu.header).day_per_unit * SECONDS_PER_DAY)
    return None
