"""The account page: who is logged in, what roles the account has, its API tokens."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from archive.accounts.roles import is_archive_scientist, list_teams
from archive.accounts.tokens import LONGEST_LIFETIME_D, create_token
from archive.accounts.watches import MOST_RADIUS_DEG, add_watch, list_watches, mark_seen, remove_watch
from archive.errors import ArchiveError, NotFoundError, UsageError
from archive.faults import find_fault
from archive.models import ApiToken
from archive.website.request_values import read_number

LIFETIMES_D = (7, 30, 90, LONGEST_LIFETIME_D)


def _render(request: HttpRequest, status: int = 200, **extra: object) -> HttpResponse:
    context = {
        "section": "account",
        "tokens": ApiToken.objects.filter(owner=request.user),
        "teams": list_teams(request.user),
        "is_archive_scientist": is_archive_scientist(request.user),
        "lifetimes": LIFETIMES_D,
        "watches": list_watches(cast("AbstractUser", request.user)),
        **extra,
    }
    return render(request, "account/account.html", context, status=status)


@require_safe
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the account."""
    return _render(request)


@require_POST
@never_cache
@login_required
@reauthentication_required()  # pyright: ignore[reportArgumentType] - allauth has no types
def add_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    text = request.POST.get("lifetime_d", "")
    try:
        if not text.isascii() or not text.isdigit():
            raise UsageError(f"the lifetime of a token is a whole number of days, not {text[:20]!r}")
        token, row = create_token(
            cast("AbstractUser", request.user), label=request.POST.get("label", ""), lifetime_d=int(text[:6])
        )
    except UsageError as error:
        return _render(request, status=400, error=str(error))
    return _render(request, new_token=token, new_row=row)


@require_POST
@login_required
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Remove one of one's own tokens; it stops working at once."""
    removed, _ = ApiToken.objects.filter(owner=request.user, pk=token_id).delete()
    if not removed:
        raise NotFoundError("you have no such token; it may have been revoked before")
    return redirect("account")


@require_POST
@login_required
def add(request: HttpRequest) -> HttpResponse:
    """Watch a source or a circle on the sky."""
    try:
        radius = read_number(request.POST, "radius", 0.0, MOST_RADIUS_DEG)
        add_watch(cast("AbstractUser", request.user), request.POST.get("q", ""), 1.0 if radius is None else radius)
    except ArchiveError as error:
        return _render(request, status=find_fault(error).status, error=str(error))
    return redirect(f"{reverse('account')}#watches")


@require_POST
@login_required
def seen(request: HttpRequest) -> HttpResponse:
    """Mark all news as seen."""
    mark_seen(cast("AbstractUser", request.user))
    return redirect(f"{reverse('account')}#watches")


@require_POST
@login_required
def remove(request: HttpRequest, watch_id: int) -> HttpResponse:
    """Stop watching."""
    remove_watch(cast("AbstractUser", request.user), watch_id)
    return redirect(f"{reverse('account')}#watches")
