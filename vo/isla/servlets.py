"""What ISLA's servlets answer beside TAP: facts about a source, timelines, lists of spectra, mosaics and series."""

import math
from collections.abc import Mapping
from urllib.parse import quote

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from archive.api.points import read_product_series, read_product_spectrum
from archive.errors import NotFoundError
from archive.healpix import unit_vector
from archive.models import Product, ReferenceCatalogueEntry, Revolution, ScienceWindow, Source, SourceName
from archive.selectors import current_rows, resolve_name, separation_deg, within_cone
from archive.times import mjd_utc_from_mjd_tt, utc_iso_from_mjd_tt
from archive.website.frames import in_all_frames
from vo.isla.coding import coded_fraction
from vo.isla.retrieval import find_mosaics, find_series, find_spectra

FloatArray = NDArray[np.float64]
Json = dict[str, object]

SOURCE_NOT_FOUND = "Source not found in the database"
NO_SCIENCE_WINDOWS = "None science windows have been selected"
_UNIX_EPOCH_MJD = 40587.0
_WINDOW_COLUMNS = (
    "tstart_mjd_tt", "tstop_mjd_tt", "good_isgri_s", "elapsed_s", "revolution", "separation_chord2",
    "ra", "dec", "ra_z", "dec_z",
)  # fmt: skip
_FLAGS = (("Isgri flag", "isgri_flag"), ("Isgri flag2", "isgri_flag2"), ("Jemx flag", "jemx_flag"),
          ("Spi flag", "spi_flag"), ("Picsit flag", "picsit_flag"))  # fmt: skip
_FLAG_WORDS = {("isgri_flag2", 5): "very bright source"}


def describe_source(name: str) -> list[Json]:
    """Return what the archive knows of a source, in the blocks of ISLA's source page.

    Raises
    ------
    NotFoundError
        With ISLA's phrase, if no source has the name.
    UsageError
        If several sources share it.
    """
    try:
        source = resolve_name(name)
    except NotFoundError as error:
        raise NotFoundError(f"{SOURCE_NOT_FOUND}: {error}") from error
    link = f"https://simbad.cds.unistra.fr/simbad/sim-id?Ident={quote(source.name)}"
    return [
        {"name": "Integral", "link": None, "metadata": _rows(_source_facts(source))},
        {"name": "Simbad", "link": link, "metadata": None},
        {"name": "Publications", "link": None, "metadata": None},
    ]


def _rows(facts: Mapping[str, str]) -> Json:
    rows = [{"description": key, "value": value} for key, value in facts.items()]
    return {"columns": ["description", "value"], "rows": rows}


def _source_facts(source: Source) -> dict[str, str]:
    icrs, _, galactic, _ = in_all_frames(source.ra, source.dec)
    facts = {"Name": source.name, "Id": source.source_id}
    facts["Coordinates degrees"] = f"{source.ra:.4f} {source.dec:.4f}"
    facts["Coordinates"] = icrs.sexagesimal
    facts["Galactic"] = galactic.degrees
    entry = (
        current_rows(ReferenceCatalogueEntry)
        .filter(source_id=source.source_id)
        .order_by("simulated", "-catalogue_version")
        .first()
    )
    for label, column in _FLAGS:
        value = getattr(entry, column, None)
        if value is not None:
            facts[label] = _FLAG_WORDS.get((column, value)) or {0: "not detected", 1: "detected"}.get(value, str(value))
    others = current_rows(SourceName).filter(source_id=source.source_id, is_main=False).order_by("name")
    if names := [other.name for other in others]:
        facts["Other names"] = ", ".join(names)
    if source.simulated:
        facts["Note"] = "simulated, not measured by INTEGRAL"
    return facts


def find_timeline(ra: float, dec: float, radius_deg: float) -> Json:
    """Return the pointings around a position (ICRS, deg), earliest first.

    ``fraFC`` is the part of their exposure during which the position was fully coded, ``totEffExpo`` the exposure (s)
    weighted with the coded fraction of IBIS.

    Raises
    ------
    NotFoundError
        With ISLA's phrase, if there is none.
    UsageError
        If the position or radius is outside its range.
    """
    pointings = current_rows(ScienceWindow).filter(kind="pointing", x__isnull=False)
    near = within_cone(pointings, ra, dec, radius_deg).order_by("tstart_mjd_tt")
    rows = list(near.values_list(*_WINDOW_COLUMNS))
    if not rows:
        raise NotFoundError(f"{NO_SCIENCE_WINDOWS}: no pointing within {radius_deg:g} deg of {ra:g} {dec:g}")
    start, stop, good, elapsed, revolution, chord2, *axes = (
        np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)
    )
    exposure = np.where(np.isnan(good), np.where(np.isnan(elapsed), (stop - start) * 86400.0, elapsed), good)
    x_ra, x_dec, z_ra, z_dec = axes
    fraction = coded_fraction(
        np.array(unit_vector(ra, dec)),
        np.stack(unit_vector(x_ra, x_dec), axis=-1),
        np.stack(unit_vector(z_ra, z_dec), axis=-1),
    )
    total = float(exposure.sum())
    return {
        "totalItems": len(rows),
        "data": {
            "fraFC": float(exposure[fraction >= 1.0].sum() / total) if total > 0 else 0.0,
            "totEffExpo": float((exposure * fraction).sum()),
            "scwExpo": exposure.tolist(),
            "scwRevs": _fractional_revolutions(revolution, start).tolist(),
            "scwTimes": np.rint((mjd_utc_from_mjd_tt(start) - _UNIX_EPOCH_MJD) * 86_400_000.0)
            .astype(np.int64)
            .tolist(),
            "scwOffAxis": [separation_deg(value) for value in chord2],
        },
    }


