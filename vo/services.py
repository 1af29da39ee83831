"""What the small VO services share: their parameters and their VOSI capabilities (VOSI 1.1, VODataService 1.1)."""

import hashlib
from collections.abc import Iterable
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags, quote_etag

from vo.tap.params import Parameters, merge_parameters

_VOSI = "http://www.ivoa.net/xml/VOSICapabilities/v1.0"
_VS = "http://www.ivoa.net/xml/VODataService/v1.1"


def read_parameters(request: HttpRequest) -> Parameters:
    """Return the parameters of query string and form together, names in upper case."""
    sources = (request.GET, request.POST)
    return merge_parameters(
        *([(name, value) for name, values in source.lists() for value in values] for source in sources)
    )


def capabilities_response(request: HttpRequest, interfaces: Iterable[tuple[str, str, str]], base: str) -> HttpResponse:
    """Answer /capabilities: each interface is a standard's identifier, the address and the version."""
    own = "".join(_capability(standard, address, version, role="std") for standard, address, version in interfaces)
    vosi = _capability("ivo://ivoa.net/std/VOSI#capabilities", f"{base}/capabilities", "")
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<vosi:capabilities xmlns:vosi="{_VOSI}" xmlns:vs="{_VS}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{_VOSI} {_VOSI} {_VS} {_VS}">\n{own}{vosi}</vosi:capabilities>\n'
    ).encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(content, content_type="text/xml")
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response


def _capability(standard: str, address: str, version: str, *, role: str = "") -> str:
    attributes = (f' role="{role}"' if role else "") + (f' version="{version}"' if version else "")
    use = "base" if role else "full"
    return (
        f'<capability standardID="{standard}">\n<interface xsi:type="vs:ParamHTTP"{attributes}>\n'
        f'<accessURL use="{use}">{escape(address)}</accessURL>\n</interface>\n</capability>\n'
    )
