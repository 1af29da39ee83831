"""Simple Cone Search 1.03: rows of a table around a position."""

import logging
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from archive.errors import NotFoundError, UsageError
from archive.faults import explain
from archive.published import Column, Table, load_tables
from vo.adql.resolved import OutputColumn
from vo.services import capabilities_response, read_parameters
from vo.tables import stream_table
from vo.tap.params import Parameters, read_maxrec, single
from vo.tap.responses import protocol_view
from vo.votable import CONTENT_TYPE, Info

logger = logging.getLogger(__name__)

SCHEMA = "integral"
STANDARD = "ivo://ivoa.net/std/ConeSearch"


def find_tables() -> dict[str, Table]:
    """Return the tables that can be searched, by the last part of their address."""
    return {
        name.removeprefix(f"{SCHEMA}."): table
        for name, table in load_tables().items()
        if table.schema == SCHEMA and table.position is not None
    }


def write_cone_query(table: Table, parameters: Parameters) -> str:
    """Return the ADQL of a cone search (SCS 1.03 section 2.1).

    Raises
    ------
    UsageError
        If RA, DEC, SR or VERB is missing or outside its range.
    """
    ra, dec = _number(parameters, "RA", 0.0, 360.0), _number(parameters, "DEC", -90.0, 90.0)
    radius = _number(parameters, "SR", 0.0, 180.0)
    verbosity = single(parameters, "VERB") or "2"
    if verbosity not in {"1", "2", "3"}:
        raise UsageError(f"VERB is {verbosity[:40]!r}; expected 1, 2 or 3")
    position = table.position
    if position is None:
        raise UsageError(f"{table.name} has no positions")
    needed = {main_identifier(table).name, position.ra, position.dec}
    columns = [
        column.name
        for column in table.columns
        if column.name in needed or verbosity == "3" or (verbosity == "2" and column.principal)
    ]
    cone = f"1=CONTAINS(POINT({position.ra}, {position.dec}), CIRCLE({ra % 360.0!r}, {dec!r}, {radius!r}))"
    return f"SELECT {', '.join(columns)} FROM {table.name} WHERE {cone}"  # noqa: S608  # ADQL, which is parsed and resolved before any SQL is written


def main_identifier(table: Table) -> Column:
    """Return the column that identifies a row."""
    texts = [column for column in table.columns if column.datatype == "char" and "meta.id" in (column.ucd or "")]
    return next((column for column in texts if "meta.main" in (column.ucd or "")), texts[0])


def _number(parameters: Parameters, name: str, low: float, high: float) -> float:
    text = single(parameters, name)
    if text is None:
        raise UsageError(f"the parameter {name} is missing; a cone search takes RA, DEC and SR in degrees, ICRS")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(f"{name} is {text[:40]!r}; expected a number from {low:g} to {high:g}, degrees")
    return value


def _find_table(name: str) -> Table:
    table = find_tables().get(name)
    if table is None:
        raise NotFoundError(f"there is no table {name[:80]!r} to search; there are {', '.join(find_tables())}")
    return table


@csrf_exempt
@protocol_view
def cone(request: HttpRequest, name: str) -> HttpResponseBase:
    """Search a table; a failure is a VOTable with an INFO named Error and status 200 (SCS 1.03 section 2.3)."""
    table = _find_table(name)
    try:
        response = _search(table, read_parameters(request))
    except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
        response = _error(str(explain(error)))
    return response


def _search(table: Table, parameters: Parameters) -> HttpResponseBase:
    query = write_cone_query(table, parameters)
    # A radius of 0 asks for the fields alone.
    maxrec = 0 if float(single(parameters, "SR") or 0) == 0 else read_maxrec(parameters)
    identifier, position = main_identifier(table).name, table.position

    def present(column: OutputColumn) -> OutputColumn:
        """Say in UCD1 which three columns matter, as this old standard asks."""
        main = {identifier: "ID_MAIN"}
        if position is not None:
            main |= {position.ra: "POS_EQ_RA_MAIN", position.dec: "POS_EQ_DEC_MAIN"}
        return replace(column, meta=replace(column.meta, ucd=main.get(column.name, column.meta.ucd)))

    content = stream_table(query, maxrec=maxrec, present=present)
    response = StreamingHttpResponse(content, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache"
    return response


def _error(message: str) -> HttpResponse:
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f'<RESOURCE type="results">\n{Info("Error", message).xml()}</RESOURCE>\n</VOTABLE>\n'
    )
    return HttpResponse(content, content_type=CONTENT_TYPE)


@protocol_view
def capabilities(request: HttpRequest, name: str) -> HttpResponse:
    """VOSI capabilities of the search of one table."""
    _find_table(name)
    address = f"{settings.PUBLIC_URL}/scs/{name}"
    return capabilities_response(request, [(STANDARD, f"{address}?", "1.03")], address)
