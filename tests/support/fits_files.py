"""Small INTEGRAL-like FITS files made in code, right unless told otherwise."""

from pathlib import Path

import numpy as np
from astropy.io import fits

OGIP_KEYWORDS = {
    "TELESCOP": "INTEGRAL",
    "HDUVERS": "1.2.1",
    "FILTER": "none",
    "AREASCAL": 1.0,
    "BACKSCAL": 1.0,
    "CORRSCAL": 0.0,
    "BACKFILE": "NONE",
    "CORRFILE": "NONE",
    "CHANTYPE": "PI",
    "POISSERR": False,
}
IJD_KEYWORDS = {"MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d", "TIMEREF": "LOCAL"}


def write(path: Path, *hdus, checksum: bool = True) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, checksum=checksum)
    return path


def table(name: str, columns: dict, **keywords) -> fits.BinTableHDU:
    """Columns: name -> (format, unit, values)."""
    made = [fits.Column(key, form, unit=unit, array=values) for key, (form, unit, values) in columns.items()]
    hdu = fits.BinTableHDU.from_columns(made, name=name)
    hdu.header.update(keywords)
    return hdu


def series_hdu(
    name: str = "TIMESERIES", *, rows: int = 5, time_format: str = "D", rate_unit: str | None = "count/s", **keywords
):
    time = 3000.0 + np.arange(rows) * 0.5
    columns = {
        "TIME": (time_format, "d", time),
        "TIMEDEL": ("D", "d", np.full(rows, 0.02)),
        "RATE": ("E", rate_unit, np.linspace(1, 2, rows)),
        "ERROR": ("E", rate_unit, np.full(rows, 0.1)),
    }
    header = {
        **IJD_KEYWORDS,
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "E_MIN": 20.0,
        "E_MAX": 40.0,
        "NAME": "Crab",
        "RA_OBJ": 83.633,
        "DEC_OBJ": 22.0145,
        "RADECSYS": "FK5",
        "EQUINOX": 2000.0,
        "TSTART": 3000.0,
        "TSTOP": 3003.0,
        "TELESCOP": "INTEGRAL",
        **dict.fromkeys(("BACKAPP", "DEADAPP", "VIGNAPP"), True),
    }
    return table(name, columns, **{**header, **keywords})


def spectrum_hdu(*, channels: int = 4, rate_unit: str | None = "count/s", **keywords):
    columns = {
        "CHANNEL": ("I", None, np.arange(channels)),
        "RATE": ("E", rate_unit, np.linspace(4, 1, channels)),
        "STAT_ERR": ("E", rate_unit, np.full(channels, 0.1)),
        "QUALITY": ("I", None, np.zeros(channels)),
    }
    header = {
        **IJD_KEYWORDS,
        **OGIP_KEYWORDS,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "SPECTRUM",
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        "EXPOSURE": 1000.0,
        "TSTART": 3000.0,
        "TSTOP": 3001.0,
        "DETCHANS": channels,
        "RESPFILE": "./rmf.fits",
        "ANCRFILE": "./arf.fits",
        "NAME": "Crab",
        "RA_OBJ": 83.633,
        "DEC_OBJ": 22.0145,
        "RADECSYS": "FK5",
        "EQUINOX": 2000.0,
    }
    return table("ISGR-EVTS-SPE", columns, **{**header, **keywords})


def arf_hdu(*, rows: int = 3, unit: str | None = "cm**2", area: float = 10.0):
    low = 20.0 + np.arange(rows) * 10
    columns = {
        "ENERG_LO": ("E", "keV", low),
        "ENERG_HI": ("E", "keV", low + 10),
        "SPECRESP": ("E", unit, np.full(rows, area)),
    }
    return table("SPECRESP", columns, HDUCLASS="OGIP", HDUCLAS1="RESPONSE", HDUCLAS2="SPECRESP")


def rmf_hdus(*, rows: int = 3, channels: int = 4, variable: bool = True):
    """Diagonal-like response: row i redistributes into channels i and i + 1, half each."""
    low = 20.0 + np.arange(rows) * 10
    if variable:
        values = np.empty(rows, dtype=object)
        values[:] = [np.array([0.5, 0.5], dtype=np.float32)] * rows
        matrix = fits.Column("MATRIX", "PE(2)", array=values)
    else:
        matrix = fits.Column("MATRIX", "2E", array=np.full((rows, 2), 0.5, dtype=np.float32))
    columns = [
        fits.Column("ENERG_LO", "E", unit="keV", array=low),
        fits.Column("ENERG_HI", "E", unit="keV", array=low + 10),
        fits.Column("N_GRP", "I", array=np.ones(rows)),
        fits.Column("F_CHAN", "I", array=np.arange(rows)),
        fits.Column("N_CHAN", "I", array=np.full(rows, 2)),
        matrix,
    ]
    response = fits.BinTableHDU.from_columns(columns, name="SPECRESP MATRIX")
    response.header.update({"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "RSP_MATRIX", "TLMIN4": 0})
    edges = 20.0 + np.arange(channels) * 10
    bounds = {
        "CHANNEL": ("I", None, np.arange(channels)),
        "E_MIN": ("E", "keV", edges),
        "E_MAX": ("E", "keV", edges + 10),
    }
    return response, table("EBOUNDS", bounds, HDUCLASS="OGIP", HDUCLAS1="RESPONSE", HDUCLAS2="EBOUNDS")


def image_header(*, pc: bool = False, angle_deg: float = 0.0, **keywords) -> dict:
    scale, cosine, sine = 0.1, np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    matrix = {"1_1": -scale * cosine, "1_2": scale * sine, "2_1": scale * sine, "2_2": scale * cosine}
    made = {f"{'PC' if pc else 'CD'}{key}": value for key, value in matrix.items()}
    if pc:
        made |= {"CDELT1": 1.0, "CDELT2": 1.0}
    return {
        **IJD_KEYWORDS,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRPIX1": 11.0,
        "CRPIX2": 11.0,
        "CRVAL1": 83.633,
        "CRVAL2": 22.0145,
        **made,
        "RADECSYS": "FK5",
        "EQUINOX": 2000.0,
        "TSTART": 3000.0,
        "TSTOP": 3001.0,
        "E_MIN": 20.0,
        "E_MAX": 40.0,
        "INSTRUME": "IBIS",
        "DETNAM": "ISGRI",
        **keywords,
    }


def mosaic_hdus(*, outside: float = 0.0, size: int = 21, header: dict | None = None, units: dict | None = None):
    """Four planes with a source of 5 ct/s, variance 0.25, in the middle; the rim is outside the field."""
    planes = {
        "INTENSITY": ("counts/sec", 0.0, 5.0),
        "VARIANCE": ("(counts/sec)**2", 0.25, 0.25),
        "SIGNIFICANCE": ("no units", 0.0, 10.0),
        "EXPOSURE": ("sec", 1000.0, 1000.0),
    }
    hdus = []
    for kind, (unit, value, peak) in planes.items():
        pixels = np.full((size, size), value, dtype=np.float32)
        pixels[size // 2, size // 2] = peak
        pixels[0, :] = pixels[:, 0] = outside
        hdu = fits.ImageHDU(pixels, name="ISGR-MOSA-IMA")
        hdu.header.update({**image_header(), **(header or {}), "IMATYPE": kind, "BUNIT": (units or {}).get(kind, unit)})
        hdus.append(hdu)
    return hdus
