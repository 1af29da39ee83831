"""Pages about deliveries and releases: the team, the archive and the users see the same."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from archive.accounts.roles import Visitor, is_archive_scientist, list_teams
from archive.errors import NotFoundError, UsageError
from archive.jobs import submit_job
from archive.models import AuditEntry, Delivery, Product, Release, SignOff, Submission, Withdrawal
from archive.release_diff import MAX_SHOWN_ROWS, compare_releases
from archive.selectors import current_release, find_release
from archive.tasks import nudge
from archive.website.request_values import read_text
from ingestion.contribute import community_team
from ingestion.expiry import count_ahead, kept_until
from ingestion.gates import find_submission, missing_signatures
from ingestion.gates import sign as sign_submission
from ingestion.jobs import next_job
from ingestion.rules import SEVERITIES

MAX_LISTED = 500
MAX_NAME = 120
_STANDING = {
    Submission.State.RECEIVING: gettext_lazy("This delivery is being received."),
    Submission.State.RECEIVED: gettext_lazy("This delivery waits for validation."),
    Submission.State.INVALID: gettext_lazy("This delivery was refused by the validator."),
    Submission.State.UNCHANGED: gettext_lazy("This delivery brought nothing new."),
    Submission.State.PUBLISHED: gettext_lazy("This delivery is published, not yet read back."),
    Submission.State.VERIFIED: gettext_lazy("This delivery is published and read back."),
    Submission.State.DAMAGED: gettext_lazy("This delivery is published, but read back with errors."),
}
_UNSIGNED = {
    ("team", "archive"): gettext_lazy("This delivery waits for signatures of team and archive."),
    ("team",): gettext_lazy("This delivery waits for signatures of team."),
    ("archive",): gettext_lazy("This delivery waits for signatures of archive."),
    (): gettext_lazy("This delivery is signed and waits to be published."),
}


def deliveries(request: HttpRequest) -> HttpResponse:
    """List what was handed in, and what was ingested without gates."""
    handed_in = list(Submission.objects.select_related("release").defer("report", "preview")[:MAX_LISTED])
    names = {submission.delivery_id for submission in handed_in}
    direct = Delivery.objects.exclude(pk__in=names).select_related("release").defer("findings")[:MAX_LISTED]
    context = {"section": "releases", "submissions": handed_in, "direct": direct}
    return render(request, "ingestion/deliveries.html", context)


def delivery(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Show one delivery: state, verdict, rules, files, what publishing changes, who signed."""
    attempts = list(Submission.objects.filter(delivery_id=delivery_id).order_by("-attempt"))
    published = Delivery.objects.filter(pk=delivery_id).select_related("release").first()
    if not attempts and published is None:
        raise NotFoundError(f"There is no delivery {delivery_id[:MAX_NAME]!r}.")
    latest = attempts[0] if attempts else None
    context = {
        "section": "releases",
        "delivery_id": delivery_id,
        "submission": latest,
        "attempts": attempts,
        "published": published,
        "named": latest or published,
        "steps": _steps(latest) if latest else [],
        "may_sign": may_sign(request.user, latest) if latest else [],
        "standing": _standing(latest) if latest else "",
        "ahead": count_ahead(latest) if latest else 0,
        "kept_until": kept_until(latest) if latest else None,
        "report": latest.report if latest else None,
        "declared": (latest.report if latest else None) or published,
        "codes": _codes(latest.report) if latest and latest.report else [],
        "signatures": SignOff.objects.filter(submission=latest),
        "withdrawals": Withdrawal.objects.filter(delivery=published).select_related("release"),
        "product_count": Product.objects.filter(delivery_id=delivery_id).values("product_id").distinct().count(),
        "log": AuditEntry.objects.filter(subject__startswith=f"{delivery_id} (").order_by("number"),
    }
    return render(request, "ingestion/delivery.html", context)


def _standing(submission: Submission) -> str:
    """Say in a sentence where a delivery stands."""
    state = Submission.State(submission.state)
    return str(_UNSIGNED[tuple(missing_signatures(submission))] if state == state.VALID else _STANDING[state])


