"""Search pages over the published tables: facets, filters, columns, order, pages, and the ADQL that says the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from archive.errors import NotFoundError, UsageError
from archive.published import Column, Table, load_tables
from archive.selectors import current_release, resolve_name
from archive.website import adql
from archive.website.query import NameQuery, PositionQuery, parse_query
from archive.website.request_values import Cone, read_number, read_text
from archive.website.table_query import NUMBERS, Match, OneOf, Span, TableQuery, read_table_query
from archive.website.table_sql import Counts, Facet, as_adql, read_counts, read_page

DEFAULT_RADIUS_DEG = 1.0


@dataclass(frozen=True, slots=True)
class Search:
    """How a table is searched: columns that make its key, columns that are facets."""

    key: tuple[str, ...]
    facets: tuple[str, ...]
    group: str = "Archive"


def _catalogue(key: str, *facets: str) -> Search:
    return Search(("catalogue_version", key), ("catalogue_version", *facets, "simulated"), "Catalogues")


SEARCHES: Mapping[str, Search] = MappingProxyType(
    {
        "integral.observations": Search(("obs_id",), ("obs_type", "simulated", "release")),
        "integral.science_windows": Search(("scw_id",), ("kind", "obs_type", "simulated", "release")),
        "integral.products": Search(("product_id",), ("kind", "instrument", "band", "simulated", "release")),
        "integral.product_files": Search(("product_id", "file_name"), ("role", "media_type", "simulated")),
        "integral.sources": Search(("source_id",), ("isdc_class", "simulated", "release")),
        "integral.source_names": Search(("source_id", "normalized_name"), ("is_main", "simulated")),
        "integral.proposals": Search(("proposal_id",), ("category", "cycle", "simulated")),
        "integral.revolutions": Search(("revolution",), ("simulated",)),
        "integral.isdc_reference_catalogue": _catalogue("source_id", "isdc_class", "isgri_flag"),
        "integral.ibis_catalogue": _catalogue("name", "source_class", "variable"),
        "integral.jemx_catalogue": _catalogue("name", "source_class", "variable"),
        "integral.spi_catalogue": _catalogue("source_id", "isdc_class"),
        "integral.spi_grb_catalogue": _catalogue("name", "instrument"),
        "integral.omc_catalogue": _catalogue("omc_id", "variability_type"),
    }
)
_PAGES = MappingProxyType(
    {
        "source_id": "/sources/{}",
        "obs_id": "/observations/{}",
        "scw_id": "/scw/{}",
        "product_id": "/products/{}",
        "revolution": "/revolutions/{}",
        "proposal_id": "/proposals/{}",
        "delivery_id": "/deliveries/{}",
        "release": "/releases/{}",
    }
)
"""Where the value of a column leads."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and the page that it names ('' = none)."""

    column: Column
    value: object
    address: str


@dataclass(frozen=True, slots=True)
class FilterField:
    """A column that can be filtered, with what is in the box now."""

    column: Column
    text: str
    is_number: bool
    is_time: bool


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
    search, table = SEARCHES.get(name), load_tables().get(name)
    if search is None or table is None:
        raise NotFoundError(
            f"There is no search page for {name[:80]!r}; there is one for each of {', '.join(SEARCHES)}."
        )
    near = read_text(request.GET, "near", 200)
    radius = read_number(request.GET, "radius", 1e-6, 180)
    cone = read_near(near, radius, table)
    query = read_table_query(request.GET, table, facets=search.facets, key=search.key, cone=cone)
    release = current_release()
    stamp = (release.number, release.published_at) if release else None
    counts = read_counts(stamp, name, query.filters, cone, search.facets)
    page = read_page(query, search.key)
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
        "rows": [tuple(_cell(columns[n], v) for n, v in zip(query.columns, row, strict=True)) for row in page.rows],
        "columns": [(column, column.name in query.columns, column.name in search.key) for column in table.columns],
        "facets": _facets(counts, query, columns),
        "fields": _fields(request, table, search),
        "near": near,
        "radius": radius or DEFAULT_RADIUS_DEG,
        "chips": _chips(query, near),
    }
    return render(request, "archive/table.html", context)


def read_near(text: str, radius_deg: float | None, table: Table) -> Cone | None:
    """Return the circle around what was typed: a position in any notation, or the name of a source.

    Raises
    ------
    UsageError
        If the text is neither, or the table has no positions.
    """
    if not text:
        return None
    if table.position is None:
        raise UsageError(f"{table.name} has no positions; near cannot be used with it.")
    asked = parse_query(text)
    place = asked.position if isinstance(asked, NameQuery) else asked
    if isinstance(asked, NameQuery):
        try:
            source = resolve_name(asked.name)
        except NotFoundError:
            if place is None:
                raise
        else:
            return Cone(source.ra, source.dec, radius_deg or DEFAULT_RADIUS_DEG)
    if not isinstance(place, PositionQuery):
        raise UsageError(f"near is {text[:80]!r}; expected a position such as 83.633 22.0145, or the name of a source.")
    return Cone(place.ra, place.dec, radius_deg or DEFAULT_RADIUS_DEG)


def _cell(column: Column, value: object) -> Cell:
    known = value not in (None, "")
    address = _PAGES.get(column.name, "") if known else ""
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
    found = [FacetChoice(_word(v), _word(v) or "(empty)", count, v in chosen) for v, count in facet.counts]
    listed = {choice.value for choice in found}
    return found + [FacetChoice(_word(v), _word(v), 0, chosen=True) for v in chosen if _word(v) not in listed]


def _word(value: object) -> str:
    return "(none)" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _fields(request: HttpRequest, table: Table, search: Search) -> list[FilterField]:
    """Return the boxes: principal columns and those in use."""
    return [
        FilterField(
            column,
            request.GET.get(column.name, ""),
            column.datatype in NUMBERS,
            column.name.endswith("_mjd_tt"),
        )
        for column in table.columns
        if column.name not in search.facets
        and column.datatype != "boolean"
        and (column.principal or column.name in request.GET)
        and not (table.position and column.name in {"ra", "dec"} and column.name not in request.GET)
    ]


def _chips(query: TableQuery, near: str) -> list[tuple[str, str]]:
    """Return the filters in words, with the parameter to drop."""
    chips = [("near", f"within {query.cone.radius_deg:g}° of {near}")] if query.cone else []
    for condition in query.filters:
        match condition:
            case Span(column=column, low=low, high=high):
                ends = f"{'' if low is None else f'{low:.10g}'} .. {'' if high is None else f'{high:.10g}'}"
                chips.append((column, f"{column} {ends}"))
            case Match(column=column, pattern=pattern):
                chips.append((column, f"{column} contains {pattern[1:-1]}"))
            case OneOf(column=column, values=values):
                chips.append((column, f"{column}: {', '.join(map(_word, values))}"))
    return chips
