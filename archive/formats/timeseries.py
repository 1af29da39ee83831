"""Light curves and long-term series: ISLA, OSA, ESAC and OMC files as one dataclass with times in MJD TT."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, is_table, open_fits
from archive.formats.findings import Finding, refuse
from archive.formats.ogip import check_series
from archive.times import SECONDS_PER_DAY

FloatArray = NDArray[np.float64]

RATE_COLUMNS = ("RATE", "RATES", "FLUX", "COUNTS")
ERROR_COLUMNS = ("ERROR", "ERRORS", "FLUX_ERR", "STAT_ERR")
# OMC: V magnitude of the 3x3-pixel aperture is the mission's standard photometry; the others follow in this order.
MAGNITUDE_COLUMNS = (
    ("MAG", "ERRMAG"),
    ("MAG_V", "ERRMAG_V"),
    ("MAG_V", "MAG_V_ERR"),
    ("MAG_V_3", "ERMAG_V_3"),
    ("MAG_V_3", "ERRMAG_V_3"),
    ("MAG_V_1", "ERMAG_V_1"),
    ("MAG_V_5", "ERMAG_V_5"),
)
# Johnson V of the OMC, 500-600 nm, as photon energies (E = hc / lambda).
V_BAND_KEV = (1.239841984e-9 / 600e-9, 1.239841984e-9 / 500e-9)


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One light curve in one band; all arrays are 1-D of the same length, in the order of the file.

    Parameters
    ----------
    time_mjd_tt, half_width_d
        Middle of each bin (MJD TT, days) and half its width (days, NaN where the file does not say).
    rate, error
        Value and one-sigma error in `rate_unit` (VOUnit; '' when dimensionless); NaN where not measured.
    quantity
        ``rate``, ``flux`` or ``magnitude``.
    energy_min_kev, energy_max_kev
        The band; None where the file does not say.
    timeref
        Where the times hold: ``LOCAL`` (spacecraft), ``SOLARSYSTEM`` or ``UNKNOWN``.
    time_resolution_s
        Coarseness of the stored times: ISLA writes IJD as float32, which is 21 to 42 s in the mission.
    ra, dec
        Target, ICRS degrees.
    inputs
        Names of the files a series was put together from (IN_1, IN_2, ...).
    findings
        What a reader of the numbers should know.
    problems, problems_meaning
        Flags of each point (column PROBLEMS of the OMC; 0 none) and what its TCOMM says of their bits.
    """

    hdu: str
    source_name: str | None
    ra: float | None
    dec: float | None
    instrument: str | None
    time_mjd_tt: FloatArray
    half_width_d: FloatArray
    rate: FloatArray
    error: FloatArray
    rate_unit: str
    quantity: str
    energy_min_kev: float | None
    energy_max_kev: float | None
    timeref: str
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    exposure_s: float | None
    time_resolution_s: float
    scw_id: str | None
    revolution: int | None
    inputs: tuple[str, ...]
    simulated: bool
    findings: tuple[Finding, ...]
    problems: NDArray[np.int64] | None = None
    problems_meaning: str = ""

    def __len__(self) -> int:
        return len(self.time_mjd_tt)


def is_time_series(hdu: AnyHdu) -> bool:
    """Say whether a table HDU is a light curve: it has TIME and a rate or a magnitude."""
    if not is_table(hdu):
        return False
    names = {name.upper() for name in hdu.columns.names}
    return bool(
        {"TIME", "BARYTIME"} & names
        and (set(RATE_COLUMNS) & names or any(pair[0] in names for pair in MAGNITUDE_COLUMNS))
    )


def read_time_series(path: Path) -> tuple[TimeSeries, ...]:
    """Read every light curve in a file, one per band.

    Raises
    ------
    FormatError
        When the file is damaged, holds no light curve, or does not state time zero, scale or unit.
    """
    with open_fits(path) as file:
        return time_series_in(file)


