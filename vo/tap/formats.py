"""The formats of TAP results: their media types and the names clients send for them (TAP 1.1 section 2.7.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal as OneOf

from django.utils.translation import gettext_noop as _  # the page translates; what TAP answers stays English

from archive.errors import UsageError


@dataclass(frozen=True, slots=True)
class ResultFormat:
    """`media_type` is the reply's Content-Type; `aliases` are lower-case without blanks."""

    writer: OneOf[
        "BINARY2", "BINARY", "TABLEDATA", "gzip", "csv", "tsv", "json", "fits", "ecsv", "parquet", "arrow", "html"
    ]
    media_type: str
    aliases: tuple[str, ...]
    extension: str
    label: str
    description: str


FORMATS = (
    ResultFormat(
        "BINARY2",
        "application/x-votable+xml",
        ("votable", "application/x-votable+xml;serialization=binary2", "votable/b2", "votable_binary2"),
        "vot",
        "VOTable",
        "VOTable, BINARY2",
    ),
    ResultFormat(
        "TABLEDATA",
        "application/x-votable+xml;serialization=TABLEDATA",
        ("votable/td", "votable_plain", "votabletd"),
        "vot",
        _("VOTable (text)"),
        "VOTable, TABLEDATA",
    ),
    ResultFormat(
        "BINARY",
        "application/x-votable+xml;serialization=BINARY",
        ("votable/b", "votable_b1", "votable/binary"),
        "vot",
        "VOTable (BINARY)",
        _("VOTable, BINARY, for clients without BINARY2"),
    ),
    ResultFormat(
        "gzip",
        "application/gzip",
        ("votable_gzip",),
        "vot.gz",
        _("VOTable, packed"),
        _("VOTable, BINARY2, as a gzip file"),
    ),
    ResultFormat("TABLEDATA", "text/xml", ("application/xml",), "xml", "XML", _("VOTable, TABLEDATA, as plain XML")),
    ResultFormat("csv", "text/csv;header=present", ("csv", "text/csv"), "csv", "CSV", _("Comma-separated values")),
    ResultFormat("tsv", "text/tab-separated-values", ("tsv",), "tsv", "TSV", _("Tab-separated values")),
    ResultFormat(
        "fits",
        "application/fits",
        ("fits", "application/x-fits", "image/fits"),
        "fits",
        "FITS",
        _("FITS binary table"),
    ),
    ResultFormat(
        "ecsv",
        "text/ecsv",
        ("ecsv", "application/x-ecsv", "text/x-ecsv"),
        "ecsv",
        "ECSV",
        _("CSV with units, for astropy"),
    ),
    ResultFormat("json", "application/json", ("json",), "json", "JSON", _("JSON: metadata and rows")),
    ResultFormat(
        "parquet",
        "application/vnd.apache.parquet",
        ("parquet", "application/x-parquet", "application/parquet", "voparquet"),
        "parquet",
        "Parquet",
        _("Parquet with the metadata of a VOTable (VOParquet)"),
    ),
    ResultFormat(
        "arrow",
        "application/vnd.apache.arrow.stream",
        ("arrow", "arrow_stream"),
        "arrows",
        "Arrow",
        _("Arrow IPC stream"),
    ),
    ResultFormat("html", "text/html", ("html",), "html", "HTML", _("A page with a table")),
)


def _normalize(name: str) -> str:
    return name.replace(" ", "").lower()


_BY_NAME: Mapping[str, ResultFormat] = MappingProxyType(
    {_normalize(name): form for form in FORMATS for name in (form.media_type, *form.aliases)}
)


def find_format(name: str | None) -> ResultFormat:
    """Return the format that RESPONSEFORMAT asks for; VOTable if it says nothing.

    Case and blanks do not matter; a ``+`` that a form decoding turned into a blank is put back.

    Raises
    ------
    UsageError
        If the service has no such format.

    Examples
    --------
    >>> find_format("Text/CSV; header=present").writer
    'csv'
    """
    if not name:
        return FORMATS[0]
    found = _BY_NAME.get(_normalize(name.strip().replace("x-votable xml", "x-votable+xml")))
    if found is None:
        known = ", ".join(form.aliases[0] for form in FORMATS)
        msg = f"RESPONSEFORMAT {name[:80]!r} is not offered; this service writes {known}"
        raise UsageError(msg)
    return found