def _fractional_revolutions(revolution: FloatArray, time_mjd_tt: FloatArray) -> FloatArray:
    """Add to each revolution the part of the orbit that had passed; nothing where its perigees are not known."""
    limits = current_rows(Revolution).filter(tstart_mjd_tt__isnull=False, tstop_mjd_tt__isnull=False)
    known = {row[0]: row[1:] for row in limits.values_list("revolution", "tstart_mjd_tt", "tstop_mjd_tt")}
    passed = [
        (time - known[number][0]) / (known[number][1] - known[number][0]) if number in known else 0.0
        for number, time in zip(revolution.tolist(), time_mjd_tt.tolist(), strict=True)
    ]
    return revolution + np.clip(passed, 0.0, 0.999999)


def list_spectra(source: str, instrument_oid: int, epoch: str) -> list[Json]:
    """Return the spectra of a source in an epoch, with their points (keV, ct/s/keV)."""
    return [_spectrum(product) for product in find_spectra(source, instrument_oid, epoch)]


def _spectrum(product: Product) -> Json:
    spectrum = read_product_spectrum(product)
    width = spectrum.energy_max_kev - spectrum.energy_min_kev
    width = np.where(width > 0, width, np.nan)
    return {
        "spectraOid": product.pk,
        "fileName": f"{product.product_id}.fits",
        "detector": product.instrument.upper(),
        "metadata": {},
        "dateStart": _utc(product.tstart_mjd_tt),
        "dateStop": _utc(product.tstop_mjd_tt),
        "energy": _numbers((spectrum.energy_min_kev + spectrum.energy_max_kev) / 2.0),
        "energyError": _numbers(width / 2.0),
        "rate": _numbers(spectrum.rate / width),
        "rateError": _numbers(spectrum.error / width),
    }


def list_mosaics(band_oid: int, epoch: str) -> list[Json]:
    """Return the mosaics of an epoch in a band, `width` and `height` in pixels as NAXIS1 and NAXIS2."""
    return [
        {
            "mosaicOid": product.pk,
            "fileName": f"{product.product_id}.fits",
            "detector": product.instrument.upper(),
            "width": shape[1] if shape else None,
            "height": shape[0] if shape else None,
        }
        for product in find_mosaics(band_oid, epoch)
        for shape in [product.metadata.get("shape_pixels")]
    ]


def read_series(products: QuerySet[Product] | list[Product]) -> Json:
    """Return light curves as lists, one for each detector and band, times in UTC."""
    detectors: list[str] = []
    times: list[list[str]] = []
    rates: list[list[float | None]] = []
    errors: list[list[float | None]] = []
    first: Product | None = None
    for product in products:
        first = first or product
        for series in read_product_series(product):
            detectors.append(product.instrument.upper())
            times.append([utc_iso_from_mjd_tt(time, precision=3) for time in series.time_mjd_tt.tolist()])
            rates.append(_numbers(series.rate))
            errors.append(_numbers(series.error))
    return {
        "sourceId": first.source_id if first else None,
        "aggregationValue": -1,
        "aggregationUnit": "raw",
        "detectors": detectors,
        "totalItems": sum(map(len, times)),
        "time": times,
        "rates": rates,
        "ratesError": errors,
    }


def list_series(kind: str, source: str, instrument_oid: int | None, band_oid: int | None, epoch: str) -> Json:
    """Return the series that the data endpoint would pack, as numbers.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return read_series(find_series(kind, source, instrument_oid, band_oid, epoch))


def _utc(mjd_tt: float | None) -> str | None:
    return None if mjd_tt is None else utc_iso_from_mjd_tt(mjd_tt).replace("T", " ")


def _numbers(values: FloatArray) -> list[float | None]:
    """Return finite numbers, None for the others: JSON has no NaN."""
    return [value if math.isfinite(value) else None for value in np.asarray(values, dtype=np.float64).tolist()]
