"""Capabilities as the Registry writes them (VOResource 1.1 section 2.2.2, SimpleDALRegExt 1.2, VORegistry 1.1)."""

from xml.sax.saxutils import escape

MAX_RECORDS = 50
"""Records that the registry sends at once; the others follow with a resumption token."""


def plain(standard: str, address: str, version: str) -> str:
    """Return a capability that says no more than its standard and address."""
    return _capability(f'standardID="{standard}"', "vs:ParamHTTP", address, version=version)


def directory(address: str) -> str:
    """Return a capability of no standard: documents below an address (VOResource 1.1 section 2.2.2, use="dir")."""
    return _capability("", "vs:ParamHTTP", address, std=False, use="dir")


def vosi(base: str, *, tables: bool = False, availability: bool = False) -> str:
    """Return the capabilities of VOSI 1.1 that a service has."""
    names = ["capabilities"] + ["availability"] * (availability or tables) + ["tables-1.1"] * tables
    return "".join(
        _capability(
            f'standardID="ivo://ivoa.net/std/VOSI#{name}"',
            "vs:ParamHTTP",
            f"{base}/{name.removesuffix('-1.1')}",
            version="1.1" if name.endswith("-1.1") else "",
            std=False,
            use="full",
        )
        for name in names
    )


def auxiliary_tap(address: str) -> str:
    """Return the capability of a table set: the TAP service that has it (Discovering Data Collections 1.1)."""
    return _capability('standardID="ivo://ivoa.net/std/TAP#aux"', "vs:ParamHTTP", address, version="1.1", std=True)


def harvest(address: str) -> str:
    """Return the capability of a publishing registry."""
    return _capability(
        'xsi:type="vg:Harvest" standardID="ivo://ivoa.net/std/Registry"',
        "vg:OAIHTTP",
        address,
        version="1.0",
        more=f"<maxRecords>{MAX_RECORDS}</maxRecords>\n",
    )


def cone_search(address: str) -> str:
    """Return the capability of a cone search, with a query that must find something in a whole archive."""
    return _capability(
        'xsi:type="cs:ConeSearch" standardID="ivo://ivoa.net/std/ConeSearch"',
        "vs:ParamHTTP",
        f"{address}?",
        version="1.03",
        parameters="<queryType>GET</queryType>\n<resultType>application/x-votable+xml</resultType>\n",
        more=(
            "<maxSR>180</maxSR>\n<maxRecords>20000000</maxRecords>\n<verbosity>true</verbosity>\n"
            "<testQuery>\n<ra>83.633</ra>\n<dec>22.014</dec>\n<sr>5</sr>\n</testQuery>\n"
        ),
    )


def ssa(address: str) -> str:
    """Return the capability of a search for spectra or light curves."""
    return _capability(
        'xsi:type="ssap:SimpleSpectralAccess" standardID="ivo://ivoa.net/std/SSA"',
        "vs:ParamHTTP",
        address,
        version="1.1",
        parameters="<queryType>GET</queryType>\n<resultType>application/x-votable+xml</resultType>\n",
        more=(
            "<complianceLevel>query</complianceLevel>\n<dataSource>pointed</dataSource>\n"
            "<creationType>archival</creationType>\n<supportedFrame>ICRS</supportedFrame>\n"
            "<maxSearchRadius>180</maxSearchRadius>\n<maxRecords>20000000</maxRecords>\n"
            "<defaultMaxRecords>5000000</defaultMaxRecords>\n<maxAperture>180</maxAperture>\n"
            "<testQuery>\n<queryDataCmd>REQUEST=queryData&amp;POS=83.633,22.014&amp;SIZE=5</queryDataCmd>\n</testQuery>\n"
        ),
    )


def _capability(
    head: str,
    interface: str,
    address: str,
    *,
    version: str = "",
    std: bool = True,
    use: str = "base",
    parameters: str = "",
    more: str = "",
) -> str:
    attributes = (' role="std"' if std else "") + (f' version="{version}"' if version else "")
    return (
        f"<capability{f' {head}' if head else ''}>\n"
        f'<interface xsi:type="{interface}"{attributes}>\n'
        f'<accessURL use="{use}">{escape(address)}</accessURL>\n{parameters}</interface>\n{more}</capability>\n'
    )
