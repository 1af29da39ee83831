"""JSON API, version 1: what the pages show, for programs."""

import math

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from archive.api import schemas
from archive.api.points import find_product, product_files, read_product_series, read_product_spectrum, unfold_product
from archive.api.schemas import answers
from archive.api.series import light_curve_document, spectrum_document, unfolded_document
from archive.errors import NotFoundError, UsageError
from archive.models import Product, Source, SourceName
from archive.selectors import current_release, current_rows, resolve_name, separation_deg, within_cone
from archive.unfolding import INDEX_RANGE
from archive.website.paging import MAX_SIZE, read_size, take_page
from archive.website.query import NameQuery, PositionQuery, parse_query
from archive.website.request_values import read_cone, read_number, read_text

CONVENTIONS = "ra and dec are ICRS degrees; units are in the names or beside the arrays; null is a missing value"


@extend_schema(summary="The archive, its release and its addresses", parameters=[], responses=answers(schemas.ROOT))
@api_view()
def root(request: Request) -> Response:
    release = current_release()
    names, base = ("api-sources", "api-resolve"), reverse("api-root", request=request)
    return Response(
        {
            "archive": "Archipelago",
            "version": "1",
            "release": release.name if release else None,
            "endpoints": {name.removeprefix("api-"): reverse(name, request=request) for name in names}
            | {
                "source": f"{reverse('api-sources', request=request)}/{{source_id}}",
                "product": f"{base}products/{{product_id}}",
                "light curve": f"{base}products/{{product_id}}/light-curve?bin_d={{days}}",
                "spectrum": f"{base}products/{{product_id}}/spectrum",
                "unfolded spectrum": f"{base}products/{{product_id}}/unfolded?index={{photon_index}}",
                "cutout": f"{base}cutout?survey={{hips}}&ra={{ra}}&dec={{dec}}&size={{deg}}",
                "moc": f"{base}moc?op={{op}}&moc={{name}}&moc={{name}}&format={{format}}",
            },
            "conventions": CONVENTIONS,
        }
    )


@extend_schema(
    operation_id="sources_list",
    summary="Sources by name and position, page by page",
    parameters=schemas.SOURCE_PARAMETERS,
    responses=answers(schemas.SOURCES),
)
@api_view()
def sources(request: Request) -> Response:
    params = request.query_params
    cone, name = read_cone(params, 1.0), read_text(params, "name", 80)
    rows = current_rows(Source)
    if name:
        rows = rows.filter(name__icontains=name)
    if cone is not None:
        rows = within_cone(rows, cone.ra, cone.dec, cone.radius_deg)
    page = take_page(
        rows, order="name", key="source_id", mark=params.get("page", ""), size=read_size(params.get("size", ""))
    )
    return Response(
        {
            "total": rows.count(),
            "next_page": page.next_mark or None,
            "sources": [_brief(row, request) for row in page.rows],
        }
    )


@extend_schema(
    summary="One source: names, position, and its products page by page",
    parameters=schemas.PRODUCT_PAGE_PARAMETERS,
    responses=answers(schemas.SOURCE),
)
@api_view()
def source(request: Request, source_id: str) -> Response:
    row = current_rows(Source).filter(source_id=source_id).select_related("release_from", "delivery").first()
    if row is None:
        raise NotFoundError(f"There is no source with the id {source_id!r} in this release.")
    names = current_rows(SourceName).filter(source_id=source_id).values_list("name", flat=True)
    products, params = current_rows(Product).filter(source_id=source_id), request.query_params
    size = read_size(params.get("size", str(MAX_SIZE)))
    page = take_page(products, order="product_id", key="product_id", mark=params.get("page", ""), size=size)
    return Response(
        {
            **_brief(row, request),
            "error_radius_deg": row.error_radius_deg,
            "isdc_class": row.isdc_class,
            "names": list(names),
            "release": row.release_from.name,
            "delivery": row.delivery.pk,
            "product_total": products.order_by().count(),
            "next_page": page.next_mark or None,
            "products": [_product_brief(product, request) for product in page.rows],
        }
    )


