"""The basket: look, change, share, take away. Every download also works for a shared basket, `items` in its address."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from archive.bundles import tar_size
from archive.errors import NotFoundError, UsageError
from archive.website.basket import (
    MAX_PRODUCTS,
    Basket,
    basket_members,
    fetch_script,
    fill_basket,
    manifest,
    read_ids,
    read_shared,
    share_text,
    write_ids,
)
from archive.website.bundles import send_bundle
from archive.website.citation import acknowledgement, bibtex, cite


def show(request: HttpRequest) -> HttpResponse:
    """Show the visitor's basket, or the shared one named by `items`."""
    shared = request.GET.get("items", "")
    basket = _basket(request)
    text = share_text([product.product_id for product in basket.products]) if basket.products else ""
    sizes: dict[str, tuple[int, int]] = {}
    for file in basket.files:
        count, size = sizes.get(file.product_id, (0, 0))
        sizes[file.product_id] = (count + 1, size + file.size_bytes)
    context = {
        "section": "basket",
        "basket": basket,
        "rows": [(product, *sizes.get(product.product_id, (0, 0))) for product in basket.products],
        "shared": shared,
        "items": text,
        "suffix": f"?items={shared}" if shared else "",
        "tar_bytes": tar_size(basket_members(basket)) if basket.products else 0,
        "acknowledgement": acknowledgement(cite(basket.products), basket.release),
        "bibtex": bibtex(basket.release),
    }
    response = render(request, "archive/basket.html", context)
    response["Cache-Control"] = "private, no-cache"
    return response


@csrf_exempt  # the origin is checked below, and the cookie stays home on requests from other sites (SameSite)
@require_POST
def change(request: HttpRequest) -> HttpResponse:
    """Add, remove or clear, then show the basket."""
    check_origin(request)
    ids = read_ids(request)
    added = request.POST.getlist("add")
    if len(added) > MAX_PRODUCTS:
        raise UsageError(f"At most {MAX_PRODUCTS} products at once; this form names {len(added)}.")
    found = fill_basket(added)
    if found.missing:
        raise NotFoundError(f"There is no product {found.missing[0][:120]!r} in this release; the basket is unchanged.")
    removed = set(request.POST.getlist("remove"))
    kept = [] if request.POST.get("clear") else [name for name in dict.fromkeys((*ids, *added)) if name not in removed]
    response = redirect("basket")
    write_ids(request, response, kept)
    return response


def check_origin(request: HttpRequest) -> None:
    """Refuse a form that another site sent (OWASP: verifying origin with standard headers).

    Raises
    ------
    UsageError
        If the browser says that the form came from elsewhere.
    """
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"} or (
        origin and urlsplit(origin).netloc != request.get_host()
    ):
        raise UsageError("This form was sent by another site; nothing is changed. Use the buttons of this archive.")


def send_tar(request: HttpRequest) -> HttpResponseBase:
    """Stream all files with manifest, acknowledgement and BibTeX; ranges work."""
    basket = _filled(request)
    return send_bundle(request, basket_members(basket), stem="archipelago", kind="tar")


def send_script(request: HttpRequest) -> HttpResponse:
    """Give the script that fetches and verifies."""
    return _text(fetch_script(_filled(request)), "fetch.sh", "text/x-shellscript")


def send_manifest(request: HttpRequest) -> HttpResponse:
    """Give the digests."""
    return _text(manifest(_filled(request)), "manifest-sha256.txt", "text/plain")


def send_bibtex(request: HttpRequest) -> HttpResponse:
    """Give the references."""
    basket = _filled(request)
    return _text(bibtex(basket.release), "references.bib", "application/x-bibtex")


def _basket(request: HttpRequest) -> Basket:
    shared = request.GET.get("items", "")
    return fill_basket(read_shared(shared) if shared else read_ids(request))


def _filled(request: HttpRequest) -> Basket:
    basket = _basket(request)
    if not basket.products:
        raise NotFoundError("The basket is empty: put products into it from their pages, or open a shared one.")
    return basket


def _text(content: str, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=f"{media_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-cache"
    return response
