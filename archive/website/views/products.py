"""Products: the list, the page, the numbers of a plot as a table, and the files."""

import csv
from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from archive.api.points import SERIES_KINDS, Table, find_product, product_files, product_table
from archive.errors import NotFoundError
from archive.models import EnergyBand, Instrument, Product, ProductFile, Source
from archive.selectors import current_release, current_rows, within_cone
from archive.website import adql
from archive.website.downloads import send_stored_file
from archive.website.facet_cubes import read_cube, sum_cells
from archive.website.known_issues import read_issues
from archive.website.paging import read_size, take_page
from archive.website.request_values import read_choice, read_cone, read_text, read_whole
from archive.website.searches import SEARCHES
from archive.website.workflow import read_notes, read_workflow

SORTS = {
    "id": "product_id", "-id": "-product_id", "time": "tstart_mjd_tt", "-time": "-tstart_mjd_tt",
    "exposure": "exposure_s", "-exposure": "-exposure_s", "target": "target_name", "-target": "-target_name",
}  # fmt: skip
TABLE_ROWS = 200


def product_list(request: HttpRequest) -> HttpResponse:
    """List products: filter by kind, instrument, band, target and position; sort, page, export."""
    params = request.GET
    sort = read_choice(params, "sort", tuple(SORTS), "id")
    instruments = list(Instrument.objects.values_list("instrument", flat=True))
    chosen = {
        "kind": read_choice(params, "kind", ("", *Product.Kind.values), ""),
        "instrument": read_choice(params, "instrument", ("", *instruments), ""),
        "band": read_text(params, "band", 24),
    }
    target, cone = read_text(params, "target", 80), read_cone(params, 1.0)
    rows = current_rows(Product).filter(**{name: value for name, value in chosen.items() if value})
    conditions = [adql.equals(name, value) for name, value in chosen.items() if value]
    if target:
        rows = rows.filter(target_name__icontains=target)
        conditions.append(f"LOWER(target_name) LIKE {adql.quote(f'%{target.lower()}%')}")
    if cone is not None:
        rows = within_cone(rows.filter(x__isnull=False), cone.ra, cone.dec, cone.radius_deg)
        conditions.append(adql.cone_condition(cone))
    total, facets = _count(rows, chosen, everywhere=not target and cone is None)
    page = take_page(
        rows.defer("metadata", "footprint"),
        order=SORTS[sort],
        key="product_id",
        mark=params.get("page", ""),
        size=read_size(params.get("size", "")),
    )
    query = adql.select("integral.products", conditions, "product_id")
    context = {
        "section": "products",
        "page": page,
        "total": total,
        "sort": sort,
        "chosen": chosen,
        "target": target,
        "cone": cone,
        "kinds": Product.Kind.choices,
        "instruments": instruments,
        "facets": facets,
        "exports": adql.export_links(query),
        "bands": EnergyBand.objects.order_by("band").values_list("band", flat=True).distinct(),
        "query": query,
    }
    return render(request, "archive/products.html", context)


def _count(
    rows: QuerySet[Product], chosen: Mapping[str, str], *, everywhere: bool
) -> tuple[int, dict[str, list[tuple[str, int]]]]:
    """Count the rows, and those of each kind and instrument; from the counts of the release where these say it."""
    release, names = current_release(), ("kind", "instrument")
    if everywhere and release is not None:
        cells = read_cube(release, "integral.products", SEARCHES["integral.products"].facets)
        if cells is not None:
            facets = SEARCHES["integral.products"].facets
            wanted = {name: {value} for name, value in chosen.items() if value}
            kept = [(values, n) for values, n in cells if all(values[facets.index(c)] in w for c, w in wanted.items())]
            total, found = sum_cells(kept, facets, {})
            return total, {name: sorted((str(value), n) for value, n in found[name]) for name in names}
    return rows.order_by().count(), {name: _facet(rows, name) for name in names}


