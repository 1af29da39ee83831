"""The site map for search engines: what the JSON-LD on the pages is found by (https://www.sitemaps.org/protocol.html)."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet
from django.urls import reverse

from archive.models import Product, Source
from archive.selectors import current_release, rows_of_release


class _OfThisArchive(Sitemap):
    """Addresses with the scheme of PUBLIC_URL, at most 10,000 in a file."""

    limit = 10_000
    protocol = urlsplit(settings.PUBLIC_URL).scheme


class _Pages(_OfThisArchive):
    """The pages that are there once."""

    def items(self) -> Sequence[str]:
        """Names of the addresses."""
        return (
            "home",
            "about",
            "releases",
            "tables",
            "gallery",
            "timeline",
            "hips-index",
            "mocs",
            "upper-limits",
            "tap",
        )

    def location(self, obj: object) -> str:
        """Address of a page."""
        return reverse(str(obj))


class _Rows(_OfThisArchive):
    """The pages of a model's rows in the current release."""

    def __init__(self, model: type[Source] | type[Product], key: str, name: str) -> None:
        self.model, self.key, self.name = model, key, name

    def items(self) -> QuerySet:  # pyright: ignore[reportMissingTypeArgument]  # of ids, not of rows
        """Ids, in order."""
        release = current_release()
        rows = self.model.objects.none() if release is None else rows_of_release(self.model, release)
        return rows.order_by(self.key).values_list(self.key, flat=True)  # pyright: ignore[reportReturnType]

    def location(self, obj: object) -> str:
        """Address of a row's page."""
        return reverse(self.name, args=[obj])


SITEMAPS = {
    "pages": _Pages(),
    "sources": _Rows(Source, "source_id", "source"),
    "products": _Rows(Product, "product_id", "product"),
}
