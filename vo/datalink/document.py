"""Writes the links document: VOTable 1.4 with the table of DataLink 1.1 section 3."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from xml.sax.saxutils import escape

from vo.adql.resolved import Meta, OutputColumn
from vo.datalink.services import Link
from vo.votable import OVERFLOW, Info, clean, table_foot, table_head

CONTENT_TYPE = "application/x-votable+xml;content=datalink"
_TEXT = ("char", "*")
COLUMNS = tuple(
    OutputColumn(name, name, Meta(datatype, arraysize, unit, ucd, description=description))
    for name, datatype, arraysize, unit, ucd, description in (
        ("ID", *_TEXT, None, "meta.id;meta.main", "Identifier that was asked for"),
        ("access_url", *_TEXT, None, "meta.ref.url", "Address of the data"),
        ("service_def", *_TEXT, None, "meta.ref", "ID of a service descriptor in this document"),
        ("error_message", *_TEXT, None, "meta.code.error", "Why there is no link"),
        ("description", *_TEXT, None, "meta.note", "What the link leads to"),
        ("semantics", *_TEXT, None, "meta.code", "What it is to the product, http://www.ivoa.net/rdf/datalink/core"),
        ("content_type", *_TEXT, None, "meta.code.mime", "Media type"),
        ("content_length", "long", None, "byte", "phys.size;meta.file", "Size"),
        ("content_qualifier", *_TEXT, None, None, "Type of product, http://www.ivoa.net/rdf/product-type"),
        ("local_semantics", *_TEXT, None, "meta.id.assoc", "Which of several links with the same semantics"),
        ("link_auth", *_TEXT, None, "meta.code", "Whether a log-in is needed"),
        ("link_authorized", "boolean", None, None, "meta.code", "Whether this client may follow the link"),
    )
)  # fmt: skip
_INFOS = (Info("standardID", "ivo://ivoa.net/std/DataLink#links-1.1"),)


def write_links(links: Iterable[Link], *, overflow: bool) -> Iterator[bytes]:
    """Yield the document; `overflow` says that identifiers beyond the limit were left out."""
    yield table_head(COLUMNS, _INFOS, serialization="TABLEDATA")
    pending: list[str] = []
    services: dict[str, str] = {}
    for link in links:
        if link.service_def:
            services[link.service_def] = link.service
        pending.append(_row(link))
        if len(pending) == 200:
            yield "".join(pending).encode()
            pending.clear()
    yield "".join(pending).encode()
    resources = "".join(services.values())
    yield table_foot([OVERFLOW] if overflow else [], serialization="TABLEDATA", resources=resources)


def _row(link: Link) -> str:
    length = "" if link.content_length is None else str(link.content_length)
    cells = (
        link.id, link.access_url, link.service_def, link.error_message, link.description, link.semantics,
        link.content_type, length, link.content_qualifier, link.local_semantics, "false", "true",
    )  # fmt: skip
    return f"<TR><TD>{'</TD><TD>'.join(map(_cell, cells))}</TD></TR>\n"


@lru_cache(maxsize=8_192)
def _cell(text: str) -> str:
    """Write a cell; most of them occur many times in a document."""
    return escape(clean(text))
