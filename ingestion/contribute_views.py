"""The page on which anyone with an account hands in a community product."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from archive.errors import ArchiveError
from archive.faults import find_fault
from archive.jobs import submit_job
from archive.models import Submission
from archive.tasks import nudge
from ingestion.contribute import community_team, hand_in, parse_form, refuse_too_many
from ingestion.jobs import next_job
from ingestion.label import COMMUNITY_LICENCES, INSTRUMENTS
from ingestion.quarantine import scratch_folder
from ingestion.upload import MAX_UPLOAD_BYTES, MAX_UPLOAD_FILES, QuarantineHandler

MAX_LISTED = 50


@csrf_exempt  # the token is checked by _receive: the body must not be read before its handler is there
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def contribute(request: HttpRequest) -> HttpResponse:
    """Show the form; take what is posted, streamed into the quarantine."""
    if request.method != "POST":
        return _show(request)
    try:
        refuse_too_many(request.user.get_username())
        with scratch_folder(settings.QUARANTINE_ROOT, "upload") as folder:
            handlers = [QuarantineHandler(folder)]
            request.upload_handlers = handlers  # pyright: ignore[reportAttributeAccessIssue] - it has a setter
            return _receive(request, folder)
    except ArchiveError as error:
        return _show(request, error=str(error), status=find_fault(error).status)


@csrf_protect
def _receive(request: HttpRequest, folder) -> HttpResponse:  # noqa: ANN001 - csrf_protect passes it through untyped
    values = {name: str(value) for name, value in request.POST.items()}
    contribution = parse_form(values, request.POST.getlist("instruments"))
    submission = hand_in(contribution, folder, request.user.get_username())
    if kind := next_job(submission):
        submit_job(kind=kind, arguments={"submission": submission.pk})
        transaction.on_commit(nudge)
    return redirect("delivery", submission.delivery_id)


def _show(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    posted = getattr(request, "_post", None) if request.method == "POST" else None  # never read a refused body
    mine = Submission.objects.filter(team=community_team(request.user.get_username())).defer("report", "preview")
    context = {
        "section": "releases",
        "error": error,
        "posted": posted.dict() if posted else {},
        "chosen": posted.getlist("instruments") if posted else [],
        "licences": COMMUNITY_LICENCES,
        "instruments": INSTRUMENTS,
        "max_mib": MAX_UPLOAD_BYTES >> 20,
        "max_files": MAX_UPLOAD_FILES,
        "mine": mine[:MAX_LISTED],
    }
    return render(request, "ingestion/contribute.html", context, status=status)
