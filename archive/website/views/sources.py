"""The list of sources and the page of one source."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db.models import Count, F, FloatField, Func, IntegerField, JSONField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce
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
    ReferenceCatalogueEntry,
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
from archive.website.citation import acknowledgement, bibtex
from archive.website.facet_cubes import read_cube
from archive.website.frames import in_all_frames
from archive.website.known_issues import read_issues
from archive.website.notebook import source_notebook
from archive.website.paging import read_size, take_page
from archive.website.pictures import FULLY_CODED_RADIUS_DEG, ZERO_RESPONSE_RADIUS_DEG, cut_png
from archive.website.pointings import read_pointings
from archive.website.request_values import Cone, read_choice, read_cone, read_number, read_text, read_whole
from archive.website.source_products import read_products

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
BURST_RADIUS_DEG = 5.0
NEIGHBOUR_RADIUS_DEG = 2.0
CUT_SIDE_DEG = 10.0
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
        _annotated(rows, counted="products" in sort),
        order=SORTS[sort],
        key="source_id",
        mark=params.get("page", ""),
        size=read_size(params.get("size", "")),
    )
    _attach_counts(page.rows)
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


def _annotated(rows: QuerySet[Source], *, counted: bool) -> QuerySet[Source]:
    reference = (
        current_rows(ReferenceCatalogueEntry).filter(source_id=OuterRef("source_id")).order_by("-catalogue_version")
    )
    rows = rows.annotate(
        rate=Subquery(reference.values("isgri_20_60_cps")[:1], output_field=FloatField()),
        rate_order=Coalesce(F("rate"), Value(-1.0), output_field=FloatField()),
    )
    return rows.annotate(product_count=_product_count()) if counted else rows


def _product_count() -> Coalesce:
    """Return the number of products of a source as an expression, out of the counts of the release."""
    cells = _read_counts()
    if cells is None:
        products = current_rows(Product).filter(source_id=OuterRef("source_id")).order_by()
        counts = products.values("source_id").annotate(n=Count("id")).values("n")
        return Coalesce(Subquery(counts, output_field=IntegerField()), Value(0))
    known = Value({str(source_id): n for source_id, n in cells.items()}, output_field=JSONField())
    return Coalesce(
        Cast(Func(known, F("source_id"), arg_joiner=" ->> ", template="(%(expressions)s)"), IntegerField()), Value(0)
    )


def _read_counts() -> dict[object, int] | None:
    """Return the number of products of each source; None when the release keeps no such counts."""
    release = current_release()
    cells = read_cube(release, "integral.products", ("source_id",)) if release else ()
    return None if cells is None else {values[0]: n for values, n in cells}


def _attach_counts(rows: Iterable[Source]) -> None:
    """Give each source its number of products, out of the counts of the release."""
    counts = _read_counts()
    if counts is None:
        ids = [row.source_id for row in rows]
        grouped = current_rows(Product).filter(source_id__in=ids).order_by().values_list("source_id")
        counts = dict(grouped.annotate(n=Count("id")))
    for row in rows:
        vars(row)["product_count"] = counts.get(row.source_id, 0)


def source(request: HttpRequest, source_id: str) -> HttpResponse:
    """Show everything the archive knows of one source."""
    row = find_source(source_id)
    found = read_products(source_id)
    sky_map = cut_map()
    listed = [product.product_id for product, _ in found.listed]
    pointings = read_pointings(row.ra, row.dec)
    context = {
        "section": "sources",
        "source": row,
        "names": current_rows(SourceName).filter(source_id=source_id),
        "frames": in_all_frames(row.ra, row.dec),
        "cards": catalogue_cards(source_id),
        "found": found,
        "all_items": share_text(listed) if listed and len(listed) == found.total else "",
        "series": found.series,
        "spectra": found.spectra,
        "issues": read_issues([p for p, _ in found.listed], [file for _, files in found.listed for file in files]),
        "timeline": pointings.timeline,
        "bursts": bursts_near(row.ra, row.dec),
        "burst_radius_deg": BURST_RADIUS_DEG,
        "acknowledgement": acknowledgement(found.cited, current_release()),
        "bibtex": bibtex(current_release()),
        "astroquery": astroquery_code(row.name),
        "coverage": pointings.coverage,
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


def bursts_near(ra: float, dec: float) -> list[tuple[GrbCatalogueEntry, float]]:
    """Return the gamma-ray bursts within `BURST_RADIUS_DEG`, nearest first, with their separations (deg)."""
    near = within_cone(current_rows(GrbCatalogueEntry).filter(x__isnull=False), ra, dec, BURST_RADIUS_DEG)[:8]
    return [(burst, separation_deg(vars(burst)["separation_chord2"])) for burst in near]


def source_notebook_file(request: HttpRequest, source_id: str) -> HttpResponse:
    """Send a notebook that redraws this page."""
    row = find_source(source_id)
    found = read_products(source_id)
    series = [product for group in found.series for product in group.products]
    release = current_release()
    text = source_notebook(row, series, found.spectra, release.name if release else "none")
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
    maps = version.find(quantity="flux", epoch="") or version.find(quantity="flux")
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
