"""The numbers behind the plots: light curves and spectra read from the stored product files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archive.errors import NotFoundError, UsageError
from archive.formats import (
    Response,
    Spectrum,
    TimeSeries,
    read_effective_area,
    read_response,
    read_spectrum,
    read_time_series,
)
from archive.models import Product, ProductFile
from archive.selectors import current_rows, find_tombstone
from archive.storage import file_path
from archive.unfolding import Unfolded, unfold

FloatArray = NDArray[np.float64]

SERIES_KINDS = (Product.Kind.LONG_TIMESERIES, Product.Kind.SHORT_TIMESERIES, Product.Kind.LIGHT_CURVE)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length: name, unit (VOUnit) and values."""

    title: str
    columns: tuple[tuple[str, str, NDArray[np.generic]], ...]

    def __len__(self) -> int:
        return len(self.columns[0][2])

    def rows(self, start: int, stop: int) -> Iterator[tuple[float | int | None, ...]]:
        """Give rows of Python numbers; None where there is no value."""
        parts = [values[start:stop].tolist() for _, _, values in self.columns]
        for row in zip(*parts, strict=True):
            yield tuple(None if isinstance(value, float) and not np.isfinite(value) else value for value in row)


def find_product(product_id: str) -> Product:
    """Return a product of the current release.

    Raises
    ------
    NotFoundError
        If there is none; `WithdrawnError` if there was one.
    """
    row = current_rows(Product).filter(product_id=product_id).select_related("delivery", "release_from").first()
    if row is None:
        raise find_tombstone(product_id) or NotFoundError(f"There is no product {product_id!r} in this release.")
    return row


def product_files(product_id: str) -> list[ProductFile]:
    """Return the files of a product, science file first."""
    files = current_rows(ProductFile).filter(product_id=product_id)
    return sorted(files, key=lambda file: (file.role != ProductFile.Role.SCIENCE, file.role, file.file_name))


def read_product_series(product: Product) -> tuple[TimeSeries, ...]:
    """Read the light curves of a product, one per band.

    Raises
    ------
    UsageError
        If the product is not a light curve.
    NotFoundError
        If it has no science file.
    """
    if product.kind not in SERIES_KINDS:
        raise UsageError(f"Product {product.product_id} is a {product.kind}, not a light curve.")
    return _series(_digest(product, ProductFile.Role.SCIENCE))


def read_product_spectrum(product: Product) -> Spectrum:
    """Read the spectrum of a product with the channel energies of its response.

    Raises
    ------
    UsageError
        If the product is not a spectrum.
    NotFoundError
        If it has no science file.
    """
    if product.kind != Product.Kind.SPECTRUM:
        raise UsageError(f"Product {product.product_id} is a {product.kind}, not a spectrum.")
    rmf = next((file.sha256 for file in product_files(product.product_id) if file.role == ProductFile.Role.RMF), None)
    return _spectrum(_digest(product, ProductFile.Role.SCIENCE), rmf)


def unfold_product(product: Product, index: float | None = None) -> Unfolded:
    """Unfold the spectrum of a product with a power law, whose photon index is fitted where it is not given.

    Raises
    ------
    UsageError
        If the product is no spectrum, or cannot be unfolded; see `archive.unfolding.unfold`.
    NotFoundError
        If it has no science file, response matrix or effective area.
    """
    spectrum = read_product_spectrum(product)
    files = {file.role: file.sha256 for file in product_files(product.product_id)}
    missing = [
        name for name, role in (("response matrix (RMF)", "rmf"), ("effective area (ARF)", "arf")) if role not in files
    ]
    if missing:
        raise NotFoundError(
            f"Product {product.product_id} has no {' and no '.join(missing)} in this release; without them its counts "
            "cannot be unfolded."
        )
    response, area = _response(files[ProductFile.Role.RMF]), read_effective_area(file_path(files[ProductFile.Role.ARF]))
    return unfold(spectrum, response, area, index=index)


def unfolded_table(found: Unfolded) -> Table:
    """Lay an unfolded spectrum out as columns."""
    return Table(
        "unfolded spectrum",
        (
            ("channel", "", found.channel),
            ("energy_min_kev", "keV", found.energy_min_kev),
            ("energy_max_kev", "keV", found.energy_max_kev),
            ("photon_flux", "ph/(cm**2.s.keV)", found.photon_flux),
            ("photon_flux_error", "ph/(cm**2.s.keV)", found.photon_flux_error),
            ("energy_flux", "erg/(cm**2.s)", found.energy_flux),
            ("energy_flux_error", "erg/(cm**2.s)", found.energy_flux_error),
            ("model_energy_flux", "erg/(cm**2.s)", found.model_energy_flux),
        ),
    )


