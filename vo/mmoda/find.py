"""Chooses the stored products that answer a query: by source, place, time and the band nearest to the one asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from archive.api.points import SERIES_KINDS, find_product
from archive.errors import NotFoundError, UsageError
from archive.models import Product, Source
from archive.selectors import current_rows, resolve_name, separation_deg, within_cone
from vo.mmoda.params import Query

SAME_SOURCE_DEG = 0.1
FIELD_DEG = 20.0
MOST_PRODUCTS = 20
KINDS = {
    "image": (Product.Kind.MOSAIC, Product.Kind.SCW_IMAGE),
    "lc": SERIES_KINDS,
    "spectrum": (Product.Kind.SPECTRUM,),
}
_ALL_SKY = {"spi_acs", "irem"}
"""Instruments whose light curves belong to no source."""


@dataclass(frozen=True, slots=True)
class Found:
    """Products of a query, the name to give them, and sentences that the user should read."""

    products: tuple[Product, ...]
    src_name: str
    notes: tuple[str, ...] = ()


def find_products(query: Query) -> Found:
    """Return the products of a query.

    Raises
    ------
    NotFoundError
        If there is none, or no such source.
    UsageError
        If a source or position is needed and none is given.
    """
    kinds = KINDS[query.product.rsplit("_", 1)[1]]
    if query.product_id:
        product = find_product(query.product_id)
        if product.kind not in kinds or product.instrument not in query.instrument.detectors:
            raise UsageError(
                f"product {product.product_id} is a {product.kind} of {product.instrument}, not {query.product}"
            )
        return Found((product,), product.target_name or product.product_id)
    rows = _in_time(current_rows(Product).filter(kind__in=kinds, instrument__in=_detectors(query)), query)
    if query.instrument.name in _ALL_SKY:
        return _limited(list(rows.order_by("tstart_mjd_tt", "product_id")[: MOST_PRODUCTS + 1]), "query", query)
    if query.product.endswith("_image"):
        return _images(rows, query)
    source = find_source(query)
    rows = rows.filter(source_id=source.source_id)
    # All-mission series come first: "long_" sorts before "short_"; light curves of one epoch are last.
    ordered = sorted(rows, key=lambda row: (_order(row), row.tstart_mjd_tt or 0.0, row.product_id))
    chosen = ordered if query.product.endswith("_spectrum") else nearest_band(ordered, query)
    return _limited(chosen, source.name, query)


def find_source(query: Query) -> Source:
    """Return the source by its name, else the nearest one to the position.

    Raises
    ------
    NotFoundError
        If the archive knows neither.
    UsageError
        If neither is given.
    """
    if query.src_name:
        try:
            return resolve_name(query.src_name)
        except NotFoundError:
            if query.ra is None or query.dec is None:
                raise
    if query.ra is None or query.dec is None:
        raise UsageError("give src_name, or RA and DEC (degrees, ICRS): there is no default source here")
    near = within_cone(current_rows(Source), query.ra % 360.0, query.dec, SAME_SOURCE_DEG).first()
    if near is None:
        raise NotFoundError(f"no source within {SAME_SOURCE_DEG:g} deg of RA {query.ra:g}, DEC {query.dec:g}")
    return near


def overlap(low: float | None, high: float | None, query: Query) -> float:
    """Return how much of two bands together they share, 0 to 1; 0 where a band is not known."""
    asked_low, asked_high = query.energy_min_kev, query.energy_max_kev
    if low is None or high is None or asked_low is None or asked_high is None:
        return 0.0
    return max(0.0, min(high, asked_high) - max(low, asked_low)) / (max(high, asked_high) - min(low, asked_low))


def band_note(product_id: str, low: float | None, high: float | None, query: Query) -> str:
    """Say which band is sent when it is not the one that was asked for; empty when it is."""
    if query.energy_min_kev is None or (low, high) == (query.energy_min_kev, query.energy_max_kev):
        return ""
    band = "a band that its file does not state" if low is None or high is None else f"{low:g}-{high:g} keV"
    asked = f"{query.energy_min_kev:g}-{query.energy_max_kev:g} keV{'' if query.band_asked else ', the default'}"
    return f"{product_id} is in {band}, the nearest stored to {asked}."


def nearest_band(rows: Sequence[Product], query: Query) -> list[Product]:
    """Keep the products in the band that is nearest to the one asked, and those whose band only their files say.

    Raises
    ------
    NotFoundError
        If there are products, and none of them shares a part of the band.
    """
    if query.energy_min_kev is None:
        return list(rows)
    best = max((overlap(row.energy_min_kev, row.energy_max_kev, query) for row in rows), default=0.0)
    kept = [
        row
        for row in rows
        if row.energy_min_kev is None or (best > 0 and overlap(row.energy_min_kev, row.energy_max_kev, query) == best)
    ]
    if not kept and rows:
        bands = sorted({(row.energy_min_kev or 0.0, row.energy_max_kev or 0.0) for row in rows})
        listed = ", ".join(f"{low:g}-{high:g}" for low, high in bands)
        raise NotFoundError(
            f"nothing stored overlaps {query.energy_min_kev:g}-{query.energy_max_kev:g} keV; bands (keV): {listed}"
        )
    return kept


def _order(row: Product) -> int:
    return SERIES_KINDS.index(Product.Kind(row.kind)) if row.kind in SERIES_KINDS else 0


def _detectors(query: Query) -> tuple[str, ...]:
    return (f"jemx{query.jemx_number}",) if query.jemx_number else query.instrument.detectors


def _in_time(rows: QuerySet[Product], query: Query) -> QuerySet[Product]:
    """Keep what overlaps the span; a product that does not say when it was taken is kept too."""
    if query.tstart_mjd_tt is not None:
        rows = rows.filter(Q(tstop_mjd_tt=None) | Q(tstop_mjd_tt__gte=query.tstart_mjd_tt))
    if query.tstop_mjd_tt is not None:
        rows = rows.filter(Q(tstart_mjd_tt=None) | Q(tstart_mjd_tt__lte=query.tstop_mjd_tt))
    return rows


def _images(rows: QuerySet[Product], query: Query) -> Found:
    if query.scw_ids:
        wanted = list(rows.filter(metadata__scw_id__in=query.scw_ids).order_by("product_id"))
        return _limited(nearest_band(wanted, query), "", query)
    if query.ra is not None and query.dec is not None:
        ra, dec = query.ra % 360.0, query.dec
    else:
        source = find_source(query)
        ra, dec = source.ra, source.dec
    near = within_cone(rows.exclude(kind=Product.Kind.SCW_IMAGE), ra, dec, FIELD_DEG)
    inside = [
        row
        for row in near
        if separation_deg(row.separation_chord2) <= (row.field_of_view_deg or 2 * FIELD_DEG) / 2  # pyright: ignore[reportAttributeAccessIssue]  # annotated
    ]
    notes: tuple[str, ...] = ()
    deepest = sorted(nearest_band(inside, query), key=lambda row: (-(row.exposure_s or 0.0), row.product_id))
    if len(deepest) > 1:
        notes = (f"{len(deepest)} images hold the position; this is the one with the longest exposure.",)
    return _limited(deepest[:1], "", query, notes)


def _limited(products: Sequence[Product], name: str, query: Query, notes: tuple[str, ...] = ()) -> Found:
    if not products:
        raise NotFoundError(f"no {query.product} of that source, place or time is stored in this release")
    if len(products) > MOST_PRODUCTS:
        notes = (*notes, f"More than {MOST_PRODUCTS} products fit; these are the first, choose T1 and T2 for others.")
    return Found(tuple(products[:MOST_PRODUCTS]), name, notes)
