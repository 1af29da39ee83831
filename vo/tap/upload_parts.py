"""Takes the uploaded tables out of a request: parts of a multipart form, as files or as plain fields."""

from django.http import HttpRequest

from archive.errors import TooLargeError, UsageError
from vo.tap.own_results import is_address, read_address
from vo.tap.params import MOST_UPLOAD_BYTES, Parameters, read_uploads
from vo.uws.services import account_owner

_FORM_BYTES = 2**20


def check_size(request: HttpRequest) -> None:
    """Refuse a request that is larger than all its uploads may be, before it is read.

    Raises
    ------
    TooLargeError
    """
    text = request.headers.get("Content-Length") or "0"
    if not text.isdigit() or int(text) > MOST_UPLOAD_BYTES + _FORM_BYTES:
        msg = f"the request has {text[:20]} bytes; uploads may have {MOST_UPLOAD_BYTES} bytes together"
        raise TooLargeError(msg)


def read_part(request: HttpRequest, part: str) -> bytes:
    """Return the content of the part of that name, or of the job's result at that address.

    Raises
    ------
    UsageError
        If there is none.
    """
    if is_address(part):
        owner = account_owner(request.user) if request.user.is_authenticated else ""
        return read_address(part, owner)
    file = request.FILES.get(part)
    if file is not None:
        return file.read()  # pyright: ignore[reportAttributeAccessIssue]  # an uploaded file
    text = request.POST.get(part)
    if text is None:
        found = ", ".join(sorted(request.FILES)) or "none"
        msg = f"UPLOAD names param:{part[:80]} and the request has no such part; parts of it that are files: {found}"
        raise UsageError(msg)
    return text.encode()


def find_parts(request: HttpRequest, parameters: Parameters) -> dict[str, bytes]:
    """Return every part that UPLOAD names and that is there; a wrong UPLOAD is left to the job to complain about."""
    try:
        named = {part for _, part in read_uploads(parameters)}
    except UsageError:
        named = set()
    named = {part for part in named if not is_address(part)}
    return {part: read_part(request, part) for part in named if part in request.FILES or part in request.POST}