def product_table(product: Product) -> tuple[Table, ...]:
    """Return the points of a light curve or spectrum as tables, one per band."""
    if product.kind == Product.Kind.SPECTRUM:
        return (spectrum_table(read_product_spectrum(product)),)
    return tuple(series_table(series) for series in read_product_series(product))


def series_table(series: TimeSeries) -> Table:
    """Lay a light curve out as columns."""
    return Table(
        series_label(series),
        (
            ("time_mjd_tt", "d", series.time_mjd_tt),
            ("half_width_d", "d", series.half_width_d),
            (series.quantity, series.rate_unit, series.rate),
            ("error", series.rate_unit, series.error),
        ),
    )


def spectrum_table(spectrum: Spectrum) -> Table:
    """Lay a spectrum out as columns; the last two are the rate and its error divided by the channel width."""
    width = spectrum.energy_max_kev - spectrum.energy_min_kev
    with np.errstate(divide="ignore", invalid="ignore"):
        density, error = spectrum.rate / width, spectrum.error / width
    return Table(
        "spectrum",
        (
            ("channel", "", spectrum.channel),
            ("energy_min_kev", "keV", spectrum.energy_min_kev),
            ("energy_max_kev", "keV", spectrum.energy_max_kev),
            ("rate", "ct/s", spectrum.rate),
            ("error", "ct/s", spectrum.error),
            ("quality", "", spectrum.quality),
            ("rate_per_kev", "ct/s/keV", density),
            ("error_per_kev", "ct/s/keV", error),
        ),
    )


def series_label(series: TimeSeries) -> str:
    """Name a light curve by instrument and band."""
    instrument = (series.instrument or "").upper()
    if series.energy_min_kev is None or series.energy_max_kev is None:
        return f"{instrument} band not stated".strip()
    if series.quantity == "magnitude":
        return f"{instrument} V".strip()
    return f"{instrument} {series.energy_min_kev:g}–{series.energy_max_kev:g} keV".strip()


def rebin(series: TimeSeries, width_d: float) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.integer]]:
    """Average a light curve in bins of `width_d` days, weighted by 1/error^2 (Bevington & Robinson 2003, 4.2).

    Bins start at whole multiples of the width in MJD (TT); points without value or positive error are left out.

    Returns
    -------
    weighted mean time (MJD TT), weighted mean, its error, number of points; each of shape (n_bin,)

    Raises
    ------
    UsageError
        If the width is not positive.
    """
    if not width_d > 0:
        raise UsageError(f"bin_d is {width_d:g}; expected a positive number of days.")
    good = np.isfinite(series.rate) & np.isfinite(series.error) & (series.error > 0)
    time, rate, weight = series.time_mjd_tt[good], series.rate[good], series.error[good] ** -2.0
    if not len(time):
        empty = np.zeros(0)
        return empty, empty, empty, np.zeros(0, dtype=np.int64)
    _, place, count = np.unique(np.floor(time / width_d), return_inverse=True, return_counts=True)
    total = np.bincount(place, weight)
    mean_time = np.bincount(place, weight * time) / total
    mean = np.bincount(place, weight * rate) / total
    return mean_time, mean, 1.0 / np.sqrt(total), count.astype(np.int64)


def _digest(product: Product, role: str) -> str:
    for file in product_files(product.product_id):
        if file.role == role:
            return file.sha256
    raise NotFoundError(f"Product {product.product_id} has no {role} file in this release.")


@lru_cache(maxsize=32)
def _series(sha256: str) -> tuple[TimeSeries, ...]:
    return read_time_series(file_path(sha256))


@lru_cache(maxsize=4)
def _response(sha256: str) -> Response:
    """Read a response; a matrix of ISGRI takes some 20 MB, so few are kept."""
    return read_response(file_path(sha256))


@lru_cache(maxsize=64)
def _spectrum(sha256: str, rmf_sha256: str | None) -> Spectrum:
    return read_spectrum(file_path(sha256), file_path(rmf_sha256) if rmf_sha256 else None)