def _facet(rows: QuerySet[Product], column: str) -> list[tuple[str, int]]:
    return list(rows.order_by(column).values_list(column).annotate(n=Count("id")))


def product(request: HttpRequest, product_id: str) -> HttpResponse:
    """Show one product: what it is, its plot, its files."""
    row = find_product(product_id)
    files = product_files(product_id)
    address = adql.select("integral.product_files", [adql.equals("product_id", product_id)])
    science = next((file for file in files if file.role == ProductFile.Role.SCIENCE), None)
    context = {
        "section": "products",
        "product": row,
        "one": [row],
        "files": files,
        "is_series": row.kind in SERIES_KINDS,
        "is_spectrum": row.kind == Product.Kind.SPECTRUM,
        "metadata": sorted((name, value) for name, value in row.metadata.items() if value not in (None, "", [], {})),
        "source": current_rows(Source).filter(source_id=row.source_id).first() if row.source_id else None,
        "workflow": read_workflow(row, files, settings.PUBLIC_URL),
        "issues": read_issues([row], files),
        "notes": read_notes(science) if science else None,
        "has_file": science is not None,
        "unfoldable": {ProductFile.Role.RMF, ProductFile.Role.ARF} <= {file.role for file in files},
        "total_bytes": sum(file.size_bytes for file in files),
        "pyvo": adql.pyvo_code(address),
    }
    return render(request, "archive/product.html", context)


def product_points(request: HttpRequest, product_id: str) -> HttpResponse:
    """Show the numbers of a light curve or spectrum as a table, 200 rows a page."""
    row = find_product(product_id)
    tables = product_table(row)
    chosen = read_whole(request.GET, "part", 10_000) or 0
    start = read_whole(request.GET, "start", 10**9) or 0
    if chosen >= len(tables):
        raise NotFoundError(
            f"Product {product_id} has {len(tables)} parts; part {chosen} is not among them (counted from 0)."
        )
    table = tables[chosen]
    context = {
        "section": "products",
        "product": row,
        "tables": list(enumerate(tables)),
        "table": table,
        "part": chosen,
        "start": start,
        "rows": table.rows(start, start + TABLE_ROWS),
        "stop": min(start + TABLE_ROWS, len(table)),
        "count": len(table),
        "next": start + TABLE_ROWS if start + TABLE_ROWS < len(table) else None,
        "previous": max(0, start - TABLE_ROWS) if start else None,
    }
    name = "archive/parts/points.html" if request.headers.get("HX-Request") == "true" else "archive/points.html"
    return render(request, name, context)


def product_csv(request: HttpRequest, product_id: str) -> HttpResponseBase:
    """Send all the numbers of a light curve or spectrum as CSV."""
    tables = product_table(find_product(product_id))
    response = StreamingHttpResponse(_csv_chunks(tables), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_safe_name(product_id)}.csv"'
    return response


class _Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def _csv_chunks(tables: tuple[Table, ...]) -> Iterator[bytes]:
    writer = csv.writer(_Line())
    yield writer.writerow(
        ("part", *(f"{name} [{unit}]" if unit else name for name, unit, _ in tables[0].columns))
    ).encode()
    for table in tables:
        for start in range(0, len(table), 1000):
            lines = [
                writer.writerow((table.title, *("" if v is None else v for v in row)))
                for row in table.rows(start, start + 1000)
            ]
            yield "".join(lines).encode()


def _safe_name(product_id: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in product_id)


def product_file(request: HttpRequest, product_id: str, file_name: str) -> HttpResponseBase:
    """Send a file of a product: whole, a range of it, or its headers."""
    file = next((file for file in product_files(product_id) if file.file_name == file_name), None)
    if file is None:
        raise NotFoundError(f"Product {product_id!r} has no file {file_name!r} in this release.")
    return send_stored_file(
        request, sha256=file.sha256, size=file.size_bytes, name=file.file_name, media_type=file.media_type
    )
