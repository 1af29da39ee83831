"""The list of sources and the page of one source."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db.models import Count, F, FloatField, IntegerField, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Floor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from archive.errors import NotFoundError
from archive.identifiers import normalize_name
from archive.models import (
    Catalogue,
    GrbCatalogueEntry,
    IbisCatalogueEntry,
    JemxCatalogueEntry,
    OmcCatalogueEntry,
    Product,
    ProductFile,
    ReferenceCatalogueEntry,
    ScienceWindow,
    Source,
    SourceName,
    SpiCatalogueEntry,
)  # fmt: skip
from archive.published import Column, load_tables
from archive.selectors import current_map_version, current_release, current_rows, separation_deg, within_cone
from archive.skymaps import SkyMap
from archive.website import adql
from archive.website.basket import share_text
from archive.website.bundles import safe_stem
from archive.website.charts import YearBars, year_bars
from archive.website.citation import acknowledgement, bibtex
from archive.website.frames import in_all_frames
from archive.website.notebook import source_notebook
from archive.website.paging import read_size, take_page
from archive.website.pictures import FULLY_CODED_RADIUS_DEG, ZERO_RESPONSE_RADIUS_DEG, cut_png
from archive.website.request_values import Cone, read_choice, read_cone, read_number, read_text, read_whole

SORTS = {
    "name": "name", "-name": "-name", "ra": "ra", "-ra": "-ra", "dec": "dec", "-dec": "-dec",
    "flux": "rate_order", "-flux": "-rate_order", "products": "product_count", "-products": "-product_count",
}  # fmt: skip
CATALOGUES = {
    "isdc_reference_catalogue": ReferenceCatalogueEntry,
    "ibis_catalogue": IbisCatalogueEntry,
    "jemx_catalogue": JemxCatalogueEntry,
    "spi_catalogue": SpiCatalogueEntry,
    "omc_catalogue": OmcCatalogueEntry,
}
SERIES_KINDS = ("long_timeseries", "short_timeseries", "light_curve")
BURST_RADIUS_DEG = 5.0
NEIGHBOUR_RADIUS_DEG = 2.0
CUT_SIDE_DEG = 10.0
MAX_SERIES_PLOTS, MAX_SPECTRUM_PLOTS = 5, 2
_HIDDEN = {"source_id", "name", "ra", "dec", "catalogue_version", "simulated", "release", "delivery_id", "omc_id"}


def source_list(request: HttpRequest) -> HttpResponse:
    """List sources: filter, sort, page, export."""
    params = request.GET
    sort = read_choice(params, "sort", tuple(SORTS), "name")
    cone = read_cone(params, 1.0)
    name, has = read_text(params, "name", 80), read_choice(params, "has", ("", *Product.Kind.values), "")
    isdc_class = read_whole(params, "class", 100_000)
    rows, conditions = _filtered(name, has, isdc_class, cone)
    total = rows.count()
    page = take_page(
        _annotated(rows),
        order=SORTS[sort],
        key="source_id",
        mark=params.get("page", ""),
        size=read_size(params.get("size", "")),
    )
    query = adql.select("integral.sources", conditions, "name")
    context = {
        "section": "sources",
        "page": page,
        "total": total,
        "sort": sort,
        "name": name,
        "has": has,
        "cone": cone,
        "isdc_class": "" if isdc_class is None else isdc_class,
        "kinds": Product.Kind.choices,
        "exports": adql.export_links(query),
        "query": query,
    }
    return render(request, "archive/sources.html", context)


def _filtered(name: str, has: str, isdc_class: int | None, cone: Cone | None) -> tuple[QuerySet[Source], list[str]]:
    rows, conditions = current_rows(Source), []
    if name:
        normalized = normalize_name(name)
        ids = current_rows(SourceName).filter(normalized_name__contains=normalized).values("source_id")
        rows = rows.filter(Q(source_id__in=ids) | Q(name__icontains=name))
        like = adql.quote(f"%{normalized}%")
        conditions.append(adql.in_query("source_id", "integral.source_names", f"normalized_name LIKE {like}"))
    if has:
        rows = rows.filter(source_id__in=current_rows(Product).filter(kind=has).values("source_id"))
        conditions.append(adql.in_query("source_id", "integral.products", adql.equals("kind", has)))
    if isdc_class is not None:
        rows = rows.filter(isdc_class=isdc_class)
        conditions.append(adql.equals("isdc_class", isdc_class))
    if cone is not None:
        rows = within_cone(rows, cone.ra, cone.dec, cone.radius_deg)
        conditions.append(adql.cone_condition(cone))
    return rows, conditions


def _annotated(rows: QuerySet[Source]) -> QuerySet[Source]:
    reference = (
        current_rows(ReferenceCatalogueEntry).filter(source_id=OuterRef("source_id")).order_by("-catalogue_version")
    )
    products = current_rows(Product).filter(source_id=OuterRef("source_id")).order_by()
    counted = products.values("source_id").annotate(n=Count("id")).values("n")
    return rows.annotate(
        rate=Subquery(reference.values("isgri_20_60_cps")[:1], output_field=FloatField()),
        rate_order=Coalesce(F("rate"), Value(-1.0), output_field=FloatField()),
        product_count=Coalesce(Subquery(counted, output_field=IntegerField()), Value(0)),
    )


def source(request: HttpRequest, source_id: str) -> HttpResponse:
    """Show everything the archive knows of one source."""
    row = find_source(source_id)
    # Without what is long and not shown: the findings of a delivery may be a megabyte.
    products = list(
        current_rows(Product)
        .filter(source_id=source_id)
        .select_related("delivery", "release_from")
        .defer("metadata", "footprint", "delivery__counts", "delivery__findings")
    )
    files = _files_by_product(products)
    sky_map = cut_map()
    series = series_groups(products)
    spectra = [product for product in products if product.kind == Product.Kind.SPECTRUM]
    context = {
        "section": "sources",
        "source": row,
        "names": current_rows(SourceName).filter(source_id=source_id),
        "frames": in_all_frames(row.ra, row.dec),
        "cards": catalogue_cards(source_id),
        "products": [(product, files.get(product.product_id, [])) for product in products],
        "all_items": share_text([p.product_id for p in products]) if products else "",
        "series": series[:MAX_SERIES_PLOTS],
        "more_series": len(series[MAX_SERIES_PLOTS:]),
        "spectra": spectra[:MAX_SPECTRUM_PLOTS],
        "more_spectra": len(spectra[MAX_SPECTRUM_PLOTS:]),
        "timeline": exposure_timeline(row.ra, row.dec),
        "bursts": bursts_near(row.ra, row.dec),
        "burst_radius_deg": BURST_RADIUS_DEG,
        "acknowledgement": acknowledgement(products, current_release()),
        "bibtex": bibtex(products, current_release()),
        "astroquery": astroquery_code(row.name),
        "coverage": coverage_years(row.ra, row.dec),
        "neighbours": neighbours(row),
        "sky_map": sky_map,
        "fully_coded_deg": FULLY_CODED_RADIUS_DEG,
        "zero_response_deg": ZERO_RESPONSE_RADIUS_DEG,
        "cut_side_deg": CUT_SIDE_DEG,
        "scale_bar": 200.0 / CUT_SIDE_DEG,
        "pyvo": adql.pyvo_code(adql.select("integral.products", [adql.equals("source_id", source_id)])),
        "pyvo_names": adql.pyvo_code(adql.select("integral.source_names", [adql.equals("source_id", source_id)])),
        "catalogue_query": adql.curl_code(
            adql.select("integral.isdc_reference_catalogue", [adql.equals("source_id", source_id)])
        ),
    }
    return render(request, "archive/source.html", context)


def find_source(source_id: str) -> Source:
    """Return a source of the current release by its id.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    rows = current_rows(Source).filter(source_id=source_id).select_related("delivery", "release_from")
    row = rows.defer("delivery__counts", "delivery__findings").first()
    if row is None:
        raise NotFoundError(
            f"There is no source with the id {source_id!r} in this release; search for its name or position."
        )
    return row


