"""The ADQL that answers what a page shows, and the addresses and code that run it."""

from urllib.parse import urlencode

from django.conf import settings

from archive.website.request_values import Cone


def quote(text: str) -> str:
    """Write text as an ADQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def equals(column: str, value: str | int) -> str:
    """Write the condition that a column has a value."""
    return f"{column} = {quote(value) if isinstance(value, str) else value}"


def in_query(column: str, table: str, condition: str) -> str:
    """Write the condition that a column occurs among the rows of another table."""
    return f"{column} IN (SELECT {column} FROM {table} WHERE {condition})"  # noqa: S608 - text for the user, never executed here


def cone_condition(cone: Cone) -> str:
    """Write the condition that a row lies within a circle."""
    return f"1 = CONTAINS(POINT(ra, dec), CIRCLE({cone.ra:.8g}, {cone.dec:.8g}, {cone.radius_deg:.6g}))"


def select(table: str, conditions: list[str], order: str = "") -> str:
    """Put a query together."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT * FROM {table}{where}{f' ORDER BY {order}' if order else ''}"  # noqa: S608 - text for the user, never executed here


def export_links(query: str) -> dict[str, str]:
    """Return the addresses that give the whole result of a query, by format."""
    return {
        name: "/tap/sync?" + urlencode({"REQUEST": "doQuery", "LANG": "ADQL", "RESPONSEFORMAT": mime, "QUERY": query})
        for name, mime in (("CSV", "csv"), ("VOTable", "votable"), ("FITS", "fits"), ("Parquet", "parquet"))
    }


def pyvo_code(query: str) -> str:
    """Return Python that runs a query with pyvo."""
    return (
        "import pyvo\n\n"
        f'service = pyvo.dal.TAPService("{settings.PUBLIC_URL}/tap")\n'
        f'table = service.search("""{query}""").to_table()\n'
    )


def curl_code(query: str) -> str:
    """Return a shell command that runs a query with curl."""
    escaped = query.replace("'", "'\\''")
    return (
        f"curl -sS {settings.PUBLIC_URL}/tap/sync -d REQUEST=doQuery -d LANG=ADQL -d RESPONSEFORMAT=csv \\\n"
        f"  --data-urlencode 'QUERY={escaped}' -o result.csv\n"
    )
