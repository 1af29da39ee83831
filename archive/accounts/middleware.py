"""Lets a program act for an account by a token in the header ``Authorization``."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from archive.accounts.tokens import find_owner

REALM = 'Bearer realm="archipelago"'


def bearer_token(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Make the owner of a bearer token the user of the request (RFC 6750 sections 2.1 and 3).

    A token that is not valid is refused with status 401 and a sentence; it never falls back to an anonymous answer,
    which would look like an empty list of one's own jobs. Other schemes of ``Authorization`` are refused likewise.
    """

    def authenticate(request: HttpRequest) -> HttpResponse:
        header = request.headers.get("Authorization")
        if header is None:
            return get_response(request)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return _refuse("the scheme of the header Authorization is not known here; expected Bearer and a token")
        owner = find_owner(token.strip())
        if owner is None:
            return _refuse("the token is unknown, expired or revoked; make a new one at /account")
        request.user = owner
        # A program that holds the secret was not tricked by another site; no cookie is looked at.
        request._dont_enforce_csrf_checks = True  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue]
        return get_response(request)

    return authenticate


def _refuse(sentence: str) -> HttpResponse:
    challenge = f'{REALM}, error="invalid_token"'
    return HttpResponse(
        f"{sentence}\n", status=401, content_type="text/plain; charset=utf-8", headers={"WWW-Authenticate": challenge}
    )
