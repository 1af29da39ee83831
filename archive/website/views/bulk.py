"""Many files at once: scripts that fetch a selection, and the list of all files of a release."""

import csv
import io
from collections.abc import Iterator
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.fetch_scripts import SCRIPTS, Wanted
from archive.models import Product, ProductFile, Release
from archive.selectors import current_release, current_rows, find_release, rows_of_release
from archive.website.downloads import matches_etag

MAX_IDS = 10_000
MAX_FILES = 20_000
MANIFESTS = {"txt": "text/plain; charset=utf-8", "csv": "text/csv; charset=utf-8"}
_COLUMNS = ("product_id", "role", "file_name", "media_type", "size_bytes", "sha256", "url")


def file_url(file: ProductFile) -> str:
    """Return the address of a file of the current release."""
    return f"{settings.PUBLIC_URL}/products/{quote(file.product_id, safe='')}/files/{quote(file.file_name, safe='')}"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def script(request: HttpRequest, form: str) -> HttpResponse:
    """Give a script that fetches the products named by ID, or all of the current release with ``all=1``."""
    make, name, media_type = SCRIPTS[form]
    source = request.POST if request.method == "POST" else request.GET
    ids = list(dict.fromkeys(str(value).strip() for value in source.getlist("ID") if str(value).strip()))
    whole = source.get("all") == "1"
    if whole == bool(ids):
        raise UsageError("Give ID, once for each product, or all=1 for every product of the release.")
    if len(ids) > MAX_IDS:
        raise TooLargeError(f"{len(ids)} products in one script are more than {MAX_IDS}; ask in parts.")
    files = current_rows(ProductFile).order_by("product_id", "file_name")
    if not whole:
        known = set(current_rows(Product).filter(product_id__in=ids).values_list("product_id", flat=True))
        if missing := [item for item in ids if item not in known]:
            raise NotFoundError(f"There is no product {missing[0][:120]!r} in this release; no script was made.")
        files = files.filter(product_id__in=ids)
    if (count := files.count()) > MAX_FILES:
        raise TooLargeError(
            f"{count} files are too many for one script (at most {MAX_FILES}); the release page has their list as CSV."
        )
    wanted = [Wanted(f"{row.product_id}/{row.file_name}", file_url(row), row.size_bytes, row.sha256) for row in files]
    release = current_release()
    text = make(wanted, f"release {release.name if release else '-'} of {settings.PUBLIC_URL}")
    response = HttpResponse(text, content_type=f"{media_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def manifest(request: HttpRequest, name: str, form: str) -> HttpResponseBase:
    """List all files of a release: ``txt`` as sha256sum reads it, ``csv`` with sizes, roles and addresses.

    A release never changes, so neither does its list. The address is empty where the current release does not have
    the file any more.
    """
    release = find_release(name)
    etag = f'"{release.name}-{form}-1"'
    if matches_etag(request.headers.get("If-None-Match", ""), etag) and form == "txt":
        response: HttpResponseBase = HttpResponse(status=304)
    else:
        response = StreamingHttpResponse(_lines(release, form), content_type=MANIFESTS[form])
        response["Content-Disposition"] = f'attachment; filename="archipelago-{release.name}-files.{form}"'
    if form == "txt":
        response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _lines(release: Release, form: str) -> Iterator[bytes]:
    rows = rows_of_release(ProductFile, release).order_by("product_id", "file_name").iterator(5_000)
    if form == "txt":
        for row in rows:
            yield f"{row.sha256}  {row.product_id}/{row.file_name}\n".encode()
        return
    yield f"{','.join(_COLUMNS)}\r\n".encode()
    for row in rows:
        values = [getattr(row, column) for column in _COLUMNS[:-1]]
        ended = row.release_to_id is not None  # pyright: ignore[reportAttributeAccessIssue]  # Django's
        yield _csv_line([*values, "" if ended else file_url(row)])


def _csv_line(values: list[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()
