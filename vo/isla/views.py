"""HTTP doors for the clients of ESA's ISLA: servlets beside TAP, downloads, name resolution, log-in."""

import logging
from collections.abc import Callable
from functools import wraps

import orjson
from allauth.account.adapter import get_adapter
from django.contrib import auth
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from archive.errors import NotFoundError, UnavailableError, UsageError
from archive.faults import explain, find_fault
from archive.website.bundles import send_bundle
from vo.isla import servlets
from vo.isla.names import find_place
from vo.isla.retrieval import find_package, read_oid
from vo.tap import views as tap
from vo.tap.params import Parameters, merge_parameters, single
from vo.tap.responses import protocol_view

logger = logging.getLogger(__name__)

MAX_RADIUS_DEG = 180.0


def _text(message: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{message.rstrip()}\n", status=status, content_type="text/plain; charset=utf-8")


def _plain_errors(view: Callable[[HttpRequest, Parameters], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Read the parameters, answer failures with one line of text, and let scripts of any page read the reply."""

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponseBase:
        try:
            response = view(request, _parameters(request))
        except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
            said = explain(error)
            response = _text(str(said), find_fault(said).status)
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return wrapped


def _parameters(request: HttpRequest) -> Parameters:
    sources = (request.GET, request.POST)
    return merge_parameters(*([(k, v) for k, values in source.lists() for v in values] for source in sources))


def _json(document: object) -> HttpResponse:
    response = HttpResponse(orjson.dumps(document), content_type="application/json")
    response["Cache-Control"] = "no-cache"
    return response


@csrf_exempt
@protocol_view
def sync(request: HttpRequest) -> HttpResponseBase:
    """Answer ISLA's servlets, which share the address of TAP's sync; everything else is TAP."""
    parameters = _parameters(request)
    name = next(iter(parameters.get("REQUEST", ())), "").lower()
    return servlet(request) if name in _SERVLETS else tap.sync(request)


@_plain_errors
def servlet(_request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """Answer one of the servlets as JSON."""
    return _json(_SERVLETS[parameters["REQUEST"][0].lower()](parameters))


def _need(parameters: Parameters, name: str) -> str:
    value = single(parameters, name)
    if value is None:
        raise UsageError(f"the parameter {name.lower()} is missing")
    return value.strip()


def _need_oid(parameters: Parameters, name: str) -> int:
    _need(parameters, name)
    return read_oid(parameters, name) or 0


def _number(parameters: Parameters, name: str, low: float, high: float) -> float:
    text = _need(parameters, name)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(f"{name.lower()} is {text[:40]!r}; expected a number from {low:g} to {high:g}")
    return value


def _sources(parameters: Parameters) -> object:
    return servlets.describe_source(_need(parameters, "SOURCE"))


def _timelines(parameters: Parameters) -> object:
    ra, dec = _number(parameters, "RA", 0.0, 360.0) % 360.0, _number(parameters, "DEC", -90.0, 90.0)
    return servlets.find_timeline(ra, dec, _number(parameters, "RADIUS", 1e-6, MAX_RADIUS_DEG))


def _spectra(parameters: Parameters) -> object:
    source, epoch = _need(parameters, "SOURCE"), _need(parameters, "EPOCH")
    return servlets.list_spectra(source, _need_oid(parameters, "INSTRUMENT_OID"), epoch)


def _mosaics(parameters: Parameters) -> object:
    return servlets.list_mosaics(_need_oid(parameters, "BAND_OID"), _need(parameters, "EPOCH"))


def _series(parameters: Parameters) -> object:
    return servlets.list_series(
        parameters["REQUEST"][0].lower(),
        _need(parameters, "SOURCE"),
        read_oid(parameters, "INSTRUMENT_OID"),
        read_oid(parameters, "BAND_OID"),
        single(parameters, "EPOCH") or "",
    )


_SERVLETS: dict[str, Callable[[Parameters], object]] = {
    "sources": _sources,
    "timelines": _timelines,
    "spectra": _spectra,
    "mosaics": _mosaics,
    "long_timeseries": _series,
    "short_timeseries": _series,
}


@_plain_errors
def data(request: HttpRequest, parameters: Parameters) -> HttpResponseBase:
    """Send files as tar or zip."""
    if request.method not in {"GET", "HEAD", "POST"}:
        raise UsageError(f"{request.method} is not allowed here; use GET or HEAD")
    package = find_package(parameters, request.META.get("QUERY_STRING", ""))
    return send_bundle(request, package.members, stem=package.stem, kind=package.kind)


@_plain_errors
def target_resolver(_request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """Return the position of a name; a name that nobody knows gets ISLA's words and no error status."""
    try:
        place = find_place(_need(parameters, "TARGET_NAME"), single(parameters, "RESOLVER_TYPE") or "ALL")
    except (NotFoundError, UnavailableError) as error:
        return _text(f"TARGET NOT FOUND\n{error}")
    found = {
        "objectName": place.name,
        "raDegrees": place.ra,
        "decDegrees": place.dec,
        "resolver": place.resolver,
        "sourceId": place.source_id or None,
    }
    return _json({"objects": [found]})


@_plain_errors
def login(request: HttpRequest, parameters: Parameters) -> HttpResponse:
    """Log in to an account of this archive, as ISLA's clients do: form fields `username` and `password`.

    Nothing that is published needs it; an account sees its own jobs and tables. No token of a form can be asked of
    these clients, so a request that a browser sends from another site is refused.
    """
    _need_own_post(request)
    try:
        user = get_adapter(request).authenticate(
            request, username=_need(parameters, "USERNAME"), password=_need(parameters, "PASSWORD")
        )
    except ValidationError as error:  # too many attempts
        return _text(" ".join(error.messages), 429)
    if user is None:
        return _text(
            "No account of this archive has this name and password. Nothing that is published needs one: "
            "leave the log-in out, or open an account at /account/signup.",
            401,
        )
    auth.login(request, user)
    return _text(f"Logged in as {user.get_username()}.")


@_plain_errors
def logout(request: HttpRequest, _parameters: Parameters) -> HttpResponse:
    """End the session, if there is one."""
    _need_own_post(request)
    auth.logout(request)
    return _text("Logged out.")


def _need_own_post(request: HttpRequest) -> None:
    if request.method != "POST":
        raise UsageError(f"{request.method} is not allowed here; clients log in and out by POST")
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise UsageError("another site sent this request through a browser; log in at /account/login")
