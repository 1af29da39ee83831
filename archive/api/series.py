"""JSON of light curves and spectra; units stand beside every array, null is a missing value."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from archive.api.points import rebin, series_label, spectrum_table, unfolded_table
from archive.formats import Finding, Spectrum, TimeSeries
from archive.models import Product
from archive.unfolding import Unfolded


def numbers(values: NDArray[np.generic]) -> list[float | None]:
    """Return an array as JSON numbers, null where it is not finite."""
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    return array.tolist() if finite.all() else [v if ok else None for v, ok in zip(array.tolist(), finite, strict=True)]


def light_curve_document(product: Product, curves: tuple[TimeSeries, ...], bin_d: float | None) -> Mapping[str, object]:
    """Compose the document of a light-curve product; `bin_d` (days) averages the points."""
    return {
        **_about(product),
        "time_scale": "TT",
        "time_origin": "MJD; IJD = MJD - 51544",
        "bin_d": bin_d,
        "units": {"time_mjd_tt": "d", "half_width_d": "d", "error": "that of the value", "energy_min_kev": "keV"},
        "curves": [_curve(curve, bin_d) for curve in curves],
    }


def _curve(curve: TimeSeries, bin_d: float | None) -> Mapping[str, object]:
    facts = {
        "label": series_label(curve),
        "instrument": curve.instrument,
        "energy_min_kev": curve.energy_min_kev,
        "energy_max_kev": curve.energy_max_kev,
        "quantity": curve.quantity,
        "unit": curve.rate_unit,
        "time_reference": curve.timeref,
        "time_resolution_s": curve.time_resolution_s,
        "remarks": _remarks(curve.findings),
    }
    if bin_d is not None:
        time, value, error, count = rebin(curve, bin_d)
        half = np.full(len(time), bin_d / 2.0)
        return {
            **facts,
            "points": count.tolist(),
            "time_mjd_tt": numbers(time),
            "half_width_d": numbers(half),
            "value": numbers(value),
            "error": numbers(error),
        }
    return {
        **facts,
        "time_mjd_tt": numbers(curve.time_mjd_tt),
        "half_width_d": numbers(curve.half_width_d),
        "value": numbers(curve.rate),
        "error": numbers(curve.error),
    }


def spectrum_document(product: Product, spectrum: Spectrum) -> Mapping[str, object]:
    """Compose the document of a spectrum product."""
    columns = {name: values for name, _, values in spectrum_table(spectrum).columns}
    return {
        **_about(product),
        "exposure_s": spectrum.exposure_s,
        "units": {name: unit for name, unit, _ in spectrum_table(spectrum).columns if unit},
        "meaning": "counts per second in each channel divided by the channel width (EBOUNDS of the RMF); not unfolded",
        "has_energies": bool(np.isfinite(spectrum.energy_min_kev).all()),
        "remarks": _remarks(spectrum.findings),
        **{name: numbers(values) for name, values in columns.items()},
    }


METHOD = (
    "flux of a channel = measured rate / rate predicted by the power law folded with RMF and ARF, times the law at the "
    "geometric middle of the channel; it depends on the photon index and is no substitute for a fit"
)


def unfolded_document(product: Product, found: Unfolded) -> Mapping[str, object]:
    """Compose the document of an unfolded spectrum."""
    table = unfolded_table(found)
    return {
        **_about(product),
        "meaning": "photon flux and E^2 times it (energy_flux) in each channel, unfolded with a power law",
        "method": METHOD,
        "photon_index": found.index,
        "index_is_fitted": found.fitted,
        "index_error": found.index_error,
        "norm": found.norm,
        "chi2": found.chi2,
        "degrees_of_freedom": found.degrees_of_freedom,
        "units": {name: unit for name, unit, _ in table.columns if unit},
        **{name: numbers(values) for name, _, values in table.columns},
    }


def _about(product: Product) -> dict[str, object]:
    return {
        "product_id": product.product_id,
        "title": product.title,
        "kind": product.kind,
        "source_id": product.source_id or None,
        "simulated": product.simulated,
        "release": product.release_from.name,
    }


def _remarks(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings if finding.severity != "info"]