@extend_schema(
    summary="One product and its files with their digests", parameters=[], responses=answers(schemas.PRODUCT)
)
@api_view()
def product(request: Request, product_id: str) -> Response:
    row = find_product(product_id)
    files = [
        {
            "file_name": file.file_name,
            "role": file.role,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "url": reverse("product-file", args=[product_id, file.file_name], request=request),
        }
        for file in product_files(product_id)
    ]
    facts = {
        name: getattr(row, name)
        for name in ("target_name", "obs_id", "revolution", "ra", "dec", "tstart_mjd_tt", "tstop_mjd_tt", "exposure_s")
    }
    return Response({**_product_brief(row, request), **facts, "release": row.release_from.name, "files": files})


@extend_schema(
    summary="The points of a light-curve product, one curve per band",
    parameters=schemas.LIGHT_CURVE_PARAMETERS,
    responses=answers(schemas.LIGHT_CURVE),
)
@api_view()
def light_curve(request: Request, product_id: str) -> Response:
    row = find_product(product_id)
    bin_d = read_number(request.query_params, "bin_d", 1e-5, 10_000)
    return Response(light_curve_document(row, read_product_series(row), bin_d))


@extend_schema(summary="The channels of a spectrum product", parameters=[], responses=answers(schemas.SPECTRUM))
@api_view()
def spectrum(request: Request, product_id: str) -> Response:
    row = find_product(product_id)
    return Response(spectrum_document(row, read_product_spectrum(row)))


@extend_schema(
    summary="A spectrum unfolded with a power law",
    parameters=schemas.UNFOLDED_PARAMETERS,
    responses=answers(schemas.UNFOLDED),
)
@api_view()
def unfolded(request: Request, product_id: str) -> Response:
    row = find_product(product_id)
    index = read_number(request.query_params, "index", *INDEX_RANGE)
    return Response(unfolded_document(row, unfold_product(row, index)))


@extend_schema(
    summary="A name or a position in any notation, as ICRS degrees",
    parameters=schemas.RESOLVE_PARAMETERS,
    responses=answers(schemas.RESOLVED),
)
@api_view()
def resolve(request: Request) -> Response:
    text = read_text(request.query_params, "name", 400)
    query = parse_query(text)
    match query:
        case PositionQuery(ra=ra, dec=dec, read_as=read_as):
            return Response(
                {"query": text, "kind": "position", "ra": ra, "dec": dec, "read_as": read_as, "source": None}
            )
        case NameQuery(name=name):
            found = _brief(resolve_name(name), request)
            place = {"ra": found["ra"], "dec": found["dec"]}
            return Response({"query": text, "kind": "source", **place, "read_as": "a name", "source": found})
        case _:
            raise UsageError(f"{text!r} is neither a name nor a position.")


def _brief(row: Source, request: Request) -> dict[str, object]:
    chord2 = getattr(row, "separation_chord2", None)
    distance = {} if chord2 is None or not math.isfinite(chord2) else {"separation_deg": separation_deg(chord2)}
    return {
        "source_id": row.source_id,
        "name": row.name,
        "ra": row.ra,
        "dec": row.dec,
        "simulated": row.simulated,
        **distance,
        "url": reverse("api-source", args=[row.source_id], request=request),
        "page": reverse("source", args=[row.source_id], request=request),
    }


def _product_brief(row: Product, request: Request) -> dict[str, object]:
    return {
        "product_id": row.product_id,
        "kind": row.kind,
        "title": row.title,
        "instrument": row.instrument,
        "energy_min_kev": row.energy_min_kev,
        "energy_max_kev": row.energy_max_kev,
        "simulated": row.simulated,
        "url": reverse("api-product", args=[row.product_id], request=request),
        "page": reverse("product", args=[row.product_id], request=request),
    }
