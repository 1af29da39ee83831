"""Writes results as ECSV (astropy's APE 6, version 1.0) and as HTML, row by row as PostgreSQL gives them."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from html import escape

from psycopg import sql

from archive.errors import ArchiveError
from vo.adql.resolved import OutputColumn
from vo.tap import executor, rows
from vo.tap.executor import Flagged, Run
from vo.tap.params import TapRequest
from vo.votable import clean

_ECSV_TYPES = {
    "boolean": "bool",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
}


def _stream(
    row: sql.Composable, inner: sql.Composable, head: bytes, request: TapRequest, run: Run
) -> Generator[bytes, None, tuple[str, str]]:
    """Yield the head and the rows; return how it ended: ``OVERFLOW``, ``ERROR`` or nothing, and the error's sentence.

    Raises
    ------
    ArchiveError
        If the query fails before anything was sent, or the run wants to hear of it even then.
    """
    statement = sql.SQL("SELECT {} FROM ({}) AS r").format(row, inner)
    status = "OVERFLOW" if request.maxrec == 0 else ""
    try:
        with (
            executor.read_only_transaction(run) as connection,
            closing(executor.stream_rows(connection, statement, most=request.maxrec, tally=run.tally)) as chunks,  # pyright: ignore[reportArgumentType]  # a generator
        ):
            flagged = Flagged(chunks, next(chunks))
            for chunk in flagged:
                yield head + chunk
                head = b""
            return ("OVERFLOW" if flagged.overflow else status), ""
    except ArchiveError as error:
        if head or run.raise_late:
            raise
        return "ERROR", str(error)


def write_ecsv(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write ECSV; a last comment line says if the result was cut off, or why it broke off."""
    head = _ecsv_head(columns, request.query)
    status, reason = yield from _stream(rows.ecsv_row(columns), inner, head, request, run)
    if status:
        yield f"# QUERY_STATUS {' '.join([status, *reason.split()])}\n".encode()


def _ecsv_head(columns: Sequence[OutputColumn], query: str) -> bytes:
    """Return the YAML header and the line of names; JSON texts are YAML."""
    lines = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:"]
    for column in columns:
        meta = column.meta
        plain = _ECSV_TYPES.get(meta.datatype, "string")
        entry = {"name": column.name, "datatype": "string" if meta.is_array else plain}
        if meta.is_array:
            shape = meta.arraysize.split("x") if meta.element_count is not None and meta.arraysize else ["null"]
            entry["subtype"] = f"{plain}[{','.join(reversed(shape))}]"
        entry.update({name: value for name in ("unit", "description") if (value := getattr(meta, name))})
        extra = {name: value for name in ("ucd", "utype", "xtype") if (value := getattr(meta, name))}
        lines.append("- " + json.dumps({**entry, **({"meta": extra} if extra else {})}))
    lines += ["meta: !!omap", "- " + json.dumps({"query": query}), "schema: astropy-2.0"]
    names = ",".join('"' + column.name.replace('"', '""') + '"' for column in columns)
    return ("".join(f"# {line}\n" for line in lines) + names + "\n").encode()


_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;color:#1b2430;background:#fff}"
    "pre{white-space:pre-wrap;background:#f3f5f8;padding:.75rem;border-radius:6px}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th{position:sticky;top:0;background:#f3f5f8;text-align:left;vertical-align:bottom}"
    "th,td{padding:.25rem .75rem;border-bottom:1px solid #dde3ea}"
    "td.n{text-align:right}small{display:block;font-weight:normal;color:#5b6775}"
    ".status{font-weight:bold;color:#a12a2a}"
    "@media (prefers-color-scheme:dark){body{background:#12161c;color:#dfe5ec}pre,th{background:#1c232c}"
    "th,td{border-color:#2c3641}small{color:#9aa7b5}.status{color:#ff9a8f}}"
)


def write_html(
    columns: tuple[OutputColumn, ...], inner: sql.Composable, request: TapRequest, run: Run
) -> Iterator[bytes]:
    """Write a page with the table; a paragraph after it says if the result was cut off, or why it broke off."""
    head = _html_head(columns, request.query)
    status, reason = yield from _stream(rows.html_row(columns), inner, head, request, run)
    if status == "OVERFLOW":
        reason = f"the first {request.maxrec} rows are shown, there are more; raise MAXREC to see them"
    note = f'<p class="status">{escape(clean(f"{status}: {reason}"))}</p>\n' if status else ""
    yield f"</tbody>\n</table>\n{note}</body>\n</html>\n".encode()


def _html_head(columns: Sequence[OutputColumn], query: str) -> bytes:
    cells = "".join(
        f'<th scope="col" title="{escape(clean(column.meta.description))}">{escape(clean(column.name))}'
        + (f"<small>{escape(clean(column.meta.unit))}</small>" if column.meta.unit else "")
        + "</th>"
        for column in columns
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Result of a query</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Result of a query</h1>\n<pre>{escape(clean(query))}</pre>\n"
        f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"
    ).encode()
