"""By which parameters a product can be cut, and how far."""

from archive.api.points import SERIES_KINDS
from archive.models import Product
from vo.products.facts import KEV_METRE

IMAGE_KINDS = (Product.Kind.MOSAIC, Product.Kind.SCW_IMAGE)


def inputs_of(product: Product) -> tuple[str, ...]:
    """Return the parameters by which a product can be cut; none where it cannot."""
    if product.kind in IMAGE_KINDS:
        return ("POS", "CIRCLE", "POLYGON", "BAND")
    if product.kind in SERIES_KINDS and product.instrument != "irem":
        return ("TIME", "BAND")
    return ()


def limits_of(product: Product) -> dict[str, str]:
    """Return the largest value of each parameter that makes sense for a product, as DALI writes it."""
    limits: dict[str, str] = {}
    if product.ra is not None and product.dec is not None and product.field_of_view_deg:
        limits["CIRCLE"] = f"{product.ra!r} {product.dec!r} {product.field_of_view_deg / 2.0:.6g}"
    words = product.footprint.split()
    if words[:2] == ["POLYGON", "ICRS"]:
        limits["POLYGON"] = " ".join(words[2:])
    if product.energy_min_kev and product.energy_max_kev:
        limits["BAND"] = f"{KEV_METRE / product.energy_max_kev:.9g} {KEV_METRE / product.energy_min_kev:.9g}"
    if product.tstart_mjd_tt is not None and product.tstop_mjd_tt is not None:
        limits["TIME"] = f"{product.tstart_mjd_tt!r} {product.tstop_mjd_tt!r}"
    return limits
