"""The page of target lists: a list in, a table out, line by line; as a page, CSV or VOTable."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_noop
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from archive.errors import UsageError
from archive.models import Product
from archive.selectors import current_release, current_rows
from archive.website.basket import MAX_PRODUCTS
from archive.website.request_values import read_choice, read_number
from archive.website.targets import MAX_TARGETS, Target, find_targets, read_lines

DEFAULT_RADIUS_DEG = 0.1
MAX_BYTES = 16 * 1024 * 1024
MAX_SHOWN = 1000
COLUMNS = (
    ("line", "int", "", "meta.id", "line of the list"),
    ("text", "char", "", "meta.id;meta.main", "the line"),
    ("status", "char", "", "meta.code.status", "found, ambiguous, no source or unreadable"),
    ("note", "char", "", "meta.note", "why"),
    ("ra", "double", "deg", "pos.eq.ra", "right ascension of the target, ICRS"),
    ("dec", "double", "deg", "pos.eq.dec", "declination of the target, ICRS"),
    ("source_id", "char", "", "meta.id", "source of the archive"),
    ("source_name", "char", "", "meta.id", "its name"),
    ("separation_arcmin", "double", "arcmin", "pos.angDistance", "from the position to the source"),
    ("product_count", "int", "", "meta.number", "products of the source"),
    ("simulated", "boolean", "", "meta.code", "whether the source is simulated"),
)

# The page translates them; the CSV and the VOTable hold them as they are.
STATUSES = (gettext_noop("found"), gettext_noop("ambiguous"), gettext_noop("no source"), gettext_noop("unreadable"))


@csrf_exempt  # nothing is changed or kept: what is sent comes back as a table
@require_http_methods(["GET", "HEAD", "POST"])
def targets(request: HttpRequest) -> HttpResponseBase:
    """Answer a list of targets."""
    if request.method != "POST":
        return render(
            request, "archive/targets.html", {"section": "tables", "radius": DEFAULT_RADIUS_DEG, "max": MAX_TARGETS}
        )
    text = _read_text(request)
    radius = read_number(request.POST, "radius", 1e-6, 10.0) or DEFAULT_RADIUS_DEG
    form = read_choice(request.POST, "format", ("html", "csv", "votable"), "html")
    found = find_targets(read_lines(text), radius)
    if form == "csv":
        return _send(_csv(found), "text/csv; charset=utf-8", "targets.csv")
    if form == "votable":
        return _send(_votable(found), "application/x-votable+xml", "targets.vot")
    return _page(request, text, radius, found)


def _read_text(request: HttpRequest) -> str:
    upload = request.FILES.get("file")
    if upload is None:
        text = request.POST.get("targets", "")
        if len(text) > MAX_BYTES:
            raise UsageError(f"The list has {len(text):,} characters; at most {MAX_BYTES:,} are taken.")
        return _same_ends(text)
    if (upload.size or 0) > MAX_BYTES:
        raise UsageError(f"The file has {upload.size:,} bytes; at most {MAX_BYTES:,} are taken.")
    try:
        return _same_ends(upload.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The file is no text in UTF-8: byte {error.start} cannot be read; save it as plain text."
        ) from error


def _same_ends(text: str) -> str:
    """Return the text with one sign at the end of a line: forms of browsers send two, and lines are counted."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _page(request: HttpRequest, text: str, radius: float, found: Iterable[Target]) -> HttpResponse:
    rows = iter(found)
    shown = list(islice(rows, MAX_SHOWN))
    counts = Counter(target.status for target in shown)
    ids = {target.source_id for target in shown if target.source_id}
    more = 0
    for target in rows:
        counts[target.status] += 1
        more += 1
        if target.source_id:
            ids.add(target.source_id)
    products = (
        current_rows(Product).filter(source_id__in=ids).order_by("product_id").values_list("product_id", flat=True)
    )
    basket = list(products[: MAX_PRODUCTS + 1]) if ids else []
    context = {
        "section": "tables",
        "radius": radius,
        "text": text,
        "max": MAX_TARGETS,
        "rows": shown,
        "more": more,
        "counts": sorted(counts.items()),
        "total": sum(counts.values()),
        "sources": len(ids),
        "basket": basket if len(basket) <= MAX_PRODUCTS else [],
        "too_many": MAX_PRODUCTS if len(basket) > MAX_PRODUCTS else 0,
    }
    return render(request, "archive/targets.html", context)


def _send(chunks: Iterator[str], media_type: str, name: str) -> HttpResponseBase:
    response = StreamingHttpResponse((chunk.encode() for chunk in chunks), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _values(target: Target) -> list[object]:
    return [getattr(target, name) for name, *_ in COLUMNS]


class _Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def _csv(found: Iterable[Target]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow([name for name, *_ in COLUMNS])
    for target in found:
        yield writer.writerow(["" if value is None else value for value in _values(target)])


def _votable(found: Iterable[Target]) -> Iterator[str]:
    release = current_release()
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<COOSYS ID="icrs" system="ICRS"/>\n<RESOURCE type="results">\n'
        f'<INFO name="release" value="{escape(release.name if release else "none")}"/>\n<TABLE name="targets">\n'
    )
    for name, datatype, unit, ucd, description in COLUMNS:
        extra = (' arraysize="*"' if datatype == "char" else "") + (f' unit="{unit}"' if unit else "")
        extra += ' ref="icrs"' if name in {"ra", "dec"} else ""
        field = f'<FIELD name="{name}" datatype="{datatype}"{extra} ucd="{ucd}">'
        yield f"{field}<DESCRIPTION>{description}</DESCRIPTION></FIELD>\n"
    yield "<DATA><TABLEDATA>\n"
    for target in found:
        cells = "".join(f"<TD>{_cell(value)}</TD>" for value in _values(target))
        yield f"<TR>{cells}</TR>\n"
    yield "</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
