"""HTTP doors of the tables that people with an account keep."""

from typing import cast

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from archive.errors import UsageError
from archive.models import UserTable
from vo.tap import user_tables
from vo.tap.responses import error_response, protocol_view
from vo.tap.upload_parts import check_size

_LOGIN = "kept tables belong to an account: log in, or send Authorization: Bearer and a token of /account"


@csrf_exempt
@protocol_view
def kept_tables(request: HttpRequest) -> HttpResponseBase:
    """List the tables of the account, with what they take of its quota and when they expire."""
    if not request.user.is_authenticated:
        return error_response(_LOGIN, 401)
    kept = user_tables.list_tables(cast("AbstractUser", request.user))
    used = sum(table.size_bytes for table in kept)
    quota = {"used_bytes": used, "most_bytes": user_tables.MOST_TABLE_BYTES, "most_tables": user_tables.MOST_TABLES}
    return _json({"tables": [_facts(table) for table in kept], "quota": quota})


@csrf_exempt
@protocol_view
def kept_table(request: HttpRequest, name: str) -> HttpResponseBase:
    """Describe (GET), keep (PUT with the table as body), remove (DELETE) a table; POST ACTION=SHARE or UNSHARE."""
    if not request.user.is_authenticated:
        return error_response(_LOGIN, 401)
    owner = cast("AbstractUser", request.user)
    match request.method:
        case "GET" | "HEAD":
            return _json(_facts(user_tables.find_table(owner, name)))
        case "PUT":
            check_size(request)
            return _json(_facts(user_tables.keep_table(owner, name, request.body)), 201)
        case "DELETE":
            user_tables.find_table(owner, name)
            user_tables.remove_table(owner, name)
            return HttpResponse(status=204)
        case "POST":
            action = request.POST.get("ACTION", "").upper()
            if action not in {"SHARE", "UNSHARE"}:
                msg = f"ACTION={action[:40]!r} is not known for a kept table; it is SHARE or UNSHARE"
                raise UsageError(msg)
            kept = user_tables.find_table(owner, name)
            return _json(_facts(user_tables.share_table(kept, shared=action == "SHARE")))
        case _:
            msg = f"{request.method} is not allowed here; use GET, PUT, POST or DELETE"
            raise UsageError(msg)


def _facts(kept: UserTable) -> dict[str, object]:
    shared = f"{user_tables.SHARED}{kept.share_key}.{kept.name}" if kept.share_key else None
    return {
        "name": str(kept),
        "rows": kept.row_count,
        "size_bytes": kept.size_bytes,
        "expires": kept.expires_at.isoformat(timespec="seconds"),
        "shared_name": shared,
        "link": f"{settings.PUBLIC_URL}/tap/sync?QUERY=SELECT+*+FROM+{shared}" if shared else None,
    }


def _json(content: dict[str, object], status: int = 200) -> JsonResponse:
    response = JsonResponse(content, status=status)
    response["Cache-Control"] = "no-store"
    return response
