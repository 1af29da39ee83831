"""Addresses of HILIGT, RapidXMM and eROSITA-DE on this host; see `compatible` for what their records hold here."""

from collections.abc import Callable
from functools import wraps

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from archive.errors import TooLargeError, UsageError
from archive.faults import explain, find_fault
from archive.healpix import pixels_nested
from upper_limits import compatible, services
from upper_limits.params import read_request
from upper_limits.positions import Positions, Target, as_positions, from_healpix
from upper_limits.statistics import bayesian_upper_limit

MAX_POSITIONS = 10_000
MAX_BODY_BYTES = 4 * 1024 * 1024
View = Callable[..., HttpResponse]


def json_answer(content: object, status: int = 200) -> HttpResponse:
    """Answer with JSON."""
    return HttpResponse(orjson.dumps(content), content_type="application/json", status=status)


def door(view: View) -> View:
    """Answer errors as JSON and let pages of other hosts use the service."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - explain() logs what is no answer
            said = explain(error)
            response = json_answer({"error": str(said), "limits": []}, find_fault(said).status)
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return guarded


@door
@require_GET
def hiligt(request: HttpRequest) -> HttpResponse:
    """HILIGT's batch address: one mission, one position; JSON, csv or text. Other missions are empty, as there."""
    asked = {name.lower(): value for name, value in request.GET.items()}
    form = asked.get("format", "text").lower()
    if asked.get("mission", "") != "Integral":
        return HttpResponse(b"", content_type="text/plain")  # what its clients expect of a mission without data
    n_sigma = asked.get("ulsig", "2")
    parameters = {"ra": [asked.get("ra", "")], "dec": [asked.get("dec", "")], "threshold": [n_sigma]}
    parameters["index"] = [asked.get("powerlaw", "2.0")]
    # two sigma of HILIGT is 0.9540, as its example rows show
    parameters |= {"confidence": ["0.9540"]} if n_sigma == "2" else {"sigma": [n_sigma]}
    rows = _rows(parameters)
    if form == "json":
        records = compatible.hiligt_records(rows, asked.get("label", ""), float(n_sigma))
        return json_answer(records) if records else HttpResponse(b"", content_type="application/json")
    text = compatible.hiligt_csv(rows, float(n_sigma))
    return HttpResponse(text, content_type=f"text/{'csv' if form == 'csv' else 'plain'}; charset=utf-8")


@door
@require_GET
def rapidxmm(request: HttpRequest) -> HttpResponse:
    """RapidXMM's address: positions parted by semicolons; records of 1, 2 and 3 sigma where the sky was observed."""
    ra, dec = compatible.read_semicolons(request.GET.get("ra", ""), request.GET.get("dec", ""), MAX_POSITIONS)
    places = as_positions([Target("", *pair) for pair in zip(ra, dec, strict=True)])
    answers = [_rows({"confidence": [confidence]}, places) for confidence in ("0.8413", "0.9772", "0.9986")]
    return json_answer(compatible.rapidxmm_records(answers, len(answers[0]) // len(places)))


@door
@require_GET
def erosita_pixel(request: HttpRequest, band: str, healpix: int) -> HttpResponse:
    """eROSITA-DE's address of one pixel (nested, ICRS, order 16) and band."""
    return json_answer({band: _erosita(band, [healpix])})


@door
@require_http_methods(["POST"])
def erosita_pixels(request: HttpRequest, band: str) -> HttpResponse:
    """eROSITA-DE's list of pixels: a JSON list of indices."""
    content = _body(request)
    if not isinstance(content, list) or not all(type(one) is int for one in content):
        raise UsageError("the body is not a JSON list of HEALPix indices (nested, ICRS, order 16)")
    return json_answer({band: _erosita(band, content)})


@door
@require_http_methods(["POST"])
def erosita_service(request: HttpRequest) -> HttpResponse:
    """eROSITA-DE's list of positions: JSON objects with ra, dec and band; as many records in the same order."""
    content = _body(request)
    asked = [content] if isinstance(content, dict) else content
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise UsageError('the body is not a JSON list of objects with "ra", "dec" and "band"')
    _check(len(asked))
    limits: list[dict[str, object]] = [{} for _ in asked]
    for band in dict.fromkeys(str(one.get("band", "")) for one in asked):
        numbers = [number for number, one in enumerate(asked) if str(one.get("band", "")) == band]
        places = as_positions([_target(asked[number]) for number in numbers])
        for number, record in zip(numbers, _records(band, places), strict=True):
            limits[number] = record
    return json_answer({"error": None, "limits": limits})


def _target(one: dict[str, object]) -> Target:
    try:
        return Target("", float(str(one.get("ra"))), float(str(one.get("dec"))))
    except ValueError:
        return Target("", problem="ra or dec is not a number")


def _erosita(band: str, pixels: list[int]) -> list[dict[str, object]]:
    _check(len(pixels))
    if any(not 0 <= pixel < 12 << (2 * compatible.EROSITA_ORDER) for pixel in pixels):
        raise UsageError(f"a HEALPix index of order {compatible.EROSITA_ORDER} is 0 to {(12 << 32) - 1}")
    if not pixels:
        return []
    records = _records(band, from_healpix(pixels, compatible.EROSITA_ORDER), pixels)
    return [record for record in records if record["status"] not in {"outside coverage", "bad position"}]


def _records(band: str, places: Positions, pixels: list[int] | None = None) -> list[dict[str, object]]:
    store, _ = services.find_store()
    totals, chosen = compatible.erosita_band(store.totals, band)
    asked = {"instrument": [totals.instrument], "band": [chosen.band], "confidence": ["0.9987"], "index": ["2.0"]}
    rows = _rows(asked, places)
    order = compatible.EROSITA_ORDER
    records = []
    for number, row in enumerate(rows):
        error = float(str(row["flux_error_erg"]))
        nothing = float(bayesian_upper_limit(0.0, error, confidence=0.9987)) if error > 0.0 else float("nan")
        usable = row["status"] != "bad position"
        pixel = (
            int(pixels_nested(order, [float(str(row["ra"]))], [float(str(row["dec"]))])[0])
            if usable and pixels is None
            else -1
        )
        records.append(compatible.erosita_record(row, nothing, pixels[number] if pixels is not None else pixel))
    return records


def _rows(parameters: dict[str, list[str]], places: Positions | tuple[()] = ()) -> list[dict[str, object]]:
    found = services.answer(read_request(parameters, places if len(places) != 1 else tuple(places)))
    return [
        dict(zip(columns, values, strict=True))
        for columns in services.iter_rows(found)
        for values in zip(*columns.values(), strict=True)
    ]


def _body(request: HttpRequest) -> object:
    content = request.read(MAX_BODY_BYTES + 1)
    if len(content) > MAX_BODY_BYTES:
        raise TooLargeError(f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB: split the list")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is not JSON: {error}") from error


def _check(count: int) -> None:
    if count > MAX_POSITIONS:
        raise TooLargeError(f"{count} positions; at most {MAX_POSITIONS} in one request: split the list")
