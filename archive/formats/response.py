"""Responses of spectra: redistribution matrix (RMF) and effective area (ARF), under OGIP's names and under OSA's.

Reference: CAL/GEN/92-002.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, open_fits
from archive.formats.findings import Finding, refuse
from archive.formats.timeseries import column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CM2_PER_UNIT = {"cm**2": 1.0, "dm**2": 100.0, "": 1.0}


@dataclass(frozen=True, slots=True)
class Response:
    """A redistribution matrix: `matrix` is (n_energy, n_channel), dimensionless (or cm2 when it includes the area)."""

    energy_low_kev: FloatArray
    energy_high_kev: FloatArray
    matrix: NDArray[np.float32]
    channel: IntArray
    channel_min_kev: FloatArray
    channel_max_kev: FloatArray
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EffectiveArea:
    """An ARF: area in cm2 on an energy grid in keV."""

    energy_low_kev: FloatArray
    energy_high_kev: FloatArray
    area_cm2: FloatArray
    findings: tuple[Finding, ...]


def _class_of(hdu: AnyHdu) -> str:
    """Return SPECTRUM, RSP_MATRIX, EBOUNDS, SPECRESP or '' by HDUCLASn, else by name (OGIP or OSA)."""
    if not isinstance(hdu, fits.BinTableHDU):
        return ""
    first, second = headers.text(hdu.header, "HDUCLAS1") or "", headers.text(hdu.header, "HDUCLAS2") or ""
    if first == "SPECTRUM":
        return "SPECTRUM"
    if first == "RESPONSE" and second in {"RSP_MATRIX", "EBOUNDS", "SPECRESP"}:
        return second
    name = hdu.name.upper()
    if name == "SPECTRUM" or name.endswith("-SPE"):
        return "SPECTRUM"
    if name in {"MATRIX", "SPECRESP MATRIX"} or name.endswith("RMF.-RSP"):
        return "RSP_MATRIX"
    if name == "EBOUNDS" or "-EBDS-" in name:
        return "EBOUNDS"
    return "SPECRESP" if name == "SPECRESP" or name.endswith("ARF.-RSP") else ""


def find_hdu(file: FitsFile, wanted: str) -> int | None:
    """Return the index of the first HDU of a class (SPECTRUM, RSP_MATRIX, EBOUNDS, SPECRESP), or None."""
    return next(iter(find_hdus(file, wanted)), None)


def find_hdus(file: FitsFile, wanted: str) -> list[int]:
    """Return the indices of all HDUs of a class."""
    return [index for index, hdu in enumerate(file.hdus) if _class_of(hdu) == wanted]


def require_hdu(file: FitsFile, wanted: str, rule: str) -> int:
    """Return the index of the first HDU of a class; FormatError `rule` when there is none."""
    index = find_hdu(file, wanted)
    if index is None:
        held = ", ".join(hdu.name or "PRIMARY" for hdu in file.hdus)
        raise refuse(
            rule, f"no HDU is of class {wanted}", found=held, expected=f"HDUCLASn = {wanted} or its usual name"
        )
    return index


def read_columns(file: FitsFile, index: int, wanted: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return columns of an HDU as float64; FormatError when one is missing or is not one number per row."""
    hdu = file.hdus[index]
    names = {name.upper(): name for name in hdu.columns.names}
    for name in wanted:
        if name not in names:
            raise refuse(
                "COLUMN-MISSING",
                f"column {name} is missing",
                hdu=file.label(index),
                column=name,
                found=", ".join(names),
                expected=name,
            )
    return {name: column(hdu, names[name], file.label(index)) for name in wanted}


