"""The page of usage, and the form for feedback."""

from datetime import UTC, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from archive.errors import BusyError, UsageError
from archive.models import Feedback, UsageCount
from archive.selectors import current_release
from archive.usage import SUMS
from archive.website.views.basket import check_origin

LONGEST_TEXT = 5_000
MOST_PER_HOUR = 60
"""Messages that the archive takes in an hour from everybody together; a flood must not fill the database."""


@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """Show how much each service was asked, by month and in all."""
    month_ago = datetime.now(UTC).date() - timedelta(days=30)
    context = {
        "recent": UsageCount.objects.filter(day__gt=month_ago).values("service").annotate(**SUMS).order_by("service"),
        "all_time": UsageCount.objects.values("service").annotate(**SUMS).order_by("service"),
        "months": UsageCount.objects.values("day__year", "day__month")
        .annotate(**SUMS)
        .order_by("-day__year", "-day__month")[:36],
        "first": UsageCount.objects.order_by("day").values_list("day", flat=True).first(),
    }
    return render(request, "archive/usage.html", context)


@csrf_exempt  # the origin is checked below: a token would set a cookie where the pages promise none
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def feedback(request: HttpRequest) -> HttpResponse:
    """Take what a visitor writes about a page."""
    if request.method != "POST":
        return render(request, "archive/feedback.html", {"page": request.GET.get("page", "")[:500]})
    check_origin(request)
    text = request.POST.get("text", "").strip()
    page, answer_to = request.POST.get("page", "").strip(), request.POST.get("answer_to", "").strip()
    try:
        _store(text, page, answer_to)
    except (UsageError, BusyError) as error:
        context = {"page": page[:500], "text": text, "answer_to": answer_to, "error": str(error)}
        return render(request, "archive/feedback.html", context, status=400 if isinstance(error, UsageError) else 503)
    return render(request, "archive/feedback.html", {"thanks": True})


def _store(text: str, page: str, answer_to: str) -> None:
    if not text or len(text) > LONGEST_TEXT:
        raise UsageError(f"the message has {len(text)} characters; expected 1 to {LONGEST_TEXT}")
    if len(page) > 500 or len(answer_to) > 200:
        raise UsageError("the page or the address to answer to is too long; at most 500 and 200 characters")
    if "\0" in text + page + answer_to:
        raise UsageError("the message holds a NUL character, which is no text; take it out")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    if Feedback.objects.filter(written_at__gt=hour_ago).count() >= MOST_PER_HOUR:
        raise BusyError(f"the archive takes {MOST_PER_HOUR} messages an hour and has them; please try again later")
    release = current_release()
    Feedback.objects.create(text=text, page=page, answer_to=answer_to, release=release.name if release else "")
