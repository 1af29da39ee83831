"""``/api/v1/upper-limits``: limits for positions and names as JSON, CSV, VOTable, Arrow or Parquet."""

from collections.abc import Iterator, Mapping
from itertools import chain

from django.http import HttpRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from archive.errors import TooLargeError, UsageError
from upper_limits import columnar, epoch_services, services
from upper_limits.params import MAX_BODY_BYTES, LimitRequest, Target, read_csv_targets, read_json_targets, read_request
from upper_limits.writers import CONTENT_TYPES, WRITERS

_CONTENT_TYPES = CONTENT_TYPES | columnar.CONTENT_TYPES
_ACCEPTED = {
    "text/csv": "csv",
    "application/x-votable+xml": "votable",
    "text/xml": "votable",
    columnar.CONTENT_TYPES["arrow"]: "arrow",
    columnar.CONTENT_TYPES["parquet"]: "parquet",
}
_FILE_ENDINGS = {"csv": "csv", "votable": "vot", "arrow": "arrows", "parquet": "parquet"}


class UpperLimits(APIView):
    """Upper limits at positions: GET for a few, POST (JSON or CSV body) for many."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:  # noqa: FBT001, FBT002 - DRF's signature
        """Leave the choice of the format to the parameter `format`, which DRF would take for its own."""
        return JSONRenderer(), "application/json"

    def get(self, request: Request) -> StreamingHttpResponse:
        """Answer positions and names given as parameters."""
        return _respond(request, _parameters(request.query_params), ())

    def post(self, request: Request) -> StreamingHttpResponse:
        """Answer a list of positions in the body."""
        body, content_type = _read_body(request._request), (request.content_type or "").split(";")[0].strip().lower()  # noqa: SLF001 - DRF's own body would be parsed whole
        parameters = _parameters(request.query_params)
        targets: tuple[Target, ...] = ()
        match content_type:
            case "text/csv":
                targets = read_csv_targets(body)
            case "application/x-www-form-urlencoded":
                _merge(parameters, _parameters(_read_form(body)))
            case "application/json" | "":
                in_body, targets = read_json_targets(body)
                _merge(parameters, in_body)
            case _:
                raise UsageError(f"the body is {content_type[:60]!r}; expected application/json, text/csv or a form")
        return _respond(request, parameters, targets)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        """Let pages of other hosts use the service."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished["Access-Control-Allow-Origin"] = "*"
        finished["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        finished["Access-Control-Allow-Headers"] = "Content-Type, Accept"
        return finished


def _respond(request: Request, parameters: dict[str, list[str]], targets: tuple[Target, ...]) -> StreamingHttpResponse:
    if "format" not in parameters:
        parameters["format"] = [_accepted_format(request.headers.get("Accept", ""))]
    asked = read_request(parameters, targets)
    version, stream = _stream(asked)
    # The head and the first rows are made before the status is sent: what fails, fails with a clear answer.
    begun = [next(stream), next(stream)]
    response = StreamingHttpResponse(chain(begun, stream), content_type=_CONTENT_TYPES[asked.response_format])
    response["X-Map-Version"] = version
    response["Vary"] = "Accept"
    response["Cache-Control"] = "no-cache"
    if ending := _FILE_ENDINGS.get(asked.response_format):
        response["Content-Disposition"] = f'attachment; filename="upper-limits.{ending}"'
    return response


def _stream(asked: LimitRequest) -> tuple[str, Iterator[bytes]]:
    """Return the version of the data and the document in the format asked for."""
    write_columns = columnar.COLUMNAR_WRITERS.get(asked.response_format)
    if asked.epochs is not None:
        epochs = epoch_services.answer_epochs(asked)
        head, rows = epoch_services.describe_epochs(epochs), epoch_services.iter_epoch_rows(epochs)
        write = write_columns or WRITERS[asked.response_format]
        return epochs.store.name, write(head, rows, epochs.columns)
    found = services.answer(asked)
    head, version = services.describe(found), found.store.map_version
    if write_columns:
        return version, write_columns(head, services.iter_arrays(found))
    return version, WRITERS[asked.response_format](head, services.iter_rows(found))


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