def _steps(submission: Submission) -> list[tuple[str, str]]:
    """Return each gate with ``done``, ``now``, ``failed`` or ``later``."""
    state = Submission.State
    names = [
        pgettext("a gate", "received"),
        pgettext("a gate", "validated"),
        pgettext("a gate", "signed"),
        pgettext("a gate", "published"),
        pgettext("a gate", "read back"),
    ]
    done = {
        state.RECEIVING: 0,
        state.RECEIVED: 1,
        state.INVALID: 1,
        state.VALID: 2,
        state.UNCHANGED: 4,
        state.PUBLISHED: 4,
        state.DAMAGED: 4,
        state.VERIFIED: 5,
    }[state(submission.state)]
    failed = submission.state in {state.INVALID, state.DAMAGED}
    here = "failed" if failed else "now"
    return [
        (name, "done" if number < done else here if number == done else "later") for number, name in enumerate(names)
    ]


def _codes(report: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return sorted(report["codes"], key=lambda code: SEVERITIES.index(str(code["severity"])))


@require_POST
@never_cache
@login_required
def sign(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Sign a delivery for a side that the account belongs to; the second signature leaves publishing to a worker."""
    submission = find_submission(delivery_id)
    role = request.POST.get("role", "")
    if role not in may_sign(request.user, submission):
        raise PermissionDenied(f"This account may not sign {delivery_id} for {role[:20] or 'nobody'}.")
    if request.POST.get("content", "") != submission.digest_sha256:
        raise UsageError("The delivery changed while the page was open: look at it again before signing.")
    with transaction.atomic():  # signature and job together: whoever dies between them would leave it unpublished
        submission = sign_submission(delivery_id, role=role, signer=request.user.get_username())
        if kind := next_job(submission):
            submit_job(kind=kind, arguments={"submission": submission.pk})
            transaction.on_commit(nudge)
    return redirect("delivery", delivery_id)


def may_sign(user: Visitor, submission: Submission) -> list[str]:
    """Return the roles for which an account may still sign: its own team's, or the archive's, never both."""
    if submission.state != Submission.State.VALID or not user.is_authenticated:
        return []
    held = []
    if submission.team in (*list_teams(user), community_team(user.get_username())):
        held.append(str(SignOff.Role.TEAM))
    if is_archive_scientist(user):
        held.append(str(SignOff.Role.ARCHIVE))
    if SignOff.objects.filter(submission=submission, signer__iexact=user.get_username()).exists():
        return []
    return [role for role in held if role in missing_signatures(submission)]


def report_json(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Send the validator's report on the latest attempt."""
    found = Submission.objects.filter(delivery_id=delivery_id).order_by("-attempt").first()
    if found is None or found.report is None:
        raise NotFoundError(f"There is no report on a delivery {delivery_id[:MAX_NAME]!r}.")
    return JsonResponse(found.report, json_dumps_params={"indent": 1})


def release(request: HttpRequest, name: str) -> HttpResponse:
    """Show one release: what it brought, and what differs from the one before."""
    found = find_release(name)
    context = {
        "section": "releases",
        "row": found,
        "current": current_release(),
        "difference": compare_releases(found.previous, found),
        "withdrawals": Withdrawal.objects.filter(release=found).select_related("delivery"),
        "first": None if found.previous else True,
    }
    return render(request, "ingestion/release.html", context)


def difference(request: HttpRequest) -> HttpResponse:
    """Show what differs between any two releases, on demand for one source."""
    releases = list(Release.objects.all())
    before, after = read_text(request.GET, "from"), read_text(request.GET, "to")
    source_id = read_text(request.GET, "source")
    if bool(before) != bool(after):
        raise UsageError("A difference needs two releases: from and to.")
    found = compare_releases(find_release(before), find_release(after), source_id=source_id) if before else None
    before = before or (releases[1].name if len(releases) > 1 else "")
    after = after or (releases[0].name if releases else "")
    of_source = f" --source {source_id}" if source_id else ""
    context = {
        "section": "releases",
        "releases": releases,
        "before": before,
        "after": after,
        "source_id": source_id,
        "command": f"./archipelago release diff {before or 'FROM'} {after or 'TO'}{of_source}",
        "difference": found,
        "most": MAX_SHOWN_ROWS,
    }
    return render(request, "ingestion/difference.html", context)
