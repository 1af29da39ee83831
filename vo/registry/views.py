"""HTTP door of the publishing registry."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from vo.registry.oai import answer
from vo.registry.services import list_records, read_site
from vo.tap.responses import protocol_view


@csrf_exempt
@protocol_view
def oai(request: HttpRequest) -> HttpResponse:
    """Answer OAI-PMH by GET or POST; every answer but a breakdown has status 200."""
    source = request.POST if request.method == "POST" else request.GET
    arguments = [(name, str(value)) for name, values in source.lists() for value in values]
    content = answer(arguments, read_site(), list_records, datetime.now(UTC))
    response = HttpResponse(content, content_type="text/xml; charset=UTF-8")
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-cache"
    return response