def _files_by_product(products: Iterable[Product]) -> dict[str, list[ProductFile]]:
    files: dict[str, list[ProductFile]] = {}
    for file in current_rows(ProductFile).filter(product_id__in=[p.product_id for p in products]):
        files.setdefault(file.product_id, []).append(file)
    return files


@dataclass(frozen=True, slots=True)
class SeriesGroup:
    """Light curves that share a plot: one instrument, one kind, one observation."""

    title: str
    products: tuple[Product, ...]
    simulated: bool


def series_groups(products: Iterable[Product]) -> list[SeriesGroup]:
    """Group light curves into plots, all-mission series first."""
    groups: dict[tuple[int, str, str], list[Product]] = {}
    for product in products:
        if product.kind in SERIES_KINDS:
            groups.setdefault((SERIES_KINDS.index(product.kind), product.instrument, product.obs_id), []).append(
                product
            )
    words = {0: "all-mission series", 1: "short series", 2: "light curve"}
    return [
        SeriesGroup(
            f"{_instrument_title(instrument)} {words[kind]}{f', observation {obs_id}' if obs_id else ''}",
            tuple(sorted(found, key=lambda p: (p.energy_min_kev or 0.0, p.product_id))),
            any(p.simulated for p in found),
        )
        for (kind, instrument, obs_id), found in sorted(groups.items())
    ]


