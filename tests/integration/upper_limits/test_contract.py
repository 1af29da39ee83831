"""The answers of the limits keep to the OpenAPI document that the archive serves."""

import json

import jsonschema
import pytest


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/upper-limits", "ra=83.6&dec=22"),
        ("/api/v1/upper-limits/region", "ra=83.6&dec=22&radius=1&flux=9"),
        ("/api/v1/upper-limits/coverage", "instrument=isgri&band=20-40&depth=9"),
    ],
)
def test_answer_keeps_the_contract(limits, client, path, query):
    document = client.get("/api/v1/schema").json()
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = json.loads(response.getvalue())
    jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)
    if path == "/api/v1/upper-limits":
        assert set(answer["results"][0]) == {column["name"] for column in answer["columns"]}
