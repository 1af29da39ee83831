"""FITS files that come out the same, byte for byte, whenever they are written, and say that they are simulated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import ArrayLike

from ingestion.simulation.options import SIMULATION_VERSION

Keyword = str | int | float | bool | None

FIXED_DATE = "2025-03-01T00:00:00"
"""DATE of every simulated file: a real time of writing would change the checksums."""

_NOTICE = (
    "SIMULATED DATA. Made by archipelago simulate; not measured by INTEGRAL.",
    "Names, positions and classes of known sources are real; rates, fluxes,",
    "magnitudes, spectra, pointings and identifiers are not.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a binary table: name, TFORM, values (n, ...), unit, UCD and a comment of at most 60 characters."""

    name: str
    form: str
    values: ArrayLike
    unit: str = ""
    ucd: str = ""
    comment: str = ""


def make_table(extname: str, columns: Sequence[Column], keywords: Mapping[str, Keyword]) -> fits.BinTableHDU:
    """Make a binary table; all columns have the same number of rows.

    Raises
    ------
    ValueError
        If text does not fit its column: nothing is cut silently.
    """
    fields = [fits.Column(column.name, column.form, column.unit or None, array=_array(column)) for column in columns]
    table = fits.BinTableHDU.from_columns(fits.ColDefs(fields), name=extname)
    for at, column in enumerate(columns, start=1):
        for key, text in (("TCOMM", column.comment), ("TUCD", column.ucd)):
            if text:
                table.header[f"{key}{at}"] = text
    set_keywords(table.header, keywords)
    return table


def make_image(extname: str, pixels: np.ndarray, keywords: Mapping[str, Keyword]) -> fits.ImageHDU:
    """Make an image extension of float32."""
    image = fits.ImageHDU(pixels.astype(np.float32), name=extname)
    set_keywords(image.header, keywords)
    return image


def set_keywords(header: fits.Header, keywords: Mapping[str, Keyword]) -> None:
    """Set header keywords; None is left out."""
    for key, value in keywords.items():
        if value is not None:
            header[key] = value


def time_keywords(tstart: float | None = None, tstop: float | None = None) -> dict[str, Keyword]:
    """Keywords of INTEGRAL's time: IJD, days, TT; with the bounds of the data when given."""
    return {
        "MJDREF": 51544.0,
        "TIMESYS": "TT",
        "TIMEUNIT": "d",
        "TIMEREF": "LOCAL",
        "TSTART": tstart,
        "TSTOP": tstop,
    }


SKY_KEYWORDS: Mapping[str, Keyword] = {"RADESYS": "ICRS", "EQUINOX": 2000.0}


def write_fits(path: Path, hdus: Sequence[fits.BinTableHDU | fits.ImageHDU]) -> None:
    """Write extensions behind an empty primary HDU, with the common keywords and checksums in every HDU.

    Raises
    ------
    OSError
        If there is such a file already, or it cannot be written.
    """
    primary = fits.PrimaryHDU()
    for line in _NOTICE:
        primary.header["HISTORY"] = line
    for hdu in (primary, *hdus):
        set_keywords(
            hdu.header,
            {
                "TELESCOP": "INTEGRAL",
                "ORIGIN": "SIMULATION",
                "CREATOR": f"archipelago simulate {SIMULATION_VERSION}",
                "DATE": FIXED_DATE,
                "SIMULATD": True,
            },
        )
        hdu.add_checksum(when=FIXED_DATE)
    fits.HDUList([primary, *hdus]).writeto(path, output_verify="exception")


def _array(column: Column) -> np.ndarray:
    values = np.asarray(column.values)
    if not column.form.endswith("A"):
        return values
    width = int(column.form[:-1])
    text = np.char.encode(values.astype(str), "ascii")
    if len(text) and np.char.str_len(text).max() > width:
        longest = text[np.char.str_len(text).argmax()].decode()
        raise ValueError(f"column {column.name} is {width} characters wide, too narrow for {longest!r}")
    return text.astype(f"S{width}")
