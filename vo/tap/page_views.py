"""The page where people write ADQL; its scripts talk to the same TAP service as every client."""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from archive.errors import ArchiveError
from archive.published import Table
from vo.adql.functions import FUNCTIONS
from vo.adql.words import AGGREGATES, GEOMETRY_FUNCTIONS, SCALAR_FUNCTIONS, SHAPES
from vo.tap.examples import EXAMPLES
from vo.tap.formats import FORMATS
from vo.tap.params import DEFAULT_MAXREC, HARD_MAXREC
from vo.tap.services import Preview, preview_query, published_tables

KEYWORDS = (
    "SELECT", "DISTINCT", "TOP", "FROM", "WHERE", "AND", "OR", "NOT", "JOIN", "LEFT", "RIGHT", "FULL", "OUTER", "INNER",
    "NATURAL", "CROSS", "ON", "USING", "AS", "GROUP BY", "HAVING", "ORDER BY", "ASC", "DESC", "OFFSET", "BETWEEN", "IN",
    "LIKE", "ILIKE", "IS NULL", "IS NOT NULL", "EXISTS", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "UNION",
    "UNION ALL", "EXCEPT", "INTERSECT", "WITH", "NULL",
)  # fmt: skip
"""What the editor completes; all words that ADQL reserves would bury the useful ones."""

_PLACE = re.compile(r"\(line (\d+), column (\d+)\)\s*$")
_MOST_SHOWN = 160


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The form where people write ADQL, and the first rows of what they asked."""
    query = request.GET.get("QUERY", "")
    preview, error = _preview(query)
    context = {
        "section": "tap",
        "examples": EXAMPLES,
        "formats": FORMATS,
        "schemas": _by_schema(),
        "words": _words(),
        "query": query or EXAMPLES[0].query,
        "preview": preview,
        "error": error,
        "error_place": show_place(query, error),
        "default_maxrec": DEFAULT_MAXREC,
        "hard_maxrec": HARD_MAXREC,
        "address": f"{settings.PUBLIC_URL}/tap",
    }
    return render(request, "tap/page.html", context, status=400 if error else 200)


def _preview(query: str) -> tuple[Preview | None, str]:
    if not query.strip():
        return None, ""
    try:
        return preview_query(query), ""
    except ArchiveError as failure:
        return None, str(failure)


def show_place(query: str, error: str) -> str:
    r"""Return the line that an error speaks of with a caret under its column; empty if it names no place.

    Examples
    --------
    >>> print(show_place("SELECT *\nFORM t", "unexpected FORM (line 2, column 1)"))
    2 | FORM t
        ^
    """
    found, lines = _PLACE.search(error), query.splitlines()
    if found is None or not 1 <= int(found[1]) <= len(lines):
        return ""
    line, column = lines[int(found[1]) - 1], int(found[2])
    start = max(0, column - 1 - _MOST_SHOWN // 2)
    shown = line[start : start + _MOST_SHOWN].replace("\t", " ")
    return f"{found[1]} | {shown}\n{' ' * (len(found[1]) + 2 + column - start)}^"


def _by_schema() -> dict[str, list[Table]]:
    schemas: dict[str, list[Table]] = {}
    for table in published_tables().values():
        schemas.setdefault(table.schema, []).append(table)
    return schemas


def _words() -> dict[str, object]:
    """Return keywords and functions for the editor; a function is its name and what it is."""
    known = [(name, "ADQL") for name in sorted({*SCALAR_FUNCTIONS, *GEOMETRY_FUNCTIONS, *SHAPES, *AGGREGATES})]
    declared = [(f.signature.partition("(")[0], f"{f.signature}: {f.description}") for f in FUNCTIONS.values()]
    return {"keywords": KEYWORDS, "functions": known + declared}
