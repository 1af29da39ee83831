"""What the checks of a delivery found in the files of products: shown with the product."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from archive.models import Product, ProductFile

MOST_ISSUES = 50


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding of the validator in a file of a product."""

    file_name: str
    rule: str
    severity: str
    message: str
    found: str


def read_issues(products: Sequence[Product], files: Iterable[ProductFile]) -> tuple[Issue, ...]:
    """Return the errors and warnings that the checks found in these files, at most `MOST_ISSUES` and one.

    A report may be a megabyte, so PostgreSQL picks the findings out of it; a delivery's report does not change.
    """
    names = tuple(sorted({file.file_name for file in files}))
    deliveries = tuple(sorted({product.delivery_id for product in products}))  # pyright: ignore[reportAttributeAccessIssue]
    return _read_issues(deliveries, names) if names and deliveries else ()


@lru_cache(maxsize=1024)
def _read_issues(deliveries: tuple[str, ...], names: tuple[str, ...]) -> tuple[Issue, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT regexp_replace(f->>'path', '^.*/', ''), f->>'rule', f->>'severity', f->>'message', "
            "coalesce(f->>'found', '') "
            "FROM archive_delivery d CROSS JOIN LATERAL jsonb_array_elements(d.findings) AS f "
            "WHERE d.delivery_id = ANY(%s) AND jsonb_typeof(d.findings) = 'array' "
            "AND f->>'severity' IN ('error', 'warning') AND regexp_replace(f->>'path', '^.*/', '') = ANY(%s) "
            "ORDER BY 3, 1, 2 LIMIT %s",
            [list(deliveries), list(names), MOST_ISSUES + 1],
        )
        return tuple(Issue(*row) for row in cursor.fetchall())
