"""Service descriptors: what tells a client how to get from an identifier in an answer to links and cut-outs.

Reference: DataLink 1.1 section 4, SODA 1.0 section 4.
"""

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from vo.adql.resolved import OutputColumn
from vo.votable import clean, field_id

DATALINK = "ivo://ivoa.net/std/DataLink#links-1.1"
SODA = "ivo://ivoa.net/std/SODA#sync-1.0"
SODA_ASYNC = "ivo://ivoa.net/std/SODA#async-1.0"

_INPUTS: Mapping[str, tuple[str, str]] = {
    "POS": ('datatype="char" arraysize="*" ucd="phys.angArea;obs"', "CIRCLE, RANGE or POLYGON with its numbers, ICRS"),
    "CIRCLE": ('datatype="double" arraysize="3" unit="deg" xtype="circle" ucd="phys.angArea;obs"', "Circle, ICRS"),
    "POLYGON": ('datatype="double" arraysize="*" unit="deg" xtype="polygon" ucd="phys.angArea;obs"', "Polygon, ICRS"),
    "BAND": (
        'datatype="double" arraysize="2" unit="m" xtype="interval" ucd="em.wl;stat.interval"',
        "Wavelengths from, to; 1.239842e-9 m is 1 keV",
    ),
    "TIME": (
        'datatype="double" arraysize="2" unit="d" xtype="interval" ucd="time.interval;obs.exposure"',
        "Times from, to; MJD in TT",
    ),
}  # fmt: skip
"""Parameters of SODA 1.0 section 3.3 as section 4.1 describes them."""

SODA_INPUTS = tuple(_INPUTS)


def identifier_column(columns: Iterable[OutputColumn]) -> OutputColumn | None:
    """Return the column whose values DataLink takes as ID: a publisher's identifier before a product id."""
    columns = tuple(columns)
    for wanted in (
        lambda column: (column.meta.utype or "").lower().endswith("curation.publisherdid"),
        lambda column: column.name == "product_id" and column.meta.datatype == "char",
    ):
        found = next((column for column in columns if wanted(column) and field_id(column)), None)
        if found is not None:
            return found
    return None


def service_descriptors(columns: Iterable[OutputColumn], base: str, *, cutouts: bool = True) -> str:
    """Return the RESOURCE elements that follow the results: links and cut-outs, or nothing without an identifier.

    Parameters
    ----------
    columns
        The fields of the answer.
    base
        Address of this archive, without a final slash.
    cutouts
        Whether any product of the answer can be cut.
    """
    column = identifier_column(columns)
    if column is None:
        return ""
    reference = field_id(column)
    links = links_descriptor(reference, base)
    if not cutouts:
        return links
    both = (soda_descriptor(base, reference=reference, asynchronous=later) for later in (False, True))
    return links + "".join(both)


def links_descriptor(reference: str, base: str) -> str:
    """Describe the links service for the column with the ID `reference`."""
    return _resource("Files, responses, previews and services of a product", DATALINK, f"{base}/datalink/links",
                     "application/x-votable+xml;content=datalink", _identifier(reference=reference))  # fmt: skip


def soda_descriptor(
    base: str,
    *,
    reference: str = "",
    identifier: str = "",
    name: str = "",
    inputs: Iterable[str] = SODA_INPUTS,
    limits: Mapping[str, str] = {},
    asynchronous: bool = False,
) -> str:
    """Describe the cut-out service, for the identifiers of a column or for one product.

    Parameters
    ----------
    reference, identifier
        ID of the column with the identifiers, or the identifier.
    name
        ID of the element, to which `service_def` of a link refers.
    inputs
        Which of `SODA_INPUTS` the product takes.
    limits
        Largest values that make sense, as DALI writes them, by input.
    asynchronous
        Whether to describe the jobs (UWS) instead of the service that answers at once.
    """
    params = _identifier(reference=reference, identifier=identifier)
    for key in inputs:
        attributes, description = _INPUTS[key]
        values = f"<VALUES>\n<MAX value={quoteattr(limits[key])}/>\n</VALUES>\n" if key in limits else ""
        params += (
            f'<PARAM name="{key}" {attributes} value="">\n'
            f"<DESCRIPTION>{escape(description)}</DESCRIPTION>\n{values}</PARAM>\n"
        )
    if "TIME" in inputs:
        params += (
            '<PARAM name="RESPONSEFORMAT" datatype="char" arraysize="*" ucd="meta.code.mime" value="">\n'
            "<DESCRIPTION>Format of a cut light curve; images are FITS</DESCRIPTION>\n<VALUES>\n"
            '<OPTION value="application/x-votable+xml"/>\n<OPTION value="application/fits"/>\n</VALUES>\n</PARAM>\n'
        )
    standard, last, what = (SODA_ASYNC, "async", " by a job") if asynchronous else (SODA, "sync", "")
    return _resource(
        f"Cut-outs of images, maps and light curves{what}", standard, f"{base}/soda/{last}", "", params, name
    )


def _identifier(*, reference: str = "", identifier: str = "") -> str:
    link = f" ref={quoteattr(reference)}" if reference else ""
    return (
        f'<PARAM name="ID" datatype="char" arraysize="*" ucd="meta.id;meta.main"{link} '
        f"value={quoteattr(clean(identifier))}/>\n"
    )


def _resource(description: str, standard: str, address: str, media_type: str, inputs: str, name: str = "") -> str:
    own = f" ID={quoteattr(name)}" if name else ""
    facts = {"standardID": standard, "accessURL": address, "contentType": media_type}
    params = "".join(
        f'<PARAM name="{key}" datatype="char" arraysize="*" value={quoteattr(value)}/>\n'
        for key, value in facts.items()
        if value
    )
    return (
        f'<RESOURCE type="meta" utype="adhoc:service"{own}>\n<DESCRIPTION>{escape(description)}</DESCRIPTION>\n'
        f'{params}<GROUP name="inputParams">\n{inputs}</GROUP>\n</RESOURCE>\n'
    )