def _instrument_title(instrument: str) -> str:
    titles = {"isgri": "IBIS/ISGRI", "picsit": "IBIS/PICsIT", "jemx": "JEM-X", "jemx1": "JEM-X 1", "jemx2": "JEM-X 2"}
    return titles.get(instrument, instrument.upper())


@dataclass(frozen=True, slots=True)
class CatalogueCard:
    """What one version of a catalogue says: pairs of column and value."""

    title: str
    table: str
    version: str
    simulated: bool
    delivery_id: str
    values: tuple[tuple[Column, object], ...]


def catalogue_cards(source_id: str) -> list[CatalogueCard]:
    """Collect the rows of every catalogue for a source, with the published units and descriptions."""
    titles = dict(Catalogue.objects.values_list("catalogue", "title"))
    cards = []
    for table, model in CATALOGUES.items():
        for entry in current_rows(model).filter(source_id=source_id):
            values = tuple(
                (column, value)
                for column in _catalogue_columns(table)
                if (value := getattr(entry, column.name, None)) not in (None, "", [])
            )
            cards.append(
                CatalogueCard(
                    titles.get(table, table), table, entry.catalogue_version, entry.simulated, entry.delivery_id, values
                )
            )
    return cards


@cache
def _catalogue_columns(table: str) -> tuple[Column, ...]:
    return tuple(column for column in load_tables()[f"integral.{table}"].columns if column.name not in _HIDDEN)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Pointings near a position."""

    bars: YearBars
    pointing_count: int
    fully_coded_count: int
    good_isgri_s: float


def coverage_years(ra: float, dec: float) -> Coverage:
    """Sum the ISGRI good time of pointings with the position in the field of view, by year."""
    near = within_cone(
        current_rows(ScienceWindow).filter(kind="pointing", x__isnull=False), ra, dec, ZERO_RESPONSE_RADIUS_DEG
    )
    good = Coalesce(F("good_isgri_s"), F("elapsed_s"), Value(0.0))
    year = Cast(Floor((F("tstart_mjd_tt") - 51544.0) / 365.25) + 2000, IntegerField())
    rows = near.order_by().annotate(year=year).values("year", "simulated").annotate(n=Count("id"), good=Sum(good))
    by_year: dict[int, list[float]] = {}
    for row in rows:
        by_year.setdefault(row["year"], [0.0, 0.0])[row["simulated"]] += row["good"] / 1000.0
    coded = within_cone(near.order_by(), ra, dec, FULLY_CODED_RADIUS_DEG).count()
    bars = year_bars([(number, real, made_up) for number, (real, made_up) in sorted(by_year.items())], "ks")
    return Coverage(bars, sum(row["n"] for row in rows), coded, sum(row["good"] for row in rows))


@dataclass(frozen=True, slots=True)
class ExposureTimeline:
    """Revolutions that had a position in the field: one dot each, time to the right, off-axis angle upwards."""

    real: str
    simulated: str
    count: int
    first_mjd_tt: float
    last_mjd_tt: float
    full_y: float


def exposure_timeline(ra: float, dec: float) -> ExposureTimeline | None:
    """Lay out the smallest off-axis angle of each revolution's pointings as dots of an SVG of 1000 by 150."""
    near = within_cone(
        current_rows(ScienceWindow).filter(kind="pointing", x__isnull=False), ra, dec, ZERO_RESPONSE_RADIUS_DEG
    ).order_by()
    rows = near.values("revolution", "simulated").annotate(start=Min("tstart_mjd_tt"), chord2=Min("separation_chord2"))
    found = sorted((row["start"], separation_deg(row["chord2"]), row["simulated"]) for row in rows)
    if not found:
        return None
    first, last = found[0][0], found[-1][0]
    span, tall = (last - first) or 1.0, 140.0

    def dots(*, simulated: bool) -> str:
        return "".join(
            f"M{5 + 990 * (start - first) / span:.1f} {5 + tall * (1 - angle / ZERO_RESPONSE_RADIUS_DEG):.1f}h0"
            for start, angle, made_up in found
            if made_up == simulated
        )

    full = 5 + tall * (1 - FULLY_CODED_RADIUS_DEG / ZERO_RESPONSE_RADIUS_DEG)
    return ExposureTimeline(dots(simulated=False), dots(simulated=True), len(found), first, last, full)


