"""What the page of a source shows of its products: exact counts, the first light curves and spectra, a short list.

A source may have tens of thousands of products; each query here reads counts out of an index, or a few rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Count, F, QuerySet
from django.utils.translation import gettext

from archive.api.points import SERIES_KINDS
from archive.models import Product, ProductFile
from archive.selectors import current_release, current_rows
from archive.website.citation import Cited
from archive.website.facet_cubes import SOURCE_FACETS, read_cube

MAX_LISTED = 100
MAX_SERIES_PLOTS, MAX_SPECTRUM_PLOTS, MAX_CURVES = 5, 2, 8
CANDIDATES = 48
"""So many products of a kind are looked at for those that have a file to draw."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """Products of one kind and instrument."""

    kind: str
    instrument: str
    count: int
    simulated: int

    @property
    def label(self) -> str:
        """The kind in words."""
        return str(Product.Kind(self.kind).label)


@dataclass(frozen=True, slots=True)
class SeriesGroup:
    """Light curves that share a plot: one instrument, one kind, one observation."""

    title: str
    products: tuple[Product, ...]
    simulated: bool


@dataclass(frozen=True, slots=True)
class SourceProducts:
    """Products of a source: how many there are, and those that its page shows."""

    counts: tuple[KindCount, ...]
    series: tuple[SeriesGroup, ...]
    spectra: tuple[Product, ...]
    listed: tuple[tuple[Product, tuple[ProductFile, ...]], ...]
    cited: Cited

    @property
    def total(self) -> int:
        """All products of the source."""
        return self.cited.count

    @property
    def unfoldable(self) -> frozenset[str]:
        """Spectra that have what unfolding needs: a response matrix and an effective area."""
        needed = {ProductFile.Role.RMF, ProductFile.Role.ARF}
        return frozenset(p.product_id for p, files in self.listed if needed <= {file.role for file in files})

    @property
    def more_series(self) -> int:
        """Light curves that are not drawn."""
        all_of_them = sum(found.count for found in self.counts if found.kind in SERIES_KINDS)
        return all_of_them - sum(len(group.products) for group in self.series)

    @property
    def more_spectra(self) -> int:
        """Spectra that are not drawn."""
        return sum(found.count for found in self.counts if found.kind == Product.Kind.SPECTRUM) - len(self.spectra)


def read_products(source_id: str) -> SourceProducts:
    """Read what the page of a source shows of its products."""
    rows, release = current_rows(Product).filter(source_id=source_id), current_release()
    counts, cited = _count(source_id, release.number, release.published_at) if release else ((), NOTHING)
    # Without what is long and not shown: the findings of a delivery may be a megabyte.
    full = rows.select_related("delivery", "release_from").defer(
        "metadata", "footprint", "delivery__counts", "delivery__findings"
    )
    if cited.count <= MAX_LISTED:
        products = list(full)
        files = _files_by_product(products)
        drawable = [p for p in products if _has_science_file(files.get(p.product_id, ()))]
        series = series_groups(p for p in drawable if p.kind in SERIES_KINDS)[:MAX_SERIES_PLOTS]
        spectra = _longest([p for p in drawable if p.kind == Product.Kind.SPECTRUM])
    else:
        series = _first_series(full, counts)
        wanted = _longest_ids(source_id, release.number, release.published_at) if release else ()
        drawable = _with_science_file(wanted)[:MAX_SPECTRUM_PLOTS]
        spectra = list(_longest_first(full.filter(product_id__in=drawable)))
        products = [*(p for group in series for p in group.products), *spectra]
        files = _files_by_product(products)
    return SourceProducts(
        counts,
        tuple(series),
        tuple(spectra),
        tuple((p, tuple(files.get(p.product_id, ()))) for p in products),
        cited,
    )


NOTHING = Cited(0, frozenset(), frozenset(), simulated=False)


@lru_cache(maxsize=2048)
def _longest_ids(source_id: str, number: int, published_at: datetime) -> tuple[str, ...]:
    """Find the longest spectra of a source among thousands; a release never changes, so this is kept."""
    del number, published_at
    spectra = current_rows(Product).filter(source_id=source_id, kind=Product.Kind.SPECTRUM)
    return tuple(_longest_first(spectra).values_list("product_id", flat=True)[:CANDIDATES])


def _longest_first(spectra: QuerySet[Product]) -> QuerySet[Product]:
    return spectra.order_by(F("exposure_s").desc(nulls_last=True), "product_id")


@lru_cache(maxsize=2)
def _cells_by_source(number: int, published_at: datetime) -> Mapping[str, list[tuple[Any, ...]]] | None:
    """Return kind, instrument, delivery, simulated and count for each source, out of the counts kept for a release."""
    del published_at
    release = current_release()
    cells = read_cube(release, "integral.products", SOURCE_FACETS) if release and release.number == number else None
    if cells is None:
        return None
    found: dict[str, list[tuple[Any, ...]]] = {}
    for (source_id, *values), count in cells:
        found.setdefault(str(source_id), []).append((*values, count))
    return found


@lru_cache(maxsize=2048)
def _count(source_id: str, number: int, published_at: datetime) -> tuple[tuple[KindCount, ...], Cited]:
    """Count the products of a source in the current release; a release never changes, so this is kept."""
    cells = _cells_by_source(number, published_at)
    if cells is None:
        rows = current_rows(Product).filter(source_id=source_id).order_by()
        grouped = rows.values_list("kind", "instrument", "delivery_id", "simulated").annotate(n=Count("id"))
    else:
        grouped = cells.get(source_id, ())
    totals: dict[tuple[str, str], list[int]] = {}
    deliveries = set()
    for kind, instrument, delivery_id, simulated, count in grouped:
        found = totals.setdefault((kind, instrument), [0, 0])
        found[0] += count
        found[1] += count if simulated else 0
        deliveries.add(delivery_id)
    order: list[str] = list(Product.Kind.values)
    counts = tuple(
        KindCount(kind, instrument, count, simulated)
        for (kind, instrument), (count, simulated) in sorted(
            totals.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
    )
    return counts, Cited(
        sum(found.count for found in counts),
        frozenset(found.instrument for found in counts),
        frozenset(deliveries),
        any(found.simulated for found in counts),
    )


def _first_series(rows: QuerySet[Product], counts: Sequence[KindCount]) -> list[SeriesGroup]:
    """Return the groups to draw; all-mission series and early observations come first, as in the index."""
    chosen: list[list[str]] = []
    for kind in SERIES_KINDS:
        for found in counts:
            if found.kind == kind and len(chosen) < MAX_SERIES_PLOTS:
                first = rows.filter(kind=kind, instrument=found.instrument).order_by("obs_id", "energy_min_kev")
                ids = _with_science_file(first.values_list("product_id", flat=True)[:CANDIDATES])
                chosen += [ids[: MAX_CURVES * 2]] if ids else []
    # Ids choose, and only what is drawn is read: a row brings its delivery and release along.
    read = {product.product_id: product for product in rows.filter(product_id__in=[i for ids in chosen for i in ids])}
    return [group for ids in chosen for group in series_groups(read[i] for i in ids)][:MAX_SERIES_PLOTS]


def _with_science_file(product_ids: Iterable[str]) -> list[str]:
    """Keep the products that can be drawn: what a release describes may have no file in it."""
    ids = list(product_ids)
    files = current_rows(ProductFile).filter(product_id__in=ids, role=ProductFile.Role.SCIENCE)
    held = set(files.order_by().values_list("product_id", flat=True))
    return [product_id for product_id in ids if product_id in held]


def _has_science_file(files: Iterable[ProductFile]) -> bool:
    return any(file.role == ProductFile.Role.SCIENCE for file in files)


def _longest(spectra: Sequence[Product]) -> list[Product]:
    return sorted(spectra, key=lambda p: (-(p.exposure_s or 0.0), p.product_id))[:MAX_SPECTRUM_PLOTS]


def _files_by_product(products: Iterable[Product]) -> Mapping[str, list[ProductFile]]:
    files: dict[str, list[ProductFile]] = {}
    for file in current_rows(ProductFile).filter(product_id__in=[p.product_id for p in products]):
        files.setdefault(file.product_id, []).append(file)
    return files


def series_groups(products: Iterable[Product]) -> list[SeriesGroup]:
    """Group light curves into plots of at most `MAX_CURVES`, all-mission series first."""
    groups: dict[tuple[int, str, str], list[Product]] = {}
    for product in products:
        place = SERIES_KINDS.index(Product.Kind(product.kind))
        groups.setdefault((place, product.instrument, product.obs_id), []).append(product)
    return [
        SeriesGroup(
            _series_title(kind, instrument_title(instrument), obs_id),
            tuple(sorted(found, key=lambda p: (p.energy_min_kev or 0.0, p.product_id))[:MAX_CURVES]),
            any(p.simulated for p in found),
        )
        for (kind, instrument, obs_id), found in sorted(groups.items())
    ]


def _series_title(place: int, instrument: str, obs_id: str) -> str:
    """Name light curves of one place in `SERIES_KINDS`."""
    words = (
        gettext("%(instrument)s all-mission series"),
        gettext("%(instrument)s short series"),
        gettext("%(instrument)s light curve"),
    )
    title = words[place] % {"instrument": instrument}
    return gettext("%(title)s, observation %(id)s") % {"title": title, "id": obs_id} if obs_id else title


def instrument_title(instrument: str) -> str:
    """Return the instrument's name as papers write it.

    Examples
    --------
    >>> instrument_title("jemx1")
    'JEM-X 1'
    """
    titles = {"isgri": "IBIS/ISGRI", "picsit": "IBIS/PICsIT", "jemx": "JEM-X", "jemx1": "JEM-X 1", "jemx2": "JEM-X 2"}
    return titles.get(instrument, instrument.upper())
