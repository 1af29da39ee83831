"""The OpenAPI document of the JSON API, and a page that shows it without anything from another host."""

from collections.abc import Mapping
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator


@cache
def api_document() -> Mapping[str, object]:
    """Return the OpenAPI 3.1 document; it depends on the code alone."""
    return SchemaGenerator(patterns=[path("api/v1/", include("archive.api.urls"))]).get_schema(
        request=None, public=True
    )


def schema(request: HttpRequest) -> HttpResponse:
    """Give the OpenAPI document as JSON."""
    response = JsonResponse(api_document(), content_type="application/vnd.oai.openapi+json")
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "public, max-age=300"
    return response


def page(request: HttpRequest) -> HttpResponse:
    """Show every address of the API with its parameters and what it answers."""
    document = api_document()
    operations = [
        (address, operation, _fields(operation))
        for address, item in sorted(document["paths"].items())  # pyright: ignore[reportAttributeAccessIssue]  # a mapping in OpenAPI
        for operation in item.values()
    ]
    return render(request, "archive/api.html", {"section": "api", "document": document, "operations": operations})


def _fields(operation: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return name, type and description of the fields that a good answer has."""
    content = operation["responses"]["200"]["content"]["application/json"]["schema"]  # pyright: ignore[reportIndexIssue]
    return [(name, _type(field), field.get("description", "")) for name, field in content.get("properties", {}).items()]


def _type(field: Mapping[str, object]) -> str:
    kind = field.get("type", "")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