def read_channel_bounds(path: Path) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return channel, E_MIN and E_MAX (keV) of the EBOUNDS table of a response.

    Raises
    ------
    FormatError
        ``RESPONSE-NONE`` when there is none, ``EBOUNDS`` when the energies do not rise.
    """
    with open_fits(path) as file:
        return bounds_in(file)


def bounds_in(file: FitsFile) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return channel, E_MIN and E_MAX (keV) of an open file; raises as `read_channel_bounds`."""
    index = require_hdu(file, "EBOUNDS", "RESPONSE-NONE")
    data = read_columns(file, index, ("CHANNEL", "E_MIN", "E_MAX"))
    low, high = data["E_MIN"], data["E_MAX"]
    wrong = np.flatnonzero(~((low >= 0) & (high > low)) | np.append(False, np.diff(low) <= 0))
    if len(wrong):
        row = int(wrong[0])
        raise refuse(
            "EBOUNDS",
            "channel energies do not rise",
            hdu=file.label(index),
            row=row + 1,
            column="E_MIN",
            found=f"{low[row]} to {high[row]}",
            expected="0 <= E_MIN < E_MAX (keV)",
        )
    return data["CHANNEL"].astype(np.int64), low, high


def read_effective_area(path: Path) -> EffectiveArea:
    """Read an ARF; dm2 become cm2.

    Raises
    ------
    FormatError
        ``ARF-NONE``, ``UNIT-WRONG``, ``ENERGY-GRID`` or ``AREA-NEGATIVE``.
    """
    with open_fits(path) as file:
        return effective_area_in(file)


def effective_area_in(file: FitsFile) -> EffectiveArea:
    """Read the ARF of an open file; raises as `read_effective_area`."""
    index = require_hdu(file, "SPECRESP", "ARF-NONE")
    data = read_columns(file, index, ("ENERG_LO", "ENERG_HI", "SPECRESP"))
    label = file.label(index)
    spelling = str(file.hdus[index].columns["SPECRESP"].unit or "")
    unit = headers.vounit(spelling)
    factor = None if unit is None else _CM2_PER_UNIT.get(unit)
    if factor is None:
        raise refuse(
            "UNIT-WRONG",
            "the unit of the effective area is not an area",
            hdu=label,
            column="SPECRESP",
            found=repr(spelling),
            expected="cm**2",
        )
    findings = (
        (
            Finding(
                "UNIT-ABSENT",
                "info",
                "the area has no unit; cm2 is assumed (CAL/GEN/92-002)",
                hdu=label,
                column="SPECRESP",
            ),
        )
        if not spelling
        else ()
    )
    _check_grid(data["ENERG_LO"], data["ENERG_HI"], label)
    if (data["SPECRESP"] < 0).any():
        row = int(np.flatnonzero(data["SPECRESP"] < 0)[0])
        raise refuse(
            "AREA-NEGATIVE",
            "an effective area is negative",
            hdu=label,
            row=row + 1,
            column="SPECRESP",
            found=str(data["SPECRESP"][row]),
            expected=">= 0 cm2",
        )
    return EffectiveArea(data["ENERG_LO"], data["ENERG_HI"], data["SPECRESP"] * factor, findings)


def _check_grid(low: FloatArray, high: FloatArray, label: str) -> None:
    wrong = np.flatnonzero(~(high > low) | np.append(False, np.diff(low) <= 0))
    if len(wrong):
        row = int(wrong[0])
        raise refuse(
            "ENERGY-GRID",
            "the energy grid does not rise",
            hdu=label,
            row=row + 1,
            column="ENERG_LO",
            found=f"{low[row]} to {high[row]}",
            expected="ENERG_LO < ENERG_HI, rising (keV)",
        )


def read_response(path: Path) -> Response:
    """Read an RMF with fixed or variable-length rows into a full matrix.

    Raises
    ------
    FormatError
        ``RESPONSE-NONE``, ``ENERGY-GRID``, ``EBOUNDS`` or ``RMF-GROUPS`` (N_GRP, F_CHAN, N_CHAN disagree).
    """
    with open_fits(path) as file:
        return response_in(file)


