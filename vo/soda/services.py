"""Finds what an identifier names and cuts it: mosaics and images, light curves, all-sky maps (SODA 1.0)."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from archive.api.points import find_product, product_files, read_product_series
from archive.errors import NotFoundError, UsageError
from archive.models import Product, ProductFile
from archive.storage import file_path
from hips import services as hips
from hips.cutouts import Region as Square
from hips.properties import make_creator_did
from vo.datalink.services import did_of, product_id_of
from vo.products.document import CONTENT_TYPE
from vo.products.facts import KEV_METRE
from vo.products.timeseries import write_light_curves
from vo.soda.fits_series import write_series_fits
from vo.soda.images import cut_image
from vo.soda.offers import IMAGE_KINDS, inputs_of
from vo.soda.params import Cut
from vo.soda.regions import Circle, surround
from vo.soda.series import cut_curves

_FITS = "application/fits"
_WIDEST_TAN_DEG = 60.0
_WIDEST_DEG = 180.0


@dataclass(frozen=True, slots=True)
class Document:
    """What a cut-out is sent as."""

    content: bytes | Iterator[bytes]
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The file to send where nothing was to be cut off."""

    file: ProductFile


def make_cutout(identifier: str, cut: Cut, form: str = "") -> Document | WholeFile | None:
    """Cut a product or map; None if nothing of it is left.

    Parameters
    ----------
    form
        ``votable`` or ``fits``, or '' for what is usual: VOTable for light curves, FITS for images.

    Raises
    ------
    NotFoundError
        If nothing has the identifier; `WithdrawnError` if something had it.
    UsageError
        If the product cannot be cut.
    """
    survey_id = identifier.removeprefix(make_creator_did(settings.IVO_AUTHORITY, ""))
    if survey_id != identifier:
        _need_fits(survey_id, form)
        return _cut_map(survey_id, cut)
    product = find_product(product_id_of(identifier))
    if not inputs_of(product):
        raise UsageError(
            f"{product.product_id} is of the kind {product.kind}; cut-outs are made of images, light curves and maps"
        )
    if product.kind in IMAGE_KINDS:
        _need_fits(product.product_id, form)
        return _cut_mosaic(product, cut)
    curves = cut_curves(read_product_series(product), cut)
    if not curves:
        return None
    if form == "fits":
        content = write_series_fits(product, curves, _history(product))
        return Document(content, _FITS, f"{product.product_id}_cutout.fits")
    content = write_light_curves(product, curves, did_of(product.product_id))
    return Document(content, CONTENT_TYPE, f"{product.product_id}_cutout.vot")


def _need_fits(name: str, form: str) -> None:
    if form not in {"", "fits"}:
        raise UsageError(f"RESPONSEFORMAT {form!r} is not offered for {name[:80]}; images and maps are written as fits")


def _history(product: Product, sha256: str = "") -> tuple[str, ...]:
    digest = f", SHA-256 of the file {sha256}" if sha256 else ""
    return (
        f"cut-out by Archipelago of {did_of(product.product_id)}",
        f"release {product.release_from.name}{digest}",
    )


def _cut_mosaic(product: Product, cut: Cut) -> Document | WholeFile | None:
    file = next((f for f in product_files(product.product_id) if f.role == ProductFile.Role.SCIENCE), None)
    if file is None:
        raise NotFoundError(f"{product.product_id} has no science file in this release")
    if cut.is_whole:
        return WholeFile(file)
    if not _overlap(product.tstart_mjd_tt, product.tstop_mjd_tt, cut.time):
        return None
    content = cut_image(file_path(file.sha256), cut, _history(product, file.sha256))
    return None if content is None else Document(content, _FITS, f"{product.product_id}_cutout.fits")


def _overlap(low: float | None, high: float | None, wanted: tuple[float, float] | None) -> bool:
    """Say whether a span, whose ends may be unknown, may overlap the wanted one."""
    if wanted is None:
        return True
    return (low is None or low <= wanted[1]) and (high is None or high >= wanted[0])


def _cut_map(survey_id: str, cut: Cut) -> Document | None:
    version = hips.current_version()
    opened = hips.open_survey(version, survey_id)
    sky_map = opened.survey.main
    if cut.region is None:
        raise UsageError(f"the map {survey_id[:80]} covers the whole sky; give CIRCLE, POLYGON or POS")
    wavelengths = KEV_METRE / sky_map.energy_max_kev, KEV_METRE / sky_map.energy_min_kev
    if not (_overlap(*wavelengths, cut.band) and _overlap(sky_map.tstart_mjd_tt, sky_map.tstop_mjd_tt, cut.time)):
        return None
    circle = surround(cut.region)
    size = 2.0 * circle.radius_deg
    if size > _WIDEST_DEG:
        raise UsageError(f"the region is {size:.0f} degrees wide; a cut-out of a map is at most {_WIDEST_DEG:g}")
    projection = "TAN" if size <= _WIDEST_TAN_DEG else "ZEA"
    square = Square(circle.ra, circle.dec, size, projection, circle=isinstance(cut.region, Circle))
    document = hips.make_cutout(opened, square, "fits")
    return Document(document.body, _FITS, f"{survey_id}_cutout.fits")
