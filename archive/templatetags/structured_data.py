"""Puts the description of a page for search engines into its head."""

from typing import Any
from urllib.parse import quote

from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import override

from archive.api.points import product_files
from archive.identifiers import publisher_did
from archive.models import Product, Release, Source
from archive.website import structured_data as data
from archive.website.views.gallery import PREVIEWED

register = template.Library()


@register.simple_tag(takes_context=True)
def structured_data(context: Any) -> SafeString:
    """Write JSON-LD for the page of a product, a source or the releases, and for the home page; else nothing.

    It is in English for everyone: search engines know one address of a page.
    """
    with override("en"):
        document = _describe(context)
    if document is None:
        return SafeString("")
    # write_json has escaped what could end the element; browsers do not run a script of this type.
    return mark_safe(f'<script type="application/ld+json">{data.write_json(document)}</script>')  # noqa: S308


@register.simple_tag(takes_context=True)
def preview_image(context: Any) -> str:
    """Return the absolute address of the picture that stands for a page where its link is shared (ogp.me, og:image)."""
    match context.get("product"), context.get("source"):
        case Product(kind=kind) as product, _ if kind in PREVIEWED:
            path = f"/preview/{quote(product.product_id, safe='+')}"
        case _, Source() as source:
            path = f"/sources/{quote(source.source_id, safe='+')}/sky.png"
        case _:
            path = "/coverage.png"
    return f"{settings.PUBLIC_URL}{path}"


def _describe(context: Any) -> data.Json | None:
    url, release = settings.PUBLIC_URL, context.get("release")
    current = release if isinstance(release, Release) else None
    match context.get("product"), context.get("source"), _page_of(context):
        case Product() as product, _, _:
            did = publisher_did(settings.IVO_AUTHORITY, "integral", product.product_id)
            return data.product_dataset(product, product_files(product.product_id), did, url, current)
        case _, Source() as source, _:
            return data.source_dataset(source, url, current)
        case _, _, ("release", str(name)) if shown := Release.objects.filter(name=name).first():
            return data.release_dataset(shown, url)
        case _, _, ("releases", _) if current is not None:
            return data.release_dataset(current, url)
        case _, _, ("home", _):
            return data.catalog(url, current)
        case _:
            return None


def _page_of(context: Any) -> tuple[str, str | None]:
    """Return the name of the page's address and the release in it."""
    match = getattr(context.get("request"), "resolver_match", None)
    return (match.url_name or "", match.kwargs.get("name")) if match else ("", None)
