"""What an account keeps for its queries, as pages: saved queries and tables of its own."""

from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from archive.errors import ArchiveError, UsageError
from archive.faults import find_fault
from archive.models import UserTable
from archive.website import adql
from vo.tap import saved_queries, user_tables
from vo.tap.upload_parts import check_size


def _render(request: HttpRequest, status: int = 200, **extra: object) -> HttpResponse:
    owner = cast("AbstractUser", request.user)
    tables = user_tables.list_tables(owner)
    used = sum(table.size_bytes for table in tables)
    context = {
        "section": "account",
        "queries": saved_queries.list_queries(owner),
        "most_queries": saved_queries.MOST_QUERIES,
        "tables": [(table, shared_name(table)) for table in tables],
        "used_bytes": used,
        "most_bytes": user_tables.MOST_TABLE_BYTES,
        "most_tables": user_tables.MOST_TABLES,
        "lifetime_d": user_tables.LIFETIME.days,
        "schema": user_tables.schema_of(owner),
        "draft": request.GET.get("QUERY", "")[: saved_queries.MOST_CHARACTERS],
        "address": f"{settings.PUBLIC_URL}/tap",
        **extra,
    }
    return render(request, "tap/workspace.html", context, status=status)


def shared_name(table: UserTable) -> str:
    """Return the name by which everybody may query a table; empty when it is not shared."""
    return f"{user_tables.SHARED}{table.share_key}.{table.name}" if table.share_key else ""


@require_safe
@never_cache
@login_required
def workspace(request: HttpRequest) -> HttpResponse:
    """Show what the account keeps; `QUERY` is a query to save."""
    return _render(request)


@require_POST
@never_cache
@login_required
def save_query(request: HttpRequest) -> HttpResponse:
    """Save a query (`title`, `QUERY`)."""
    title, query = request.POST.get("title", ""), request.POST.get("QUERY", "")
    try:
        saved = saved_queries.save_query(cast("AbstractUser", request.user), title, query)
    except ArchiveError as error:
        return _render(request, find_fault(error).status, error=str(error), draft=query, title=title)
    return redirect("saved-query", saved.key)


@require_POST
@login_required
def remove_query(request: HttpRequest, key: str) -> HttpResponse:
    """Remove a saved query."""
    saved_queries.remove_query(cast("AbstractUser", request.user), key)
    return redirect(f"{reverse('workspace')}#queries")


@require_safe
def saved_query(request: HttpRequest, key: str) -> HttpResponse:
    """Show a saved query to whoever has its address."""
    found = saved_queries.find_query(key)
    context = {
        "section": "tap",
        "saved": found,
        "is_own": found.owner == request.user,
        "exports": adql.export_links(found.query),
        "pyvo": adql.pyvo_code(found.query),
        "address": f"{settings.PUBLIC_URL}{reverse('saved-query', args=[found.key])}",
    }
    return render(request, "tap/saved_query.html", context)


@require_POST
@never_cache
@login_required
def keep_table(request: HttpRequest) -> HttpResponse:
    """Keep an uploaded table (`file`) under `name`."""
    try:
        check_size(request)
        file = request.FILES.get("file")
        if file is None:
            raise UsageError("choose a file: VOTable, FITS, CSV, TSV, ECSV or Parquet")
        user_tables.keep_table(cast("AbstractUser", request.user), request.POST.get("name", "").strip(), file.read())
    except ArchiveError as error:
        return _render(request, find_fault(error).status, error=str(error), table_name=request.POST.get("name", ""))
    return redirect(f"{reverse('workspace')}#tables")


@require_POST
@never_cache
@login_required
def change_table(request: HttpRequest, name: str) -> HttpResponse:
    """Share, stop sharing or remove a table, as `action` says."""
    owner, action = cast("AbstractUser", request.user), request.POST.get("action", "")
    try:
        kept = user_tables.find_table(owner, name)
        match action:
            case "share" | "unshare":
                user_tables.share_table(kept, shared=action == "share")
            case "remove":
                user_tables.remove_table(owner, name)
            case _:
                raise UsageError(f"action is {action[:40]!r}; expected share, unshare or remove")
    except ArchiveError as error:
        return _render(request, find_fault(error).status, error=str(error))
    return redirect(f"{reverse('workspace')}#tables")
