"""Which products of the archive belong together: made from one another, or from the same data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from django.db.models import Count, F, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Collate, RowNumber

from archive.models import Product
from archive.selectors import current_rows

MOST_OF_A_KIND = 50
"""Links of one semantics and kind that a product gets; the last of them says how many more there are."""

_SERIES = (Product.Kind.SHORT_TIMESERIES, Product.Kind.LIGHT_CURVE)
_OF_A_SOURCE = (*_SERIES, Product.Kind.SPECTRUM)
_FIELDS = ("product_id", "kind", "title", "instrument", "source_id", "epoch", "energy_min_kev", "simulated", "metadata")


@dataclass(frozen=True, slots=True)
class Relation:
    """What another product is to a product: a word of the DataLink vocabulary, and why in words of ours."""

    semantics: str
    reason: str
    product: Product
    more: int = 0


def find_relations(products: Sequence[Product]) -> Mapping[str, list[Relation]]:
    """Return the relations of products to others of the current release, by product id.

    * An event list of a science window is the `#progenitor` of the image, light curves and spectra of the same window
      and instrument, and these are its `#derivation`.
    * Series of an epoch are the `#progenitor` of the series of the mission whose header lists them, and that is their
      `#derivation`.
    * Spectrum, light curves and mosaics of one instrument in one epoch, the first two of the same source, are
      `#coderived`. A mosaic is related to the mosaics of other bands only: its field has many sources.
    """
    found: dict[str, list[Relation]] = {product.product_id: [] for product in products}
    if products:
        _relate_windows(products, found)
        _relate_long_series(products, found)
        _relate_epochs(products, found)
    return {product_id: _shorten(relations) for product_id, relations in found.items()}


def _shorten(relations: list[Relation]) -> list[Relation]:
    kept: list[Relation] = []
    ordered = sorted(relations, key=lambda one: (one.semantics, one.product.kind, one.product.product_id))
    for _, group in groupby(ordered, key=lambda one: (one.semantics, one.product.kind)):
        alike = list(group)
        kept += alike[:MOST_OF_A_KIND]
        if more := max(0, len(alike) - MOST_OF_A_KIND):
            kept[-1] = replace(kept[-1], more=more)
    return kept


def _relate_windows(products: Iterable[Product], found: dict[str, list[Relation]]) -> None:
    windows = {str(scw_id) for product in products if (scw_id := product.metadata.get("scw_id"))}
    if not windows:
        return
    rows = current_rows(Product).annotate(scw=KT("metadata__scw_id")).filter(scw__in=windows).only(*_FIELDS)
    held: dict[tuple[str, str], list[Product]] = {}
    for row in rows.order_by("product_id"):
        held.setdefault((str(row.metadata["scw_id"]), row.instrument), []).append(row)
    for product in products:
        for other in held.get((str(product.metadata.get("scw_id") or ""), product.instrument), ()):
            events = (product.kind == Product.Kind.EVENT_LIST, other.kind == Product.Kind.EVENT_LIST)
            if events == (True, False):
                found[product.product_id].append(Relation("#derivation", "of the same science window", other))
            elif events == (False, True):
                found[product.product_id].append(Relation("#progenitor", "events of the science window", other))


def _relate_long_series(products: Iterable[Product], found: dict[str, list[Relation]]) -> None:
    inputs = {product.product_id: _inputs_of(product) for product in products}
    wanted = {name for names in inputs.values() for name in names}
    if wanted:
        known = {row.product_id: row for row in current_rows(Product).filter(product_id__in=wanted).only(*_FIELDS)}
        for product_id, names in inputs.items():
            reason = "listed as input by the header"
            found[product_id] += [Relation("#progenitor", reason, known[name]) for name in names if name in known]
    sources = {product.source_id for product in products if product.kind in _SERIES and product.source_id}
    if not sources:
        return
    # Few series of a mission list what they were made from, and these have an index of their own (migration 0014).
    long = current_rows(Product).filter(source_id__in=sources, kind=Product.Kind.LONG_TIMESERIES)
    listing = long.filter(metadata__inputs__0__isnull=False).only(*_FIELDS)
    for other in listing:
        for name in _inputs_of(other):
            if name in found:
                found[name].append(Relation("#derivation", "its header lists this series as input", other))


def _inputs_of(product: Product) -> list[str]:
    """Return the ids that the products of the files have which a series of the mission lists as its inputs."""
    if product.kind != Product.Kind.LONG_TIMESERIES:
        return []
    names = (str(name).rpartition("/")[2].lower() for name in product.metadata.get("inputs") or ())
    return [name.removesuffix(".gz").removesuffix(".fits") for name in names]


def _relate_epochs(products: Iterable[Product], found: dict[str, list[Relation]]) -> None:
    of_sources = [product for product in products if product.epoch and product.kind in _OF_A_SOURCE]
    mosaics = [product for product in products if product.epoch and product.kind == Product.Kind.MOSAIC]
    if not of_sources and not mosaics:
        return
    sources = {product.source_id for product in of_sources if product.source_id}
    epochs = {product.epoch for product in (*of_sources, *mosaics)}
    held = _first_of_each(("epoch", "kind", "instrument"), kind=Product.Kind.MOSAIC, epoch__in=epochs)
    if sources:
        group = ("epoch", "source_id", "kind", "instrument")  # the order of the index archive_product_of_epoch
        held |= _first_of_each(group, source_id__in=sources, kind__in=_OF_A_SOURCE, epoch__in=epochs)
    for product in (*of_sources, *mosaics):
        own = _OF_A_SOURCE if product.kind in _OF_A_SOURCE and product.source_id else ()
        for kind, source in ((Product.Kind.MOSAIC, ""), *((kind, product.source_id) for kind in own)):
            alike, count = held.get((product.epoch, source, kind, product.instrument), ((), 0))
            others = [row for row in alike if row.product_id != product.product_id][:MOST_OF_A_KIND]
            relations = [Relation("#coderived", "same epoch and instrument", other) for other in others]
            if more := count - (kind == product.kind) - len(others):
                relations[-1] = replace(relations[-1], more=more)
            found[product.product_id] += relations


def _first_of_each(
    group: tuple[str, ...], **alike: object
) -> dict[tuple[str, str, str, str], tuple[list[Product], int]]:
    """Return the first products of each group by id, and how many it has, by epoch, source, kind and instrument.

    A source may have thousands of products in one epoch: the database picks and counts them in its index, and only
    those that can be listed are read.
    """
    window = [F(name) for name in group]
    narrow = (
        current_rows(Product)
        .filter(**alike)
        .annotate(place=Window(RowNumber(), window, Collate("product_id", "C").asc()), alike=Window(Count("*"), window))
        .filter(place__lte=MOST_OF_A_KIND + 1)  # one of them may be the product itself
        .order_by()
        .values_list("product_id", "alike")
    )
    counts: dict[str, int] = dict(narrow)
    rows = current_rows(Product).filter(product_id__in=counts).only(*_FIELDS) if counts else ()
    held: dict[tuple[str, str, str, str], tuple[list[Product], int]] = {}
    for row in sorted(rows, key=lambda row: row.product_id.encode()):
        source = row.source_id if "source_id" in group else ""
        of_group, _ = held.setdefault((row.epoch, source, row.kind, row.instrument), ([], counts[row.product_id]))
        of_group.append(row)
    return held