def time_series_in(file: FitsFile) -> tuple[TimeSeries, ...]:
    """Read the light curves of an open file; raises as `read_time_series`."""
    series = tuple(_read_hdu(file, index) for index, hdu in enumerate(file.hdus) if is_time_series(hdu))
    if not series:
        raise refuse(
            "SERIES-NONE", "no HDU is a light curve", expected="a table with TIME and RATE, RATES, FLUX or MAG_V"
        )
    return series


def _read_hdu(file: FitsFile, index: int) -> TimeSeries:
    hdu = file.hdus[index]
    label = file.label(index)
    header = hdu.header
    names = {name.upper(): name for name in hdu.columns.names}
    findings: list[Finding] = []
    time_name = "TIME" if "TIME" in names else "BARYTIME"
    time_mjd, resolution_s = _times(hdu, names[time_name], label, findings)
    value, error, unit, quantity = _values(hdu, names, label, findings)
    half_width = _half_widths(hdu, names, label, findings)
    low, high = _band(header, quantity, label, findings)
    start, stop = headers.span_mjd_tt(header)
    if len(time_mjd) and (start is None or stop is None):
        start, stop = float(np.nanmin(time_mjd)), float(np.nanmax(time_mjd))
        findings.append(
            Finding(
                "TIME-SPAN",
                "info",
                "TSTART or TSTOP is not filled in; first and last time stand for them",
                hdu=label,
                column="TSTART",
            )
        )
    if start is None or stop is None:
        raise refuse(
            "SERIES-EMPTY",
            "the light curve has no rows and no TSTART",
            hdu=label,
            found="0 rows",
            expected="at least one",
        )
    name, ra, dec = headers.object_of(header)
    timeref = (headers.text(header, "TIMEREF") or "").upper()
    if time_name == "BARYTIME":
        timeref = "SOLARSYSTEM"
    if timeref not in {"LOCAL", "SOLARSYSTEM"}:
        findings.append(
            Finding(
                "TIME-REFERENCE",
                "warning",
                "the reference place of the times is not stated",
                hdu=label,
                column="TIMEREF",
                found=repr(timeref),
                expected="LOCAL or SOLARSYSTEM",
            )
        )
        timeref = "UNKNOWN"
    findings += check_series(file, index, time_mjd, half_width, resolution_s)
    revolution = headers.number(header, "REVOL")
    return TimeSeries(
        hdu=label,
        source_name=name,
        ra=ra,
        dec=dec,
        instrument=headers.instrument_of(header),
        time_mjd_tt=time_mjd,
        half_width_d=half_width,
        rate=value,
        error=error,
        rate_unit=unit,
        quantity=quantity,
        energy_min_kev=low,
        energy_max_kev=high,
        timeref=timeref,
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        exposure_s=headers.number(header, "EXPOSURE"),
        time_resolution_s=resolution_s,
        scw_id=headers.text(header, "SWID"),
        revolution=None if revolution is None else int(revolution),
        inputs=_inputs(header),
        simulated=headers.is_simulated(header),
        findings=tuple(findings),
        problems=column(hdu, names["PROBLEMS"], label).astype(np.int64) if "PROBLEMS" in names else None,
        problems_meaning=_comment(hdu, "PROBLEMS"),
    )


def _comment(hdu: AnyHdu, name: str) -> str:
    """Return what TCOMM says of a column; '' where there is neither."""
    upper = [one.upper() for one in hdu.columns.names]
    return (headers.text(hdu.header, f"TCOMM{upper.index(name) + 1}") or "") if name in upper else ""


def column(hdu: AnyHdu, name: str, label: str) -> FloatArray:
    """Return a numeric scalar column as float64.

    Raises
    ------
    FormatError
        ``COLUMN-TYPE`` when the column is text, boolean or an array per row.
    """
    data = hdu.data[name]
    if data.dtype.kind not in "iuf" or data.ndim != 1:
        form = hdu.columns[name].format
        raise refuse(
            "COLUMN-TYPE",
            "the column must hold one number per row",
            hdu=label,
            column=name,
            found=f"TFORM {form}",
            expected="I, J, K, E or D",
            fix="Write one HDU per band.",
        )
    return np.asarray(data, dtype=np.float64)


