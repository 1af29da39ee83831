"""Counts what is asked of the archive, per day and service, without a trace of who asked.

A process counts in memory and adds its counts to the table now and then, so a request costs a dictionary entry. What a
process had not written when it was killed is lost: the numbers are for people who plan, not for accounts.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime

from django.db import DatabaseError, connection
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_noop

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 30.0
SERVICES = {
    "tap": "TAP",
    "hips": gettext_noop("HiPS tiles"),
    "api": "JSON API",
    "upper-limits": gettext_noop("upper limits"),
    "moc": "MOC",
    "mocs": "MOC",
    "datalink": "DataLink",
    "ssa": "SSA",
    "sia": "SIA",
    "scs": gettext_noop("cone search"),
    "soda": "SODA",
    "mmoda": "MMODA",
    "oai": gettext_noop("registry"),
}
"""First part of an address, and the service there; products' files count as downloads, the rest as pages."""

COUNTED = ("requests", "refused", "failed", "size_bytes")
SUMS = {name: Sum(name) for name in COUNTED}
"""What is counted of each service, and the sums of it in a query of `UsageCount`."""

UNCOUNTED = {"static", "favicon.ico", "robots.txt"}

Key = tuple[date, str, str]


class _Counts:
    """What this process has counted and not yet written."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: Counter[Key] = Counter()
        self.flushed_at = time.monotonic()

    def add(self, service: str, status: int, size_bytes: int) -> bool:
        """Count an answer; True when it is time to write."""
        today = datetime.now(UTC).date()
        kind = "failed" if status >= 500 else "refused" if status >= 400 else ""
        with self.lock:
            self.values[today, service, "requests"] += 1
            self.values[today, service, "size_bytes"] += size_bytes
            if kind:
                self.values[today, service, kind] += 1
            due = time.monotonic() - self.flushed_at > FLUSH_EVERY_S
            if due:
                self.flushed_at = time.monotonic()
            return due

    def take(self) -> Counter[Key]:
        """Hand over what was counted and begin anew."""
        with self.lock:
            taken, self.values = self.values, Counter()
            return taken

    def give_back(self, values: Counter[Key]) -> None:
        """Keep counts that could not be written."""
        with self.lock:
            self.values.update(values)


_counts = _Counts()


def name_service(path: str) -> str | None:
    """Name the service that answers at a path; None where nothing is counted.

    Examples
    --------
    >>> name_service("/tap/sync"), name_service("/products/crab/files/lc.fits"), name_service("/sky")
    ('TAP', 'downloads', 'pages')
    >>> name_service("/static/archive/archive.css") is None
    True
    """
    parts = path.split("/", 5)
    first = parts[1] if len(parts) > 1 else ""
    if first in UNCOUNTED:
        return None
    if first == "products" and "files" in parts[3:4]:
        return gettext_noop("downloads")
    return SERVICES.get(first, gettext_noop("pages"))


def count_usage(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: count every answer once."""

    def count(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        service = name_service(request.path)
        if service is not None:
            size = response.get("Content-Length", "0")
            if _counts.add(service, response.status_code, int(size) if size.isdigit() else 0):
                write_counts()
        return response

    return count


def write_counts() -> None:
    """Add what this process counted to the table; where the database is away, keep it for later."""
    values = _counts.take()
    rows = {(day, service) for day, service, _ in values}
    try:
        with connection.cursor() as cursor:
            for day, service in sorted(rows):
                cursor.execute(
                    "INSERT INTO archive_usagecount (day, service, requests, refused, failed, size_bytes)"
                    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (day, service) DO UPDATE SET"
                    " requests = archive_usagecount.requests + excluded.requests,"
                    " refused = archive_usagecount.refused + excluded.refused,"
                    " failed = archive_usagecount.failed + excluded.failed,"
                    " size_bytes = archive_usagecount.size_bytes + excluded.size_bytes",
                    [day.isoformat(), service, *(values[day, service, column] for column in COUNTED)],
                )
                for column in COUNTED:
                    del values[day, service, column]
    except DatabaseError as error:
        _counts.give_back(values)
        logger.warning("usage could not be counted now, it will be later: %s", error)
