"""Writes records as VOResource (ivo_vor) and Dublin Core (oai_dc), and the answers of OAI-PMH 2.0 around them."""

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from vo.registry.records import CREATOR, PUBLISHER, SUBJECTS, Record, Site

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES: Mapping[str, str] = {
    "ri": "http://www.ivoa.net/xml/RegistryInterface/v1.0",
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "vg": "http://www.ivoa.net/xml/VORegistry/v1.0",
    "cs": "http://www.ivoa.net/xml/ConeSearch/v1.0",
    "ssap": "http://www.ivoa.net/xml/SSA/v1.1",
    "tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0",
}
OAI = "http://www.openarchives.org/OAI/2.0/"
OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
FORMATS: Mapping[str, tuple[str, str]] = {
    "ivo_vor": (NAMESPACES["ri"], NAMESPACES["ri"]),
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC),
}
"""Metadata formats: address of the schema, and namespace."""

SET = "ivo_managed"


def write_resource(record: Record, site: Site) -> str:
    """Return a record as ``ri:Resource`` (VOResource 1.1, Registry Interfaces 1.1)."""
    namespaces = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())
    short = f"<shortName>{escape(record.short_name)}</shortName>\n" if record.short_name else ""
    email = f"<email>{escape(site.contact_email)}</email>\n" if site.contact_email else ""
    subjects = "".join(f"<subject>{subject}</subject>\n" for subject in SUBJECTS)
    types = "".join(f"<type>{kind}</type>\n" for kind in record.types)
    relations = "".join(
        f"<relationship>\n<relationshipType>{kind}</relationshipType>\n"
        f'<relatedResource ivo-id="{ivoid}">{escape(title)}</relatedResource>\n</relationship>\n'
        for kind, ivoid, title in record.relations
    )
    return (
        f'<ri:Resource xmlns="" {namespaces} xmlns:xsi="{_XSI}" xsi:type="{record.kind}" '
        f'created="{site.created}" updated="{site.updated}" status="active" version="1.1">\n'
        f"<title>{escape(record.title)}</title>\n{short}<identifier>{escape(record.ivoid)}</identifier>\n"
        f'<curation>\n<publisher ivo-id="{site.ivoid("organisation")}">{PUBLISHER}</publisher>\n'
        f'<creator>\n<name>{CREATOR}</name>\n</creator>\n<date role="Updated">{site.updated}</date>\n'
        f"<version>{escape(site.release)}</version>\n"
        f"<contact>\n<name>{escape(site.contact_name)}</name>\n{email}</contact>\n</curation>\n"
        f"<content>\n{subjects}<description>{escape(record.description)}</description>\n"
        f"<referenceURL>{escape(record.page)}</referenceURL>\n{types}<contentLevel>Research</contentLevel>\n"
        f"{relations}</content>\n{record.body}</ri:Resource>\n"
    )


def write_dublin_core(record: Record, site: Site) -> str:
    """Return a record as unqualified Dublin Core, which OAI-PMH asks of every repository."""
    facts = [
        ("title", record.title),
        ("creator", CREATOR),
        *(("subject", subject) for subject in SUBJECTS),
        ("description", record.description),
        ("publisher", PUBLISHER),
        ("date", site.updated[:10]),
        *(("type", kind) for kind in record.types),
        ("identifier", record.ivoid),
        ("identifier", record.page),
    ]
    elements = "".join(f"<dc:{name}>{escape(value)}</dc:{name}>\n" for name, value in facts)
    return (
        f'<oai_dc:dc xmlns:oai_dc="{OAI_DC}" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xsi="{_XSI}" '
        f'xsi:schemaLocation="{OAI_DC} http://www.openarchives.org/OAI/2.0/oai_dc.xsd">\n{elements}</oai_dc:dc>\n'
    )


def write_header(record: Record, site: Site) -> str:
    """Return the header of a record."""
    status = ' status="deleted"' if record.deleted else ""
    return (
        f"<header{status}>\n<identifier>{escape(record.ivoid)}</identifier>\n"
        f"<datestamp>{site.updated}</datestamp>\n<setSpec>{SET}</setSpec>\n</header>\n"
    )


def write_record(record: Record, site: Site, form: str) -> str:
    """Return a record with its header in one of the formats; a deleted one has a header only."""
    if record.deleted:
        return f"<record>\n{write_header(record, site)}</record>\n"
    metadata = write_resource(record, site) if form == "ivo_vor" else write_dublin_core(record, site)
    return f"<record>\n{write_header(record, site)}<metadata>\n{metadata}</metadata>\n</record>\n"


def write_answer(base: str, now: str, asked: Mapping[str, str], content: str) -> bytes:
    """Return a whole answer; `asked` are the arguments that could be understood, none for a bad verb or argument."""
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in asked.items())
    return (
        f'{XML}<OAI-PMH xmlns="{OAI}" xmlns:xsi="{_XSI}" '
        f'xsi:schemaLocation="{OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
        f"<responseDate>{now}</responseDate>\n<request{attributes}>{escape(base)}</request>\n{content}</OAI-PMH>\n"
    ).encode()