def _times(hdu: AnyHdu, name: str, label: str, findings: list[Finding]) -> tuple[FloatArray, float]:
    raw = column(hdu, name, label)
    scale = headers.time_scale(hdu.header)
    unit = headers.vounit(hdu.columns[name].unit)
    day_per_unit = scale.day_per_unit
    if unit:
        if unit not in {"d", "s"}:
            raise refuse(
                "TIME-UNIT",
                "the time column has a unit that is not a time",
                hdu=label,
                column=name,
                found=repr(hdu.columns[name].unit),
                expected="d or s",
            )
        day_per_unit = 1.0 if unit == "d" else 1.0 / SECONDS_PER_DAY
    elif unit is None:
        raise refuse(
            "TIME-UNIT",
            "the unit of the time column is unknown",
            hdu=label,
            column=name,
            found=repr(hdu.columns[name].unit),
            expected="d or s",
        )
    if not scale.stated:
        message = "MJDREF is blank: TIMEZERO (s of MJD) is taken as the zero, and TT as the scale that is not stated"
        findings.append(
            Finding(
                "TIME-ZERO",
                "warning",
                message,
                hdu=label,
                column="MJDREF",
                found="blank",
                expected="MJDREF and TIMESYS = 'TT'",
                fix="State MJDREF.",
            )
        )
    resolution_s = 0.0
    if hdu.data[name].dtype.itemsize == 4 and len(raw):
        resolution_s = float(np.spacing(np.float32(np.nanmax(np.abs(raw)))) * day_per_unit * SECONDS_PER_DAY)
        findings.append(
            Finding(
                "TIME-FLOAT32",
                "warning",
                f"times are stored as float32: they are exact to {resolution_s:.0f} s only",
                hdu=label,
                column=name,
                found="TFORM E",
                expected="TFORM D",
            )
        )
    if not np.isfinite(raw).all():
        row = int(np.flatnonzero(~np.isfinite(raw))[0])
        raise refuse(
            "TIME-NAN",
            "a time is not a number",
            hdu=label,
            column=name,
            row=row + 1,
            found=str(raw[row]),
            expected="a finite time",
        )
    back = np.flatnonzero(np.diff(raw) <= 0)
    if len(back):
        message = f"times do not rise in {len(back)} places, the first one shown"
        findings.append(
            Finding(
                "TIME-ORDER",
                "warning",
                message,
                hdu=label,
                column=name,
                row=int(back[0]) + 2,
                found=f"{raw[back[0] + 1]} after {raw[back[0]]}",
                expected="rising times",
            )
        )
    return scale.zero_mjd_tt + raw * day_per_unit, resolution_s


def _values(
    hdu: AnyHdu, names: dict[str, str], label: str, findings: list[Finding]
) -> tuple[FloatArray, FloatArray, str, str]:
    for value_name, error_name in MAGNITUDE_COLUMNS:
        if value_name in names and error_name in names:
            return column(hdu, names[value_name], label), column(hdu, names[error_name], label), "mag", "magnitude"
    value_name = next((name for name in RATE_COLUMNS if name in names), None)
    error_name = next((name for name in ERROR_COLUMNS if name in names), None)
    if value_name is None or error_name is None:
        missing = "ERROR" if value_name else "RATE"
        raise refuse(
            "COLUMN-MISSING",
            f"the light curve has no {missing} column",
            hdu=label,
            column=missing,
            found=", ".join(names),
            expected=missing,
        )
    value, error = column(hdu, names[value_name], label), column(hdu, names[error_name], label)
    spelling = hdu.columns[names[value_name]].unit
    unit = headers.vounit(spelling)
    if unit is None or (unit == "" and spelling):
        raise refuse(
            "UNIT-UNKNOWN",
            "the unit of the rate is not one the archive knows",
            hdu=label,
            column=value_name,
            found=repr(spelling),
            expected="count/s, count/cm2/s, ph/cm2/s, mag",
        )
    if unit == "":
        unit = "ct/s"
        findings.append(
            Finding(
                "UNIT-ABSENT",
                "warning",
                "the rate has no unit; count/s is assumed, as OSA and ISLA write it",
                hdu=label,
                column=value_name,
                found="no TUNIT",
                expected="count/s",
            )
        )
    if unit in {"s", "d", "deg", "keV", "mm"}:
        raise refuse(
            "UNIT-WRONG",
            "the unit of the rate is not that of a rate or flux",
            hdu=label,
            column=value_name,
            found=repr(spelling),
            expected="count/s, count/cm2/s, ph/cm2/s",
        )
    negative = np.flatnonzero(error < 0)
    if len(negative):
        raise refuse(
            "ERROR-NEGATIVE",
            f"{len(negative)} errors are negative, the first one shown",
            hdu=label,
            column=error_name,
            row=int(negative[0]) + 1,
            found=str(error[negative[0]]),
            expected=">= 0",
        )
    blank = int((~np.isfinite(value)).sum())
    if blank:
        findings.append(
            Finding(
                "VALUE-NAN",
                "info",
                f"{blank} of {len(value)} values are not numbers; they are kept as missing",
                hdu=label,
                column=value_name,
            )
        )
    return value, error, unit, "flux" if unit.startswith(("ph/", "erg")) else "rate"


