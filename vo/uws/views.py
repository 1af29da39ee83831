"""HTTP doors of UWS 1.1 for the jobs of TAP and SODA (sections 2.2.2 and 2.2.3).

Without an account a job is reached by its address, which cannot be guessed, and the list shows a caller the jobs that
were made with the same cookie. With one (session cookie or bearer token) jobs belong to it: nobody else reaches them.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from archive.errors import NotFoundError, UsageError
from archive.models.job import Job
from archive.tasks import nudge
from vo.tap.params import Parameters, merge_parameters, single
from vo.tap.responses import protocol_view
from vo.tap.upload_parts import check_size, find_parts
from vo.uws import services
from vo.uws.documents import (
    iso_time,
    job_document,
    list_document,
    parameters_document,
    results_document,
    shown_phase,
)
from vo.uws.params import CONTROL_NAMES, read_destruction, read_duration, read_filter, read_phase, read_wait
from vo.uws.results import send_file
from vo.votable import CONTENT_TYPE, error_document

COOKIE = "archipelago_jobs"
COOKIE_AGE_S = 30 * 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,64}")


@csrf_exempt
@protocol_view
def jobs(request: HttpRequest, kind: str = services.KIND) -> HttpResponseBase:
    """Make a job (POST), or list those of the caller (GET)."""
    token = request.COOKIES.get(COOKIE, "")
    token = token if _TOKEN.fullmatch(token) else ""
    parameters = _parameters(request)
    if request.method in {"GET", "HEAD"}:
        found = services.list_jobs(_owner(request, token), read_filter(parameters), kind)
        return _xml(list_document(found, _list_address(request), _owner_name(request)))
    _need_post(request)
    parts = _parts(request, parameters, kind)
    token = token or secrets.token_urlsafe(32)
    phase = single(parameters, "PHASE")
    if phase is not None and phase.upper() != "RUN":
        msg = f"PHASE={phase[:40]!r} cannot be asked of a new job; PHASE=RUN starts it at once"
        raise UsageError(msg)
    job = services.create_job(
        _own(parameters, parts), owner=_owner(request, token), run_id=single(parameters, "RUNID") or "", kind=kind
    )
    services.store_parts(job, parts)
    if phase is not None:
        services.start_job(job)
        nudge()
    response = _see(f"{_list_address(request)}/{job.job_id}")
    if request.user.is_authenticated:
        return response
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_AGE_S,
        path=_root(request),
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response


@csrf_exempt
@protocol_view
def job(request: HttpRequest, job_id: UUID, kind: str = services.KIND) -> HttpResponseBase:
    """Describe a job (GET, which may WAIT), or remove it (DELETE, or POST with ACTION=DELETE)."""
    found = _find(request, job_id, kind)
    parameters = _parameters(request)
    if request.method in {"GET", "HEAD"}:
        return _xml(job_document(_wait(found, parameters), _job_address(request, job_id), _owner_name(request)))
    if request.method != "DELETE":
        _need_post(request)
        action = single(parameters, "ACTION")
        if (action or "").upper() != "DELETE":
            msg = f"ACTION={(action or '')[:40]!r} is not known for a job; ACTION=DELETE removes it"
            raise UsageError(msg)
    services.remove_job(found)
    return _see(_list_address(request))


@csrf_exempt
@protocol_view
def part(request: HttpRequest, job_id: UUID, name: str, kind: str = services.KIND) -> HttpResponseBase:
    """Read one part of a job (GET), or set it (POST)."""
    found = _find(request, job_id, kind)
    address = _job_address(request, job_id)
    if request.method in {"GET", "HEAD"}:
        return _read_part(found, name, _parameters(request), address)
    _need_post(request)
    _set_part(request, found, name)
    return _see(address)


@protocol_view
def result(request: HttpRequest, job_id: UUID, name: str, kind: str = services.KIND) -> HttpResponseBase:
    """Send the result of a job."""
    found = _find(request, job_id, kind)
    if name != "result" or found.phase != Job.Phase.COMPLETED or not found.result:
        msg = f"there is no result {name[:40]!r}; the job is {shown_phase(found.phase)}"
        raise NotFoundError(msg)
    return send_file(
        request,
        services.job_directory(job_id) / services.RESULT_NAME,
        sha256=found.result["sha256"],
        name=found.result["name"],
        media_type=found.result["media_type"],
    )


@csrf_exempt
@protocol_view
def missing(_request: HttpRequest, address: str, kind: str = services.KIND) -> HttpResponseBase:
    """Say that an address below ``async`` is none of a job."""
    msg = f"there is no job at {address[:80]!r}"
    raise NotFoundError(msg)


def _read_part(found: Job, name: str, parameters: Parameters, address: str) -> HttpResponseBase:
    match name:
        case "phase":
            return _text(shown_phase(_wait(found, parameters).phase))
        case "executionduration":
            return _text(str(found.execution_duration_s))
        case "destruction":
            return _text(iso_time(found.destruction_at))
        case "quote" | "owner":
            return _text("")
        case "parameters":
            return _xml(parameters_document(found))
        case "results":
            return _xml(results_document(found, address))
        case "error" if found.phase == Job.Phase.ERROR:
            return HttpResponse(error_document(found.message), content_type=CONTENT_TYPE)
        case "error":
            msg = f"the job has no error; it is {shown_phase(found.phase)}"
        case _:
            msg = f"a job has no part {name[:40]!r}"
    raise NotFoundError(msg)


def _set_part(request: HttpRequest, found: Job, name: str) -> None:
    parameters = _parameters(request)
    match name:
        case "phase":
            _set_phase(found, single(parameters, "PHASE") or "")
        case "executionduration":
            services.change_duration(found, read_duration(single(parameters, "EXECUTIONDURATION")))
        case "destruction":
            found.destruction_at = read_destruction(single(parameters, "DESTRUCTION"), created=found.created_at)
            found.save(update_fields=["destruction_at"])
        case "parameters":
            parts = _parts(request, parameters, found.kind)
            services.change_parameters(found, _own(parameters, parts))
            services.store_parts(found, parts)
        case _:
            msg = f"the part {name[:40]!r} of a job cannot be set"
            raise UsageError(msg)


def _set_phase(found: Job, phase: str) -> None:
    match phase.strip().upper():
        case "RUN":
            services.start_job(found)
            nudge()
        case "ABORT":
            services.stop_job(found)
        case _:
            msg = f"PHASE={phase[:40]!r} cannot be asked for; PHASE=RUN starts a job, PHASE=ABORT ends it"
            raise UsageError(msg)


def _wait(found: Job, parameters: Parameters) -> Job:
    """Wait for a change as WAIT and PHASE ask (UWS 1.1 section 2.2.1.1)."""
    patience_s = read_wait(parameters)
    asked = single(parameters, "PHASE")
    phases = {read_phase(asked)} if asked else {shown_phase(found.phase)}
    active = {Job.Phase.PENDING.value, Job.Phase.EXECUTING.value}
    return services.await_change(found, phases & active, patience_s)


def _parts(request: HttpRequest, parameters: Parameters, kind: str) -> dict[str, bytes]:
    """Return the uploaded tables; only queries of TAP take any."""
    return dict(find_parts(request, parameters)) if kind == services.KIND else {}


def _root(request: HttpRequest) -> str:
    """Return the path under which the jobs of a service are: /tap, also for /tap/tap, or /soda."""
    return "/" + request.path.split("/", 2)[1]


def _own(parameters: Parameters, parts: Iterable[str]) -> list[tuple[str, str]]:
    """Parameters that belong to the job itself; uploaded tables are kept as files."""
    others = CONTROL_NAMES | {part.upper() for part in parts}
    return [(name, value) for name, values in parameters.items() if name not in others for value in values]


def _parameters(request: HttpRequest) -> Parameters:
    check_size(request)
    pairs = [[(n, v) for n, values in query.lists() for v in values] for query in (request.GET, request.POST)]
    return merge_parameters(*pairs)


def _need_post(request: HttpRequest) -> None:
    if request.method != "POST":
        msg = f"{request.method} is not allowed here; use GET or POST"
        raise UsageError(msg)


def _owner(request: HttpRequest, token: str) -> str:
    """Whose job it is: the account, or whom a cookie stands for; the database keeps no cookie."""
    if request.user.is_authenticated:
        return services.account_owner(request.user)
    return hashlib.sha256(token.encode()).hexdigest() if token else ""


def _owner_name(request: HttpRequest) -> str:
    return request.user.get_username() if request.user.is_authenticated else ""


def _find(request: HttpRequest, job_id: UUID, kind: str) -> Job:
    """Return a job that the caller may see; one of another account is as good as none."""
    found = services.find_job(job_id, kind)
    if services.is_of_account(found) and found.owner != _owner(request, ""):
        msg = f"there is no job {job_id}; it may have been removed, or belong to an account: log in"
        raise NotFoundError(msg)
    return found


def _list_address(request: HttpRequest) -> str:
    head, middle, _ = request.path.partition("/async")
    return f"{settings.PUBLIC_URL}{head}{middle}"


def _job_address(request: HttpRequest, job_id: UUID) -> str:
    return f"{_list_address(request)}/{job_id}"


def _see(address: str) -> HttpResponse:
    response = HttpResponse(status=303)
    response["Location"] = address
    return response


def _xml(document: str) -> HttpResponse:
    response = HttpResponse(document, content_type="text/xml")
    response["Cache-Control"] = "no-store"
    return response


def _text(text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
