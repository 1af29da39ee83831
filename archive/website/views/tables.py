"""Search pages over the published tables: facets, filters, columns, order, pages, and the ADQL that says the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from archive.published import Column, Table, load_tables
from archive.website import adql
from archive.website.request_values import read_text
from archive.website.searches import DEFAULT_RADIUS_DEG, SEARCHES, Search, count_search, find_page, read_search
from archive.website.table_query import IDS, NUMBERS, Match, OneOf, Span, TableQuery
from archive.website.table_sql import Counts, Facet, as_adql

_PAGES = MappingProxyType(
    {
        "source_id": "/sources/{}",
        "obs_id": "/observations/{}",
        "scw_id": "/scw/{}",
        "product_id": "/products/{}",
        "revolution": "/revolutions/{}",
        "proposal_id": "/proposals/{}",
        "omc_id": "/omc/{}",
        "delivery_id": "/deliveries/{}",
        "release": "/releases/{}",
    }
)
"""Where the value of a column leads."""

_BURSTS = ("integral.spi_grb_catalogue", "name")


LONG_TEXT = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and the page that it names ('' = none)."""

    column: Column
    value: object
    address: str

    @property
    def long(self) -> bool:
        """Whether the text wants a wide column."""
        return isinstance(self.value, str) and len(self.value) > LONG_TEXT and not self.address


@dataclass(frozen=True, slots=True)
class FilterField:
    """A column that can be filtered, with what is in the box now."""

    column: Column
    text: str
    is_number: bool
    is_time: bool
    is_id: bool


def table_list(request: HttpRequest) -> HttpResponse:
    """List every table that can be searched, in groups."""
    groups: dict[str, list[Table]] = {}
    tables = load_tables()
    for name, search in SEARCHES.items():
        groups.setdefault(search.group, []).append(tables[name])
    return render(request, "archive/tables.html", {"section": "tables", "groups": groups})


def science_windows(request: HttpRequest) -> HttpResponse:
    """Lead to the search of science windows, filters and all."""
    return _forward(request, "integral.science_windows")


def catalogues(request: HttpRequest) -> HttpResponse:
    """Lead to the list of catalogues."""
    return redirect("/tables/#Catalogues")


def _forward(request: HttpRequest, name: str) -> HttpResponse:
    text = request.META.get("QUERY_STRING", "")
    return redirect(f"/tables/{name}{f'?{text}' if text else ''}")


def table_search(request: HttpRequest, name: str) -> HttpResponse:
    """Search one table."""
    search, table, query = read_search(name, request.GET)
    near, radius = read_text(request.GET, "near", 200), query.cone.radius_deg if query.cone else DEFAULT_RADIUS_DEG
    counts, page = count_search(search, query), find_page(search, query)
    columns = {column.name: column for column in table.columns}
    text = as_adql(query, table)
    context = {
        "section": "tables",
        "table": table,
        "page": page,
        "total": counts.total,
        "query": text,
        "exports": adql.export_links(text),
        "pyvo": adql.pyvo_code(text),
        "sort": query.sort,
        "heads": [columns[column] for column in query.columns],
        "rows": [
            tuple(_cell(table.name, columns[n], v) for n, v in zip(query.columns, row, strict=True))
            for row in page.rows
        ],
        "columns": [(column, column.name in query.columns, column.name in search.key) for column in table.columns],
        "facets": _facets(counts, query, columns),
        "fields": _fields(request, table, search),
        "near": near,
        "radius": radius,
        "api": request.get_full_path().replace("/tables/", "/api/v1/tables/", 1),
        "chips": _chips(query, near),
    }
    return render(request, "archive/table.html", context)


def _cell(table: str, column: Column, value: object) -> Cell:
    known = value not in (None, "")
    page = "/bursts/{}" if (table, column.name) == _BURSTS else _PAGES.get(column.name, "")
    address = page if known else ""
    return Cell(column, value, address.format(quote(str(value), safe="+")) if address else "")


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """One value of a facet as a box to tick."""

    value: str
    label: str
    count: int
    chosen: bool


def _facets(
    counts: Counts, query: TableQuery, columns: Mapping[str, Column]
) -> list[tuple[Column, list[FacetChoice], int]]:
    chosen = {f.column: f.values for f in query.filters if isinstance(f, OneOf)}
    return [
        (columns[facet.column], _choices(facet, chosen.get(facet.column, ())), facet.more)
        for facet in counts.facets
        if len(facet.counts) > 1 or facet.column in chosen
    ]


def _choices(facet: Facet, chosen: tuple[object, ...]) -> list[FacetChoice]:
    found = [FacetChoice(_word(v), _label(v), count, v in chosen) for v, count in facet.counts]
    listed = {choice.value for choice in found}
    return found + [FacetChoice(_word(v), _label(v), 0, chosen=True) for v in chosen if _word(v) not in listed]


def _word(value: object) -> str:
    if value in (None, ""):
        return "(none)" if value is None else "(empty)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label(value: object) -> str:
    """Return how a value is shown, where `_word` is how an address writes it."""
    if value in (None, ""):
        return gettext("(none)") if value is None else gettext("(empty)")
    return _word(value)


def _fields(request: HttpRequest, table: Table, search: Search) -> list[FilterField]:
    """Return the boxes: principal columns and those in use."""
    return [
        FilterField(
            column,
            request.GET.get(column.name, ""),
            column.datatype in NUMBERS,
            column.name.endswith("_mjd_tt"),
            column.name in IDS,
        )
        for column in table.columns
        if column.name not in search.facets
        and column.datatype != "boolean"
        and (column.principal or column.name in request.GET)
        and not (table.position and column.name in {"ra", "dec"} and column.name not in request.GET)
    ]


def _chips(query: TableQuery, near: str) -> list[tuple[str, str]]:
    """Return the filters in words, with the parameter to drop."""
    chips = []
    if query.cone:
        values = {"radius": f"{query.cone.radius_deg:g}", "place": near}
        chips.append(("near", gettext("within %(radius)s° of %(place)s") % values))
    for condition in query.filters:
        match condition:
            case Span(column=column, low=low, high=high):
                ends = f"{'' if low is None else f'{low:.10g}'} .. {'' if high is None else f'{high:.10g}'}"
                chips.append((column, f"{column} {ends}"))
            case Match(column=column, pattern=pattern):
                values = {"column": column, "text": pattern[1:-1]}
                chips.append((column, gettext("%(column)s contains %(text)s") % values))
            case OneOf(column=column, values=values):
                chips.append((column, f"{column}: {', '.join(map(_label, values))}"))
    return chips