def _half_widths(hdu: AnyHdu, names: dict[str, str], label: str, findings: list[Finding]) -> FloatArray:
    """XAX_E is half a bin, TIMEDEL a whole one (column before keyword); in days unless a unit says seconds."""
    for name, factor in (("XAX_E", 1.0), ("TIMEDEL", 0.5)):
        if name in names:
            unit = headers.vounit(hdu.columns[names[name]].unit) or headers.vounit(headers.text(hdu.header, "TIMEUNIT"))
            width = column(hdu, names[name], label) * factor * (1.0 / SECONDS_PER_DAY if unit == "s" else 1.0)
            wrong = np.flatnonzero(width <= 0)
            if len(wrong):
                message = f"{len(wrong)} bins have no positive width; their width counts as unknown"
                findings.append(
                    Finding(
                        "BIN-WIDTH",
                        "warning",
                        message,
                        hdu=label,
                        column=name,
                        row=int(wrong[0]) + 1,
                        found=str(width[wrong[0]] / factor),
                        expected="> 0",
                    )
                )
                width = np.where(width > 0, width, np.nan)
            return width
    if "EXPOSURE" in names and headers.vounit(hdu.columns[names["EXPOSURE"]].unit) == "s":  # OMC
        return column(hdu, names["EXPOSURE"], label) / (2.0 * SECONDS_PER_DAY)
    delta = headers.number(hdu.header, "TIMEDEL")
    unit = headers.vounit(headers.text(hdu.header, "TIMEUNIT"))
    width = np.nan if delta is None or delta <= 0 else delta / 2.0 * (1.0 / SECONDS_PER_DAY if unit == "s" else 1.0)
    return np.full(len(hdu.data), width)


def _band(header: fits.Header, quantity: str, label: str, findings: list[Finding]) -> tuple[float | None, float | None]:
    if quantity == "magnitude":
        return V_BAND_KEV
    low, high = headers.number(header, "E_MIN"), headers.number(header, "E_MAX")
    if low is None or high is None:
        findings.append(
            Finding(
                "BAND-ABSENT",
                "warning",
                "the energy band is not stated",
                hdu=label,
                column="E_MIN, E_MAX",
                expected="keV",
            )
        )
        return None, None
    if not 0.0 < low < high:
        raise refuse(
            "BAND-WRONG",
            "the energy band is impossible",
            hdu=label,
            column="E_MIN, E_MAX",
            found=f"{low}, {high}",
            expected="0 < E_MIN < E_MAX (keV)",
        )
    return low, high


def _inputs(header: fits.Header) -> tuple[str, ...]:
    names: list[str] = []
    while (name := headers.text(header, f"IN_{len(names) + 1}")) is not None:
        names.append(name)
    return tuple(names)
