"""The OpenAPI document of the JSON API, and a page that shows it without anything from another host."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from django.apps import apps
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator


@cache
def api_document() -> Mapping[str, object]:
    """Return the OpenAPI 3.1 document; it depends on the code alone.

    Other packages describe their addresses in a file ``openapi.yaml`` of their own, which holds paths.
    """
    document = SchemaGenerator(patterns=[path("api/v1/", include("archive.api.urls"))]).get_schema(
        request=None, public=True
    )
    for app in apps.get_app_configs():
        file = Path(app.path) / "openapi.yaml"
        if file.exists():
            document["paths"] |= yaml.safe_load(file.read_text())
    return document


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
        (address, method.upper(), operation, _fields(operation))
        for address, item in sorted(document["paths"].items())  # pyright: ignore[reportAttributeAccessIssue]  # a mapping in OpenAPI
        for method, operation in item.items()
    ]
    return render(request, "archive/api.html", {"section": "api", "document": document, "operations": operations})


def _fields(operation: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return name, type and description of the fields that a good answer has; none where it is no JSON."""
    good = operation["responses"].get("200", {})  # pyright: ignore[reportAttributeAccessIssue]  # a mapping in OpenAPI
    content = good.get("content", {}).get("application/json", {}).get("schema", {})
    return [(name, _type(field), field.get("description", "")) for name, field in content.get("properties", {}).items()]


def _type(field: Mapping[str, object]) -> str:
    kind = field.get("type") or field.get("enum") or ""
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
