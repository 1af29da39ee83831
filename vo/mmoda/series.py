"""Light curves as `oda_api` takes them: OSA's names of tables and columns, times in IJD (TT), OGIP 93-003 keywords."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archive.api.points import read_product_series, rebin
from archive.errors import TooLargeError
from archive.formats import TimeSeries
from archive.models import Product
from archive.times import SECONDS_PER_DAY, ijd_from_mjd_tt
from vo.mmoda.encode import Json, numpy_product, primary_unit, table_unit
from vo.mmoda.find import band_note, overlap
from vo.mmoda.params import Query

FloatArray = NDArray[np.float64]

MOST_BINS = 200_000
MJDREF = 51544.0
INSTRUME = {"isgri": "IBIS", "jemx1": "JMX1", "jemx2": "JMX2", "jemx": "JMX1", "spi_acs": "SPI-ACS",
            "omc": "OMC", "irem": "IREM"}  # fmt: skip
_TABLE = {"isgri": "ISGR-SRC.-LCR", "jemx1": "JMX1-SRC.-LCR", "jemx2": "JMX2-SRC.-LCR", "jemx": "JMX1-SRC.-LCR",
          "spi_acs": "RATE", "omc": "OMC.-SRC.-LCR", "irem": "IREM-RATE"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bins:
    """Points of a light curve as sent: middle and half width (MJD TT, d), value, error, part of the bin observed."""

    time_mjd_tt: FloatArray
    half_width_d: FloatArray
    rate: FloatArray
    error: FloatArray
    fraction: FloatArray


def light_curves(product: Product, query: Query, src_name: str) -> tuple[list[Json], list[str]]:
    """Return the light curves of a product in the asked span, and what to tell the user.

    Raises
    ------
    TooLargeError
        If there are more bins than the client can read.
    """
    every = [cut(series, query) for series in read_product_series(product)]
    scores = [overlap(series.energy_min_kev, series.energy_max_kev, query) for series in every]
    chosen = [series for series, score in zip(every, scores, strict=True) if score == max(scores)]
    kept = [series for series in chosen if len(series)]
    if (count := sum(map(len, kept))) > MOST_BINS and query.time_bin_s is None:
        raise TooLargeError(
            f"{product.product_id} has {count} bins in that span, more than {MOST_BINS}; "
            "choose T1 and T2, a time_bin, or download its FITS file"
        )
    notes = [note for series in kept for note in _notes(product, series, query)]
    return [_encode(product, series, query, src_name, number) for number, series in enumerate(kept)], notes


def cut(series: TimeSeries, query: Query) -> TimeSeries:
    """Keep the bins whose middle lies in the span that was asked."""
    low = -np.inf if query.tstart_mjd_tt is None else query.tstart_mjd_tt
    high = np.inf if query.tstop_mjd_tt is None else query.tstop_mjd_tt
    inside = (series.time_mjd_tt >= low) & (series.time_mjd_tt <= high)
    if inside.all():
        return series
    arrays = {name: getattr(series, name)[inside] for name in ("time_mjd_tt", "half_width_d", "rate", "error")}
    return replace(series, **arrays)


def make_bins(series: TimeSeries, time_bin_s: float | None) -> tuple[Bins, str]:
    """Average in bins of the asked width, unless the stored ones are wider; the text says what was not done."""
    half = series.half_width_d
    native = Bins(series.time_mjd_tt, half, series.rate, series.error, np.ones(len(series)))
    if time_bin_s is None:
        return native, ""
    width = time_bin_s / SECONDS_PER_DAY
    widest = 2.0 * float(np.nanmax(half)) if np.isfinite(half).any() else 0.0
    if width < widest * (1 - 1e-9):
        stored = f"{widest * SECONDS_PER_DAY:.6g} s"
        return native, f"Bins of {time_bin_s:g} s are narrower than the stored ones ({stored}), which are sent."
    time, rate, error, count = rebin(series, width)
    good = np.isfinite(series.rate) & np.isfinite(series.error) & (series.error > 0)
    _, place = np.unique(np.floor(series.time_mjd_tt[good] / width), return_inverse=True)
    covered = np.bincount(place, np.where(np.isfinite(half[good]), 2.0 * half[good], 0.0), minlength=len(count))
    fraction = np.where(covered > 0, np.clip(covered / width, 0.0, 1.0), 1.0)
    return Bins(time, np.full(len(time), width / 2.0), rate, error, fraction), ""


def _notes(product: Product, series: TimeSeries, query: Query) -> list[str]:
    notes = [make_bins(series, query.time_bin_s)[1]] if query.time_bin_s is not None else []
    notes.append(band_note(product.product_id, series.energy_min_kev, series.energy_max_kev, query))
    if series.quantity == "magnitude":
        notes.append(f"RATE of {product.product_id} holds magnitudes (Johnson V), not a rate.")
    if series.timeref != "LOCAL":
        notes.append(f"Times of {product.product_id}: TIMEREF {series.timeref}.")
    return [note for note in notes if note]


def _encode(product: Product, series: TimeSeries, query: Query, src_name: str, number: int) -> Json:
    bins, _ = make_bins(series, query.time_bin_s)
    acs = product.instrument == "spi_acs"
    zero = float(ijd_from_mjd_tt(bins.time_mjd_tt[0])) if acs else 0.0
    scale = SECONDS_PER_DAY if acs else 1.0
    time = (ijd_from_mjd_tt(bins.time_mjd_tt) - zero) * scale
    half = bins.half_width_d * scale
    width = float(2.0 * np.nanmedian(half)) if np.isfinite(half).any() else _step(time)
    unit = "s" if acs else "d"
    rate_unit = series.rate_unit.replace("ct", "count")
    columns = {
        "TIME": ("<f8", unit, time),
        "RATE": ("<f8", rate_unit, bins.rate),
        "ERROR": ("<f8", rate_unit, bins.error),
        "FRACEXP": ("<f8", "", bins.fraction),
        **({} if acs else {"XAX_E": ("<f8", unit, np.where(np.isfinite(half), half, width / 2.0))}),
    }
    header = {
        **_header(product, series, src_name),
        "EXTNAME": _TABLE[product.instrument],
        "TIMEUNIT": unit,
        "TIMEZERO": zero * SECONDS_PER_DAY if acs else None,
        "TIMEDEL": width,
        "TIMEPIXR": 0.5,
        "TSTART": float(time[0] - width / 2.0),
        "TSTOP": float(time[-1] + width / 2.0),
    }
    table = table_unit(_TABLE[product.instrument], columns, header)
    units = [primary_unit({"TELESCOP": "INTEGRAL", "INSTRUME": INSTRUME[product.instrument]})]
    if product.instrument.startswith("jemx"):
        units.append(_good_times(product, header))
    name = None if acs else query.product
    meta = {
        "src_name": "query" if acs else src_name,
        "time_bin": width / SECONDS_PER_DAY if acs else width,
        "time": "TIME",
        "rate": "RATE",
        "rate_err": "ERROR",
        "product_id": product.product_id,
        "series": number,
    }
    return numpy_product(name, meta, [*units, table])


def _step(time: FloatArray) -> float:
    return float(np.median(np.diff(time))) if len(time) > 1 else 1.0


def _header(product: Product, series: TimeSeries, src_name: str) -> dict[str, str | float | int | bool | None]:
    return {
        "TELESCOP": "INTEGRAL",
        "INSTRUME": INSTRUME[product.instrument],
        "DETNAM": product.instrument.upper(),
        "NAME": src_name,
        "OBJECT": src_name,
        "RA_OBJ": product.ra,
        "DEC_OBJ": product.dec,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "LIGHTCURVE",
        "HDUCLAS2": "NET",
        "HDUCLAS3": "RATE",
        "MJDREF": MJDREF,
        "TIMESYS": "TT",
        "TIMEREF": series.timeref if series.timeref in {"LOCAL", "SOLARSYSTEM"} else None,
        "E_MIN": series.energy_min_kev,
        "E_MAX": series.energy_max_kev,
        "EXPOSURE": series.exposure_s if series.exposure_s is not None else product.exposure_s,
        "PRODID": product.product_id,
        "SIMULATD": product.simulated,
    }


def _good_times(product: Product, header: dict[str, str | float | int | bool | None]) -> Json:
    """Return the span as a table: `oda_api` takes the light curve of JEM-X from the unit after it."""
    start, stop = (np.array([header[name]], dtype=np.float64) for name in ("TSTART", "TSTOP"))
    columns = {"START": ("<f8", "d", start), "STOP": ("<f8", "d", stop)}
    return table_unit(f"{INSTRUME[product.instrument]}-GNRL-GTI", columns, {**header, "EXTNAME": "GTI"})
