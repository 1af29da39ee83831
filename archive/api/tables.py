"""Rows of a published table as JSON: the same search, in the same address, as the page shows."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import schemas
from archive.api.schemas import answers
from archive.website.searches import count_search, find_page, read_search
from archive.website.table_sql import as_adql


@extend_schema(
    summary="Search a published table: facets, filters, columns, order; page by page",
    parameters=schemas.TABLE_PARAMETERS,
    responses=answers(schemas.TABLE),
)
@api_view()
def table(request: Request, name: str) -> Response:
    """Answer a search of one table."""
    search, published, query = read_search(name, request.query_params)
    counts, page = count_search(search, query), find_page(search, query)
    columns = {column.name: column for column in published.columns}
    return Response(
        {
            "table": name,
            "total": counts.total,
            "next_page": page.next_mark or None,
            "adql": as_adql(query, published),
            "columns": [
                {"name": n, "unit": columns[n].unit, "ucd": columns[n].ucd, "description": columns[n].description}
                for n in query.columns
            ],
            "facets": {
                facet.column: [{"value": value, "count": count} for value, count in facet.counts]
                for facet in counts.facets
            },
            "rows": page.rows,
        }
    )
