"""Every answer of the JSON API keeps to the OpenAPI document that the archive serves."""

import re

import jsonschema
import pytest
from django.urls import URLPattern, get_resolver

from hips import cutout_views, moc_views
from tests.support.web_archive import CRAB, SERIES, SPECTRUM
from upper_limits.params import PARAMETERS

CALLS = {
    "/api/v1/": ("/api/v1/", 200),
    "/api/v1/sources": ("/api/v1/sources?ra=83.6&dec=22&radius=5", 200),
    "/api/v1/sources/{source_id}": (f"/api/v1/sources/{CRAB}", 200),
    "/api/v1/products/{product_id}": (f"/api/v1/products/{SPECTRUM}", 200),
    "/api/v1/products/{product_id}/light-curve": (f"/api/v1/products/{SERIES}/light-curve?bin_d=5", 200),
    "/api/v1/products/{product_id}/spectrum": (f"/api/v1/products/{SPECTRUM}/spectrum", 200),
    "/api/v1/timeline": ("/api/v1/timeline?from=2003-01-01&to=2004-01-01", 200),
    "/api/v1/usage": ("/api/v1/usage", 200),
    "/api/v1/resolve": ("/api/v1/resolve?name=Crab", 200),
    "/api/v1/tables/{name}": ("/api/v1/tables/integral.sources?near=Crab&radius=20&simulated=false&size=10", 200),
}
REFUSED = {
    "/api/v1/sources": ("/api/v1/sources?ra=1", 400),
    "/api/v1/sources/{source_id}": ("/api/v1/sources/none", 404),
    "/api/v1/tables/{name}": ("/api/v1/tables/integral.sources?evil=1", 400),
    "/api/v1/resolve": ("/api/v1/resolve?name=Planet+X", 404),
    "/api/v1/timeline": ("/api/v1/timeline?from=2004-01-01&to=2003-01-01", 400),
}


@pytest.fixture
def document(archive, client):
    response = client.get("/api/v1/schema")
    assert response["Content-Type"] == "application/vnd.oai.openapi+json"
    return response.json()


def test_document_is_openapi_31_and_names_every_address(document):
    assert document["openapi"] == "3.1.0"
    own = {"api/v1/schema", "api/v1/docs"}
    routes = {address for address in addresses(get_resolver()) if address.startswith("api/v1/")} - own
    assert set(document["paths"]) == {"/" + re.sub("<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", route) for route in routes}
    assert set(document["paths"]) >= set(CALLS)
    names = []
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            names.append(operation["operationId"])
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    jsonschema.Draft202012Validator.check_schema(content["schema"])
    assert len(set(names)) == len(names)


def addresses(resolver, before=""):
    for entry in resolver.url_patterns:
        here = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield here
        else:
            yield from addresses(entry, here)


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        ("/api/v1/upper-limits", "get", set(PARAMETERS)),
        ("/api/v1/upper-limits", "post", set(PARAMETERS)),
        ("/api/v1/cutout", "get", cutout_views._PARAMETERS),
        ("/api/v1/moc", "get", moc_views._PARAMETERS - {"csrfmiddlewaretoken", "upload"}),
    ],
)
def test_document_names_each_parameter(document, path, method, names):
    assert {parameter["name"] for parameter in document["paths"][path][method]["parameters"]} == names


@pytest.mark.parametrize(("path", "call"), [*CALLS.items(), *REFUSED.items()])
def test_answer_keeps_the_contract(document, client, path, call):
    address, status = call
    response = client.get(address)
    assert response.status_code == status
    schema = document["paths"][path]["get"]["responses"][str(status)]["content"]["application/json"]["schema"]
    jsonschema.validate(response.json(), schema, cls=jsonschema.Draft202012Validator)


def test_table_answer_is_the_page_and_its_next(archive, client):
    first = client.get("/api/v1/tables/integral.sources?size=100&cols=name").json()
    second = client.get(
        "/api/v1/tables/integral.sources", {"size": 100, "cols": "name", "page": first["next_page"]}
    ).json()
    assert first["total"] == len(first["rows"]) + len(second["rows"])
    assert second["next_page"] is None


def test_page_shows_the_contract_without_another_host(text):
    page = text("/api/v1/docs")
    assert "/api/v1/products/{product_id}/light-curve" in page
    assert "http" not in page.replace("http-equiv", "").split("<main", 1)[1].split("</main>")[0]