def response_in(file: FitsFile) -> Response:
    """Read the RMF of an open file; raises as `read_response`."""
    index = require_hdu(file, "RSP_MATRIX", "RESPONSE-NONE")
    channel, channel_low, channel_high = bounds_in(file)
    hdu, label = file.hdus[index], file.label(index)
    data = read_columns(file, index, ("ENERG_LO", "ENERG_HI", "N_GRP"))
    _check_grid(data["ENERG_LO"], data["ENERG_HI"], label)
    findings: list[Finding] = []
    first = _first_channel(hdu, channel, label, findings)
    groups, starts, lengths, values = (hdu.data[name] for name in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX"))
    matrix = np.zeros((len(hdu.data), len(channel)), np.float32)
    for row in range(len(matrix)):
        at = 0
        row_starts, row_lengths, row_values = (
            np.atleast_1d(starts[row]),
            np.atleast_1d(lengths[row]),
            np.atleast_1d(values[row]),
        )
        for group in range(int(groups[row])):
            if group >= len(row_starts) or group >= len(row_lengths):
                raise refuse(
                    "RMF-GROUPS",
                    "N_GRP is larger than the lists of groups",
                    hdu=label,
                    row=row + 1,
                    column="N_GRP",
                    found=str(groups[row]),
                    expected=str(len(row_starts)),
                )
            begin, count = int(row_starts[group]) - first, int(row_lengths[group])
            if begin < 0 or count < 0 or begin + count > len(channel) or at + count > len(row_values):
                found = f"F_CHAN {int(row_starts[group])}, N_CHAN {count}, {len(row_values)} values"
                raise refuse(
                    "RMF-GROUPS",
                    "a group of the response leaves the channels",
                    hdu=label,
                    row=row + 1,
                    column="F_CHAN",
                    found=found,
                    expected=f"{len(channel)} channels from {first}",
                )
            matrix[row, begin : begin + count] = row_values[at : at + count]
            at += count
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise refuse(
            "RMF-VALUES",
            "the response holds values that are not numbers",
            hdu=label,
            column="MATRIX",
            row=row + 1,
            expected="numbers >= 0",
        )
    if negative := int((matrix < 0).sum()):
        findings.append(
            Finding(
                "RMF-NEGATIVE",
                "warning",
                f"{negative} elements of the response are negative",
                hdu=label,
                column="MATRIX",
                found=f"down to {matrix.min():.3g}",
                expected=">= 0",
            )
        )
    peak = float(matrix.sum(axis=1).max(initial=0.0))
    if peak > 1.001:
        findings.append(
            Finding(
                "RMF-NORM",
                "info",
                "rows sum to more than 1: the matrix includes an efficiency or area",
                hdu=label,
                column="MATRIX",
                found=f"{peak:.3g}",
                expected="<= 1",
            )
        )
    return Response(data["ENERG_LO"], data["ENERG_HI"], matrix, channel, channel_low, channel_high, tuple(findings))


def _first_channel(hdu: AnyHdu, channel: IntArray, label: str, findings: list[Finding]) -> int:
    """Return the first channel as F_CHAN counts: TLMIN of F_CHAN, else that of EBOUNDS, else 1 (CAL/GEN/92-002a)."""
    position = [name.upper() for name in hdu.columns.names].index("F_CHAN") + 1
    declared = headers.number(hdu.header, f"TLMIN{position}")
    if declared is not None:
        return int(declared)
    first = int(channel[0]) if len(channel) else 0
    ends = [
        int(np.max(np.atleast_1d(start)[:1] + np.atleast_1d(count)[:1], initial=0))
        for start, count in zip(hdu.data["F_CHAN"], hdu.data["N_CHAN"], strict=True)
    ]
    if first != 0 or max(ends, default=0) <= len(channel):
        return first
    findings.append(
        Finding(
            "RMF-FIRST-CHANNEL",
            "warning",
            "F_CHAN has no TLMIN and leaves channels that count from 0; they were taken to count from 1",
            hdu=label,
            column="F_CHAN",
            found=f"channels up to {max(ends) - 1}, {len(channel)} in EBOUNDS from 0",
            expected=f"TLMIN{position}",
        )
    )
    return 1
