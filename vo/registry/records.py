"""What this archive says of itself in the VO Registry: one record for each service, table set and HiPS.

Pure: facts in, records out. Types are those of VOResource 1.1, VODataService 1.2 and VORegistry 1.1; capabilities are
XML, written by `vo.registry.capabilities`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archive.published import SCHEMAS, Table
from vo.registry import capabilities as cap
from vo.vosi.documents import write_schemas, write_tap_capability

PUBLISHER = "Archipelago"
CREATOR = "INTEGRAL instrument teams"
SUBJECTS = ("gamma-ray-astronomy", "x-ray-astronomy", "astronomy-databases", "surveys")
"""Concepts of the Unified Astronomy Thesaurus as http://www.ivoa.net/rdf/uat names them."""

INSTRUMENTS = ("IBIS", "SPI", "JEM-X", "OMC")
SIMULATED = "SIMULATED: these data were made by a simulated mission; INTEGRAL did not measure them. "


@dataclass(frozen=True, slots=True)
class Site:
    """The archive as its operator set it up: authority, address, role mailbox, and when its content changed (UTC)."""

    authority: str
    url: str
    contact_name: str
    contact_email: str
    release: str
    created: str
    updated: str

    def ivoid(self, name: str = "") -> str:
        """Return the IVOA identifier of one of the archive's resources."""
        return f"ivo://{self.authority}/{name}" if name else f"ivo://{self.authority}"


