"""The tables that have a search: their keys and facets, and how a search is read from a query string."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from django.http import QueryDict
from django.utils.translation import gettext_noop

from archive.errors import NotFoundError, UsageError
from archive.published import Table, load_tables
from archive.selectors import current_release, resolve_name
from archive.website.facet_cubes import SOURCE_FACETS, count_cube, find_texts, read_cube
from archive.website.query import NameQuery, PositionQuery, parse_query
from archive.website.request_values import Cone, read_number, read_text
from archive.website.table_query import Match, OneOf, TableQuery, read_table_query
from archive.website.table_sql import Counts, TablePage, make_facet, read_counts, read_page

DEFAULT_RADIUS_DEG = 1.0
MAX_TEXTS = 500
"""More texts than these are looked for by their pattern, row by row."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a table is searched: columns that make its key, columns that are facets.

    `texts` are columns with far fewer values than rows: a search for a part of such a text is answered from counts.
    """

    key: tuple[str, ...]
    facets: tuple[str, ...]
    group: str = gettext_noop("Archive")
    texts: tuple[str, ...] = ()


def _catalogue(key: str, *facets: str) -> Search:
    return Search(("catalogue_version", key), ("catalogue_version", *facets, "simulated"), gettext_noop("Catalogues"))


SEARCHES: Mapping[str, Search] = MappingProxyType(
    {
        "integral.observations": Search(("obs_id",), ("obs_type", "simulated", "release")),
        "integral.science_windows": Search(("scw_id",), ("kind", "obs_type", "simulated", "release")),
        "integral.products": Search(
            ("product_id",), ("kind", "instrument", "band", "simulated", "release"), texts=("title", "target_name")
        ),
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


def read_search(name: str, params: QueryDict) -> tuple[Search, Table, TableQuery]:
    """Read which rows of which table were asked for.

    Raises
    ------
    NotFoundError
        If the table has no search.
    UsageError
        If a parameter cannot be read.
    """
    search, table = SEARCHES.get(name), load_tables().get(name)
    if search is None or table is None:
        raise NotFoundError(f"There is no search of {name[:80]!r}; there is one for each of {', '.join(SEARCHES)}.")
    near, radius = read_text(params, "near", 200), read_number(params, "radius", 1e-6, 180)
    cone = read_near(near, radius, table)
    return search, table, read_table_query(params, table, facets=search.facets, key=search.key, cone=cone)


def count_search(search: Search, query: TableQuery) -> Counts:
    """Count the rows of a search and the values of its facets in the current release."""
    release = current_release()
    if release is not None and query.cone is None:
        counted = count_cube(release, query.table, search.facets, query.filters)
        if counted is not None:
            total, values = counted
            return Counts(total, tuple(make_facet(name, rows) for name, rows in values.items()))
    stamp = (release.number, release.published_at) if release else None
    return read_counts(stamp, query.table, query.filters, query.cone, search.facets)


def find_page(search: Search, query: TableQuery) -> TablePage:
    """Read a page of a search; a part of a text becomes the few texts that hold it, for which there may be an index.

    Raises
    ------
    UsageError
        If the page mark was not made for this order.
    """
    release = current_release()
    filters = list(query.filters)
    for place, condition in enumerate(filters):
        if release is not None and isinstance(condition, Match) and condition.column in search.texts:
            texts = find_texts(release, query.table, search.facets, condition)
            if texts is not None and len(texts) <= MAX_TEXTS:
                filters[place] = OneOf(condition.column, tuple(texts))
    return read_page(replace(query, filters=tuple(filters)), search.key)


def count_cubes() -> None:
    """Count what the search pages of the current release will show, where nobody has yet."""
    if release := current_release():
        for name, search in SEARCHES.items():
            read_cube(release, name, search.facets)
            for text in search.texts:
                read_cube(release, name, (*search.facets, text))
        read_cube(release, "integral.products", ("source_id",))
        read_cube(release, "integral.products", SOURCE_FACETS)


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