def bursts_near(ra: float, dec: float) -> list[tuple[GrbCatalogueEntry, float]]:
    """Return the gamma-ray bursts within `BURST_RADIUS_DEG`, nearest first, with their separations (deg)."""
    near = within_cone(current_rows(GrbCatalogueEntry).filter(x__isnull=False), ra, dec, BURST_RADIUS_DEG)[:8]
    return [(burst, separation_deg(vars(burst)["separation_chord2"])) for burst in near]


def source_notebook_file(request: HttpRequest, source_id: str) -> HttpResponse:
    """Send a notebook that redraws this page."""
    row = find_source(source_id)
    products = list(current_rows(Product).filter(source_id=source_id).select_related("delivery"))
    series = [product for product in products if product.kind in SERIES_KINDS]
    series.sort(key=lambda product: SERIES_KINDS.index(product.kind))
    spectra = [product for product in products if product.kind == Product.Kind.SPECTRUM]
    release = current_release()
    text = source_notebook(row, series, spectra, release.name if release else "none")
    response = HttpResponse(text, content_type="application/x-ipynb+json")
    response["Content-Disposition"] = f'attachment; filename="{safe_stem(source_id)}.ipynb"'
    return response


def neighbours(row: Source) -> list[tuple[Source, float]]:
    """Return the nearest other sources with their separations (deg)."""
    near = within_cone(current_rows(Source).exclude(source_id=row.source_id), row.ra, row.dec, NEIGHBOUR_RADIUS_DEG)[:8]
    # The chord is an annotation of `within_cone`, which the model's type does not know.
    return [(other, separation_deg(vars(other)["separation_chord2"])) for other in near]


def astroquery_code(name: str) -> str:
    """Return Python that asks for a source with astroquery's unmodified client for ISLA."""
    base = settings.PUBLIC_URL
    return (
        "from astroquery.esa.integral import conf\n\n"
        f"conf.ISLA_TAP_SERVER = {base + '/tap/tap'!r}\n"
        f"conf.ISLA_DATA_SERVER = {base + '/tap/data?'!r}\n"
        f"conf.ISLA_SERVLET = {base + '/tap/tap/sync/?PHASE=RUN'!r}\n"
        f"conf.ISLA_TARGET_RESOLVER = (\n    {base + '/tap/servlet/target-resolver'!r}\n"
        "    '?TARGET_NAME={}&RESOLVER_TYPE={}&FORMAT=json'\n)\n"
        "from astroquery.esa.integral import IntegralClass\n\n"
        f"table = IntegralClass().get_sources(target_name={name!r})\n"
    )


def cut_map() -> SkyMap | None:
    """Return the flux map that cut-outs are drawn from: ISGRI's first, else any."""
    version = current_map_version()
    if version is None:
        return None
    maps = version.find(quantity="flux")
    return next((m for m in maps if m.instrument == "isgri"), maps[0] if maps else None)


def source_cut(request: HttpRequest, source_id: str) -> HttpResponse:
    """Send a picture of the sky around a source."""
    row = find_source(source_id)
    side = read_number(request.GET, "side", 1, 60) or CUT_SIDE_DEG
    version, sky_map = current_map_version(), cut_map()
    if version is None or sky_map is None:
        raise NotFoundError("This release has no sky map to cut a picture from.")
    response = HttpResponse(cut_png(version, sky_map, row.ra, row.dec, side), content_type="image/png")
    response["Cache-Control"] = "public, max-age=300"
    return response
