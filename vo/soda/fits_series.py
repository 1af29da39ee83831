"""Cut light curves as FITS: a table for each band with the keywords of OGIP 93-003, as OSA and ISLA write them."""

import io
from collections.abc import Sequence

import numpy as np
from astropy.io import fits

from archive.formats import TimeSeries
from archive.models import Product

MJDREF = 51544.0
"""Zero of the mission's own days (IJD), MJD in TT."""

_SPELLING = {"ct/s": "count/s", "ct/cm**2/s": "count/cm2/s", "ph/cm**2/s": "ph/cm2/s"}
_DETECTORS = {"isgri": ("IBIS", "ISGRI"), "picsit": ("IBIS", "PICSIT"), "jemx1": ("JMX1", ""), "jemx2": ("JMX2", "")}


def write_series_fits(product: Product, curves: Sequence[TimeSeries], history: Sequence[str]) -> bytes:
    """Return a FITS file of light curves, which this archive reads back as they are.

    Parameters
    ----------
    curves
        At least one; see `archive.formats.read_time_series` for their units and frames.
    history
        Lines of where they come from.
    """
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "INTEGRAL"
    if product.simulated:
        primary.header["SIMULATD"] = (True, "these data are simulated, not measured")
    for line in history:
        primary.header["HISTORY"] = line
    tables = [_table(product, curve, number) for number, curve in enumerate(curves, start=1)]
    content = io.BytesIO()
    fits.HDUList([primary, *tables]).writeto(content, checksum=True)
    return content.getvalue()


def _table(product: Product, curve: TimeSeries, number: int) -> fits.BinTableHDU:
    unit = _SPELLING.get(curve.rate_unit, curve.rate_unit) or None
    names = {"magnitude": ("MAG", "ERRMAG"), "flux": ("FLUX", "FLUX_ERR")}.get(curve.quantity, ("RATE", "ERROR"))
    columns = [
        fits.Column("TIME", "D", unit="d", array=curve.time_mjd_tt - MJDREF),
        fits.Column("TIMEDEL", "D", unit="d", array=2.0 * curve.half_width_d),
        fits.Column(names[0], "D", unit=unit, array=curve.rate),
        fits.Column(names[1], "D", unit=unit, array=curve.error),
    ]
    if curve.problems is not None:
        columns.append(fits.Column("PROBLEMS", "K", array=curve.problems))
    table = fits.BinTableHDU.from_columns(columns, name="TIMESERIES", ver=number)
    if curve.problems is not None and curve.problems_meaning:
        table.header[f"TCOMM{len(columns)}"] = curve.problems_meaning
    width = np.nan_to_num(curve.half_width_d)
    telescope, detector = _DETECTORS.get(product.instrument, (product.instrument.upper(), ""))
    facts: dict[str, object] = {
        "TELESCOP": "INTEGRAL",
        "INSTRUME": telescope,
        "DETNAM": detector or None,
        "MJDREF": MJDREF,
        "TIMESYS": "TT",
        "TIMEUNIT": "d",
        "TIMEREF": None if curve.timeref == "UNKNOWN" else curve.timeref,
        "TIMEPIXR": 0.5,
        "TSTART": float((curve.time_mjd_tt - width).min()) - MJDREF,
        "TSTOP": float((curve.time_mjd_tt + width).max()) - MJDREF,
        "E_MIN": curve.energy_min_kev,
        "E_MAX": curve.energy_max_kev,
        "OBJECT": curve.source_name or product.target_name or None,
        "RA_OBJ": curve.ra,
        "DEC_OBJ": curve.dec,
        "RADESYS": "ICRS",
        "REVOL": curve.revolution,
        "SWID": curve.scw_id,
        "SIMULATD": True if product.simulated else None,
    }
    table.header.update({name: value for name, value in facts.items() if value is not None})
    return table