@dataclass(frozen=True, slots=True)
class Hips:
    """A HiPS as the list of HiPS describes it."""

    ivoid: str
    title: str
    address: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One resource of the registry; `body` is the XML after the content that all types share."""

    ivoid: str
    kind: str
    title: str
    short_name: str
    description: str
    page: str
    body: str
    types: tuple[str, ...] = ("Archive",)
    relations: tuple[tuple[str, str, str], ...] = ()
    deleted: bool = False


def make_records(site: Site, tables: Mapping[str, Table], cones: Iterable[str], hips: Iterable[Hips]) -> list[Record]:
    """Return every record, those of registry, authority and organisation first.

    Parameters
    ----------
    cones
        Names of the tables of schema ``integral`` that have a cone search.
    """
    records = [registry_record(site), _authority(site), _organisation(site), _tap(site, tables)]
    records += [_table_set(site, schema, tables) for schema in ("integral", "ivoa", "ila")]
    records += [_cone(site, name, tables[f"integral.{name}"]) for name in cones]
    records += [*_products(site), _hips_list(site)]
    return records + [_hips(site, one) for one in hips]


def registry_record(site: Site) -> Record:
    """Return the record of the publishing registry itself, which Identify shows too (Registry Interfaces 1.1)."""
    body = (
        f"{cap.harvest(f'{site.url}/oai')}<full>false</full>\n<managedAuthority>{site.authority}</managedAuthority>\n"
    )
    text = f"Publishing registry of {site.url}: descriptions of the services, table sets and HiPS of this archive."
    return Record(
        site.ivoid("registry"), "vg:Registry", "Archipelago publishing registry", "ARCHIP REG", text, site.url, body
    )


def _authority(site: Site) -> Record:
    body = f'<managingOrg ivo-id="{site.ivoid("organisation")}">{PUBLISHER}</managingOrg>\n'
    text = "Naming authority of the identifiers that this archive gives to its resources and products."
    return Record(site.ivoid(), "vg:Authority", "Archipelago naming authority", "", text, site.url, body)


def _organisation(site: Site) -> Record:
    body = "<facility>INTEGRAL</facility>\n" + "".join(f"<instrument>{name}</instrument>\n" for name in INSTRUMENTS)
    text = "Legacy archive of INTEGRAL, the International Gamma-Ray Astrophysics Laboratory (2002 to 2025)."
    return Record(site.ivoid("organisation"), "vr:Organisation", PUBLISHER, "ARCHIP", text, site.url, body)


def _data(site: Site, capabilities: str, tableset: str = "") -> str:
    """Write rights, capabilities and what VODataService adds, in the order of its types."""
    mission = "<facility>INTEGRAL</facility>\n" + "".join(f"<instrument>{name}</instrument>\n" for name in INSTRUMENTS)
    coverage = (
        "<coverage>\n<waveband>Gamma-ray</waveband>\n<waveband>X-ray</waveband>\n<waveband>Optical</waveband>\n"
        "</coverage>\n"
    )
    rights = f'<rights rightsURI="{site.url}/about">See the page of each delivery</rights>\n'
    return f"{rights}{capabilities}{mission}{coverage}{tableset}"


def _tap(site: Site, tables: Mapping[str, Table]) -> Record:
    base = f"{site.url}/tap"
    vosi = cap.vosi(base, tables=True)
    tableset = f"<tableset>\n{write_schemas(tables)}</tableset>\n"
    text = (
        "Observations, science windows, catalogues, sources and products of INTEGRAL by ADQL 2.1: TAP 1.1 with "
        "uploads, asynchronous jobs, ObsCore and the tables of ESA's ISLA."
    )
    return Record(
        site.ivoid("tap"),
        "vs:CatalogService",
        "INTEGRAL legacy archive by TAP",
        "ARCHIP TAP",
        text,
        f"{base}/",
        _data(site, write_tap_capability(base) + vosi, tableset),
    )


def _table_set(site: Site, schema: str, tables: Mapping[str, Table]) -> Record:
    chosen = {name: table for name, table in tables.items() if table.schema == schema}
    tableset = f"<tableset>\n{write_schemas(chosen)}</tableset>\n"
    served = (("IsServedBy", site.ivoid("tap"), "INTEGRAL legacy archive by TAP"),)
    return Record(
        site.ivoid(f"tables/{schema}"),
        "vs:CatalogResource",
        f"INTEGRAL legacy archive: tables of the schema {schema}",
        f"ARCHIP {schema}"[:16],
        f"{SCHEMAS[schema]}. Titles, units, UCDs and meanings of all columns; queried by TAP.",
        f"{site.url}/tap/",
        _data(site, cap.auxiliary_tap(f"{site.url}/tap"), tableset),
        ("Catalog",),
        served,
    )


def _cone(site: Site, name: str, table: Table) -> Record:
    base = f"{site.url}/scs/{name}"
    tableset = f"<tableset>\n{write_schemas({table.name: table})}</tableset>\n"
    return Record(
        site.ivoid(f"scs/{name}"),
        "vs:CatalogService",
        f"INTEGRAL legacy archive: cone search in {table.title.lower()}",
        "ARCHIP SCS",
        table.description,
        f"{site.url}/tap/",
        _data(site, cap.cone_search(base) + cap.vosi(base), tableset),
        ("Catalog",),
    )


def _products(site: Site) -> list[Record]:
    """Return the records of the services for products."""
    services = (
        ("ssa", "spectra", "Spectra of INTEGRAL sources with their responses (SSA 1.1).", cap.ssa(f"{site.url}/ssa")),
        (
            "ssa/lightcurves",
            "light curves",
            "Light curves of INTEGRAL sources, found with the words of SSA 1.1: files and VOTables.",
            cap.ssa(f"{site.url}/ssa/lightcurves"),
        ),
        (
            "sia2",
            "images",
            "Mosaics and images of INTEGRAL's coded-mask instruments (SIA 2.0).",
            cap.plain("ivo://ivoa.net/std/SIA#query-2.0", f"{site.url}/sia2/query", "2.0"),
        ),
        (
            "datalink",
            "files of products",
            "Files, responses, previews and pages of each product (DataLink 1.1).",
            cap.plain("ivo://ivoa.net/std/DataLink#links-1.1", f"{site.url}/datalink/links", "1.1"),
        ),
        (
            "soda",
            "cut-outs",
            "Cut-outs of images and light curves, at once or by a job (SODA 1.0).",
            cap.plain("ivo://ivoa.net/std/SODA#sync-1.0", f"{site.url}/soda/sync", "1.0")
            + cap.plain("ivo://ivoa.net/std/SODA#async-1.0", f"{site.url}/soda/async", "1.0"),
        ),
    )
    return [
        Record(
            site.ivoid(name),
            "vs:DataService",
            f"INTEGRAL legacy archive: {what}",
            f"ARCHIP {name.rpartition('/')[2].upper()}"[:16],
            text,
            f"{site.url}/products/",
            _data(site, capability + cap.vosi(f"{site.url}/{name}")),
        )
        for name, what, text, capability in services
    ] + [_votables(site)]


def _votables(site: Site) -> Record:
    """Return the record of the VOTables of light curves and spectra, which no standard names a protocol for."""
    text = (
        "Light curves (with TIMESYS, COOSYS and photometric system) and spectra (Spectrum data model) as VOTable 1.4: "
        "the address, then the product id."
    )
    return Record(
        site.ivoid("votable"),
        "vs:DataService",
        "INTEGRAL legacy archive: products as VOTable",
        "ARCHIP VOTABLE",
        text,
        f"{site.url}/products/",
        _data(site, cap.directory(f"{site.url}/votable/")),
    )


def _hips_list(site: Site) -> Record:
    capabilities = cap.plain("ivo://ivoa.net/std/hips#hipslist-1.0", f"{site.url}/hips/list", "1.0")
    text = "All HiPS of this archive: sky maps of INTEGRAL as tiles and catalogues in progressive detail (HiPS 1.0)."
    return Record(
        site.ivoid("hips"),
        "vs:DataService",
        "INTEGRAL legacy archive: list of HiPS",
        "ARCHIP HiPS",
        text,
        f"{site.url}/hips/",
        _data(site, capabilities),
    )


def _hips(site: Site, hips: Hips) -> Record:
    capabilities = cap.plain("ivo://ivoa.net/std/hips#hips-1.0", hips.address, "1.0")
    text = f"{SIMULATED if hips.simulated else ''}{hips.title}: HiPS of this archive, with FITS and PNG tiles or rows."
    served = (("IsServedBy", site.ivoid("hips"), "INTEGRAL legacy archive: list of HiPS"),)
    return Record(
        hips.ivoid,
        "vs:DataResource",
        f"INTEGRAL HiPS: {hips.title}{' (simulated)' if hips.simulated else ''}",
        "",
        text,
        f"{hips.address}/",
        _data(site, capabilities),
        ("Survey",),
        served,
    )
