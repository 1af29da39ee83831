"""What every data product says of itself in its VOTable, in the words of SSA 1.1."""

from collections.abc import Iterable

from archive.formats import Finding
from archive.models import Product
from vo.products.document import Param
from vo.votable import Info

KEV_METRE = 1.239841984e-9
"""Wavelength of a photon of 1 keV in metres."""


def common_params(product: Product, identifier: str) -> tuple[Param, ...]:
    """Return the facts about a product that do not depend on its kind."""
    place = None if product.ra is None or product.dec is None else f"{product.ra!r} {product.dec!r}"
    return (
        Param("title", product.title, "ssa:DataID.Title", "meta.title;meta.dataset"),
        Param("publisher_did", identifier, "ssa:Curation.PublisherDID", "meta.ref.ivoid"),
        Param("publisher", "Archipelago", "ssa:Curation.Publisher", "meta.curation"),
        Param("collection", collection_of(product), "ssa:DataID.Collection", "meta.id"),
        Param("release", product.release_from.name, "ssa:Curation.Version", "meta.version"),
        Param("facility", "INTEGRAL", "ssa:DataID.Facility", "meta.id;instr.tel"),
        Param("instrument", product.instrument, "ssa:DataID.Instrument", "meta.id;instr"),
        Param("target_name", product.target_name or None, "ssa:Target.Name", "meta.id;src"),
        Param("target_position", place, "ssa:Target.Pos", "pos.eq", description="ra dec, degrees, ICRS"),
        Param("tstart", product.tstart_mjd_tt, "ssa:Char.TimeAxis.Coverage.Bounds.Start", "time.start;obs.exposure",
              "d", "MJD in TT"),
        Param("tstop", product.tstop_mjd_tt, "ssa:Char.TimeAxis.Coverage.Bounds.Stop", "time.end;obs.exposure", "d",
              "MJD in TT"),
        Param("exposure", product.exposure_s, "ssa:Char.TimeAxis.Coverage.Support.Extent",
              "time.duration;obs.exposure", "s"),
    )  # fmt: skip


def collection_of(product: Product) -> str:
    """Return the collection that ObsCore names."""
    return "INTEGRAL-SIMULATED" if product.simulated else "INTEGRAL"


def product_infos(product: Product) -> tuple[Info, ...]:
    """Return what must be seen before the numbers: that a product is simulated."""
    if not product.simulated:
        return ()
    return (Info("simulated", "true", "These data are simulated, not measured by INTEGRAL."),)


def remarks(findings: Iterable[Finding]) -> tuple[Param, ...]:
    """Return what a reader of the numbers should know, as the reader of the file found it."""
    said = dict.fromkeys(finding.message for finding in findings if finding.severity != "info")
    return tuple(Param(f"remark_{at}", text, ucd="meta.note") for at, text in enumerate(said, start=1))
