"""ISLA's numbers for instruments and bands; the views ``ila.*`` give out the same."""

from collections.abc import Mapping
from types import MappingProxyType

from archive.errors import UsageError
from archive.models import Product

INSTRUMENTS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {1: ("isgri", "picsit", "ibis"), 2: ("jemx", "jemx1", "jemx2"), 3: ("spi",), 4: ("omc",)}
)
"""Detectors of this archive behind each ``instrument_oid``."""

OMC_BAND = 400000000


def detectors(instrument_oid: int) -> tuple[str, ...]:
    """Return the detectors of an instrument.

    Raises
    ------
    UsageError
        If ISLA has no such number.
    """
    if instrument_oid not in INSTRUMENTS:
        known = ", ".join(map(str, INSTRUMENTS))
        raise UsageError(f"instrument_oid {instrument_oid} is not known; ila.instrument has {known}")
    return INSTRUMENTS[instrument_oid]


def instrument_oid(detector: str) -> int | None:
    """Return the number of the instrument that a detector belongs to; None if ISLA has none."""
    return next((oid for oid, names in INSTRUMENTS.items() if detector in names), None)


def band_oid(instrument: int, low_kev: float, high_kev: float) -> int:
    """Return the number of a band: instrument and limits rounded to whole keV, readable as such.

    Examples
    --------
    >>> band_oid(1, 28.0, 40.0)
    100280040
    """
    return instrument * 100_000_000 + round(low_kev) * 10_000 + round(high_kev)


def product_bands(product: Product) -> set[int]:
    """Return the ``band_oid`` of every band of a product; empty when it has no limits."""
    instrument = instrument_oid(product.instrument)
    if instrument is None:
        return set()
    if product.instrument == "omc":
        return {OMC_BAND}
    pairs = product.metadata.get("bands_kev") or [(product.energy_min_kev, product.energy_max_kev)]
    return {band_oid(instrument, low, high) for low, high in pairs if low is not None and high is not None}
