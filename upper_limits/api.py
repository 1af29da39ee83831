"""``/api/v1/upper-limits``: limits for positions and names; JSON, CSV, VOTable, FITS, Arrow, Parquet in and out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from django.http import HttpRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from archive.errors import TooLargeError, UsageError
from upper_limits import binary, bodies, columnar, epoch_services, services
from upper_limits.documents import CONTENT_TYPE_OF, FILE_ENDINGS, ROW_WRITERS, write_document
from upper_limits.params import MAX_BODY_BYTES, LimitRequest, read_healpix_order, read_json_targets, read_request
from upper_limits.positions import Target

_ACCEPTED = {
    "text/csv": "csv",
    "application/x-votable+xml": "votable",
    "text/xml": "votable",
    "application/fits": "fits",
    columnar.CONTENT_TYPES["arrow"]: "arrow",
    columnar.CONTENT_TYPES["parquet"]: "parquet",
}
_SHOWN_IN_THE_BROWSER = {"json", "json_columns"}
_LIST_TYPES = {
    *("text/csv", "text/xml", "application/xml", "application/x-votable+xml", "application/fits", "image/fits"),
    *("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file", "application/vnd.apache.parquet"),
    *("application/json", "application/octet-stream"),
}


class UpperLimits(APIView):
    """Upper limits at positions: GET for a few, POST (JSON or CSV body) for many."""

    schema = None  # openapi.yaml describes it

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:  # noqa: FBT001, FBT002 - DRF's signature
        """Leave the choice of the format to the parameter `format`, which DRF would take for its own."""
        return JSONRenderer(), "application/json"

    def get(self, request: Request) -> StreamingHttpResponse:
        """Answer positions and names given as parameters."""
        return _respond(request, _parameters(request.query_params), ())

    def post(self, request: Request) -> StreamingHttpResponse:
        """Answer a list of positions in the body, or in the field ``file`` of a multipart form."""
        parameters = _parameters(request.query_params)
        return _respond(request, parameters, read_body_targets(request._request, parameters))  # noqa: SLF001 - DRF's own body would be parsed whole

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        """Let pages of other hosts use the service."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Access-Control-Allow-Origin"] = "*"
        finished["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        finished["Access-Control-Allow-Headers"] = "Content-Type, Accept"
        return finished


def _respond(request: Request, parameters: dict[str, list[str]], targets: Sequence[Target]) -> StreamingHttpResponse:
    if "format" not in parameters:
        parameters["format"] = [_accepted_format(request.headers.get("Accept", ""))]
    asked = read_request(parameters, targets)
    version, stream = _stream(asked)
    # The head and the first rows are made before the status is sent: what fails, fails with a clear answer.
    begun = [next(stream), next(stream)]
    response = StreamingHttpResponse(chain(begun, stream), content_type=CONTENT_TYPE_OF[asked.response_format])
    response["X-Map-Version"] = version
    response["Vary"] = "Accept"
    response["Cache-Control"] = "no-cache"
    if asked.response_format not in _SHOWN_IN_THE_BROWSER:
        response["Content-Disposition"] = f'attachment; filename="upper-limits.{FILE_ENDINGS[asked.response_format]}"'
    return response


def _stream(asked: LimitRequest) -> tuple[str, Iterator[bytes]]:
    """Return the version of the data and the document in the format asked for."""
    form = asked.response_format
    if asked.epochs is not None:
        epochs = epoch_services.answer_epochs(asked)
        head, rows = epoch_services.describe_epochs(epochs), epoch_services.iter_epoch_rows(epochs)
        if form == "fits":
            columns, head["row_count"], widths = epoch_services.gather_rows(epochs)
            return epochs.store.name, binary.write_fits(head, [columns], epochs.columns, widths)
        form = "votable_td" if form == "votable" else form
        write = columnar.COLUMNAR_WRITERS.get(form) or ROW_WRITERS[form]
        return epochs.store.name, write(head, rows, epochs.columns)
    found = services.answer(asked)
    return found.store.map_version, write_document(found, form)


def _accepted_format(accept: str) -> str:
    for part in accept.split(","):
        found = _ACCEPTED.get(part.split(";")[0].strip().lower())
        if found:
            return found
    return "json"


def _parameters(query: QueryDict) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    for name, values in query.lists():
        parameters.setdefault(name.lower(), []).extend(str(value) for value in values)
    return parameters


def _merge(parameters: dict[str, list[str]], more: Mapping[str, list[str]]) -> None:
    for name, values in more.items():
        parameters.setdefault(name, []).extend(values)


def read_body_targets(request: HttpRequest, parameters: dict[str, list[str]]) -> Sequence[Target]:
    """Read the positions in the body of a request; options in it are added to `parameters`.

    Raises
    ------
    UsageError, TooLargeError
        If the body cannot be read, is of no known type, or is too large.
    """
    content_type = (request.content_type or "").split(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        _merge(parameters, _parameters(request.POST))
        file = request.FILES.get("file")
        if file is None:
            return ()
        if (file.size or 0) > MAX_BODY_BYTES:
            raise TooLargeError(f"the file is larger than {MAX_BODY_BYTES // 2**20} MiB: split the list")
        return _read_list(file.read(), parameters)
    body = _read_body(request)
    if content_type == "application/x-www-form-urlencoded":
        _merge(parameters, _parameters(_read_form(body)))
        return ()
    if content_type in {"application/json", ""}:
        in_body, targets = read_json_targets(body)
        _merge(parameters, in_body)
        return targets
    if content_type not in _LIST_TYPES:
        raise UsageError(
            f"the body is {content_type[:60]!r}; expected one of {', '.join(sorted(_LIST_TYPES))} or a form"
        )
    if content_type == "text/csv":
        return bodies.read_csv(body, healpix_order=read_healpix_order(parameters))
    return _read_list(body, parameters)


def _read_list(content: bytes, parameters: dict[str, list[str]]) -> Sequence[Target]:
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        in_body, targets = read_json_targets(content)
        _merge(parameters, in_body)
        return targets
    return bodies.read_table(content, healpix_order=read_healpix_order(parameters))


def _read_form(body: bytes) -> QueryDict:
    try:
        return QueryDict(body.decode("utf-8"), encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the form is not UTF-8 text") from error


def _read_body(request: HttpRequest) -> bytes:
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB: split the list")
    return body
