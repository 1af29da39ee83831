"""Lists of positions as jobs: submit, watch, download. A job is reached by its address, which cannot be guessed."""

from collections.abc import Mapping
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from archive.jobs import abort_job
from archive.models.job import Job
from archive.tasks import nudge
from upper_limits import list_services
from upper_limits.api import read_body_targets
from upper_limits.compatible_views import door, json_answer

PHASES = {
    Job.Phase.PENDING: pgettext_lazy("phase of a job", "pending"),
    Job.Phase.QUEUED: pgettext_lazy("phase of a job", "queued"),
    Job.Phase.EXECUTING: pgettext_lazy("phase of a job", "executing"),
    Job.Phase.COMPLETED: pgettext_lazy("phase of a job", "completed"),
    Job.Phase.ERROR: pgettext_lazy("phase of a job", "error"),
    Job.Phase.ABORTED: pgettext_lazy("phase of a job", "aborted"),
}


@door
@require_http_methods(["POST"])
def jobs(request: HttpRequest) -> HttpResponse:
    """Take a list as the synchronous service does and redirect to the job that answers it."""
    parameters: dict[str, list[str]] = {}
    for name, values in request.GET.lists():
        parameters.setdefault(name.lower(), []).extend(values)
    job = list_services.submit_list(parameters, read_body_targets(request, parameters))
    nudge()
    response = HttpResponse(status=303)
    response["Location"] = request.build_absolute_uri(reverse("upper-limits-job", args=[job.job_id]))
    return response


@door
@require_http_methods(["GET", "DELETE"])
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Describe a job as JSON, or as a page that follows it; DELETE aborts it."""
    found = list_services.find_job(job_id)
    if request.method == "DELETE":
        abort_job(job_id)
        found.refresh_from_db()
    facts = _describe(request, found)
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        context = {"section": "upper-limits", "job": facts, "phase": PHASES[Job.Phase(found.phase)]}
        return render(request, "upper_limits/job.html", context)
    return json_answer(facts)


@door
@require_GET
def result(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Send the answer of a completed job."""
    found = list_services.find_job(job_id)
    path = list_services.result_path(found)
    kind = str((found.result or {}).get("media_type", "application/octet-stream"))
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type=kind)  # pyright: ignore[reportReturnType]


def _describe(request: HttpRequest, found: Job) -> Mapping[str, object]:
    done = found.phase == Job.Phase.COMPLETED
    address = request.build_absolute_uri(reverse("upper-limits-job-result", args=[found.job_id]))
    return {
        "job_id": str(found.job_id),
        "phase": found.phase,
        "progress": 1.0 if done else found.progress,
        "message": found.message,
        "created_at": found.created_at.isoformat(),
        "ended": found.phase in {Job.Phase.COMPLETED, Job.Phase.ERROR, Job.Phase.ABORTED},
        "rows": (found.result or {}).get("rows") if done else None,
        "result": address if done else None,
    }
