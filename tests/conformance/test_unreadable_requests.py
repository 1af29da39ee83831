"""A request whose body cannot be read is refused by each service in its own form, and is nobody's bug."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)

XML, TEXT, JSON = "application/x-votable+xml", "text/plain; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("address", "status", "form"),
    [
        ("/tap/sync", 400, XML),
        ("/tap/tap/sync", 400, XML),
        ("/tap/async", 400, XML),
        ("/soda/sync", 400, TEXT),
        ("/datalink/links", 400, XML),
        ("/sia2/query", 400, XML),
        ("/ssa", 200, XML),  # whose errors have the status 200 (SSA 1.1 section 8.10)
        ("/scs/sources", 200, XML),  # likewise (SCS 1.03 section 2.3)
        ("/api/v1/moc", 400, JSON),
        ("/api/v1/upper-limits", 400, JSON),
        ("/api/v1/upper-limits/jobs", 400, JSON),
    ],
)
def test_a_form_without_a_boundary_is_refused(client, caplog, address, status, form):
    response = client.generic("POST", address, b"x", "multipart/form-data; boundary=")
    assert (response.status_code, response["Content-Type"].replace("; charset=utf-8", "")) == (
        status,
        form.replace("; charset=utf-8", ""),
    )
    assert "cannot be" in response.getvalue().decode()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("address", ["/api/v1/nothing", "/api/v1/products/a/b/c", "/api/v1/upper-limits/jobs/1"])
def test_an_address_that_the_api_has_not_is_json(client, address):
    response = client.get(address)
    assert response.status_code == 404
    assert response.json()["error"]["fault"] == "NotFoundFault"
