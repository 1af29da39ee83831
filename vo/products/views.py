"""HTTP doors of the products as VOTable, and of their pictures."""

import hashlib

import numpy as np
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.http import require_safe

from archive.api.points import SERIES_KINDS, find_product, product_files, read_product_series, read_product_spectrum
from archive.errors import NotFoundError, UsageError
from archive.models import Product
from vo.datalink.services import did_of
from vo.products.document import CONTENT_TYPE
from vo.products.preview import draw_preview
from vo.products.spectrum import write_spectrum
from vo.products.timeseries import write_light_curves
from vo.tap.responses import protocol_view


@protocol_view
@require_safe
def votable(request: HttpRequest, product_id: str) -> HttpResponseBase:
    """Send a spectrum or light curve as VOTable; what fails is a VOTable that says so, with the status."""
    product = find_product(product_id)
    identifier = did_of(product_id)
    if product.kind in SERIES_KINDS:
        if product.instrument == "irem":
            raise UsageError(f"{product_id} holds rates of the radiation monitor, no light curve; take the file itself")
        content = write_light_curves(product, read_product_series(product), identifier)
    elif product.kind == Product.Kind.SPECTRUM:
        spectrum = read_product_spectrum(product)
        if not np.isfinite(spectrum.energy_min_kev).all():
            raise NotFoundError(f"{product_id} has no response, so its channels have no energies; take the file itself")
        content = write_spectrum(product, spectrum, identifier)
    else:
        raise UsageError(f"{product_id} is of the kind {product.kind}; VOTables are made of spectra and light curves")
    etag = quote_etag(hashlib.sha256(f"1 {product_id} {product.release_from.number}".encode()).hexdigest()[:24])
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response: HttpResponseBase = HttpResponse(status=304)
    else:
        response = StreamingHttpResponse(content, content_type=CONTENT_TYPE)
        response["Content-Disposition"] = f'attachment; filename="{_plain(product_id)}.vot"'
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response


@protocol_view
@require_safe
def preview(request: HttpRequest, product_id: str) -> HttpResponse:
    """Send the picture of a product as PNG."""
    product = find_product(product_id)
    digests = "".join(file.sha256 for file in product_files(product_id))
    etag = quote_etag(hashlib.sha256(f"preview 1 {product.title} {digests}".encode()).hexdigest()[:24])
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(draw_preview(product), content_type="image/png")
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else "_" for c in text)
