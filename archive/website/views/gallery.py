"""The gallery: products with their pictures and the workflow behind each; and the provenance of one as a document."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import override, pgettext_lazy
from django.views.decorators.http import require_safe

from archive.api.points import SERIES_KINDS, find_product, product_files
from archive.models import Delivery, Instrument, Product, ProductFile
from archive.selectors import current_release, current_rows
from archive.website import adql
from archive.website.paging import take_page
from archive.website.request_values import read_choice, read_text
from archive.website.workflow import provenance_document, read_workflow, read_workflows

PAGE_SIZE = 24
PREVIEWED = (*SERIES_KINDS, Product.Kind.SPECTRUM, Product.Kind.MOSAIC, Product.Kind.SCW_IMAGE)
"""Kinds that `/preview` draws."""

ORIGINS = {"real": pgettext_lazy("data", "real"), "simulated": pgettext_lazy("data", "simulated")}


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Show products as pictures; `kind`, `instrument`, `target`, `delivery` and `origin` choose."""
    params = request.GET
    instruments = list(Instrument.objects.values_list("instrument", flat=True))
    chosen = {
        "kind": read_choice(params, "kind", ("", *Product.Kind.values), ""),
        "instrument": read_choice(params, "instrument", ("", *instruments), ""),
        "origin": read_choice(params, "origin", ("", *ORIGINS), ""),
        "target_name": read_text(params, "target", 80),
        "delivery": read_text(params, "delivery", 80),
    }
    rows = current_rows(Product).filter(
        **{name: chosen[name] for name in ("kind", "instrument", "target_name") if chosen[name]}
    )
    deliveries = _deliveries()
    if chosen["origin"]:
        # By delivery, because the index of deliveries finds a few real products among a million others.
        wanted = [d.delivery_id for d in deliveries if d.simulated == (chosen["origin"] == "simulated")]
        rows = rows.filter(delivery_id__in=wanted)
    if chosen["delivery"]:
        rows = rows.filter(delivery_id=chosen["delivery"])
    page = take_page(
        rows.select_related("delivery", "release_from").defer("footprint", "delivery__counts", "delivery__findings"),
        order="product_id",
        key="product_id",
        mark=params.get("page", ""),
        size=PAGE_SIZE,
    )
    files: dict[str, list[ProductFile]] = {}
    for file in current_rows(ProductFile).filter(product_id__in=[p.product_id for p in page.rows]):
        files.setdefault(file.product_id, []).append(file)
    workflows = read_workflows(page.rows, files, settings.PUBLIC_URL)
    conditions = [adql.equals(name, chosen[name]) for name in ("kind", "instrument", "target_name") if chosen[name]]
    conditions += [adql.equals("delivery_id", chosen["delivery"])] if chosen["delivery"] else []
    query = adql.select("integral.products", conditions, "product_id")
    context = {
        "section": "products",
        "page": page,
        "cards": [(p, workflows[p.product_id], _has_picture(p, files.get(p.product_id, []))) for p in page.rows],
        "chosen": chosen,
        "target": chosen["target_name"],
        "kinds": [(kind, Product.Kind(kind).label) for kind in Product.Kind.values],
        "instruments": instruments,
        "origins": ORIGINS.items(),
        "deliveries": deliveries,
        "pyvo": adql.pyvo_code(query),
    }
    return render(request, "archive/gallery.html", context)


def _deliveries() -> list[Delivery]:
    release = current_release()
    if release is None:
        return []
    rows = Delivery.objects.filter(release__number__lte=release.number)
    return list(rows.only("delivery_id", "title", "simulated").order_by("title", "delivery_id"))


def _has_picture(product: Product, files: list[ProductFile]) -> bool:
    return product.kind in PREVIEWED and any(file.role == ProductFile.Role.SCIENCE for file in files)


@require_safe
def provenance(request: HttpRequest, product_id: str) -> JsonResponse:
    """Send the provenance of a product as PROV-JSON, in English for everyone."""
    product, files = find_product(product_id), product_files(product_id)
    with override("en"):
        workflow = read_workflow(product, files, settings.PUBLIC_URL)
    document = provenance_document(product, files, workflow, url=settings.PUBLIC_URL, authority=settings.IVO_AUTHORITY)
    return JsonResponse(document, json_dumps_params={"indent": 2})
