"""The demonstration table is published while it is there, and gone without a trace afterwards."""

import re

import pytest
from django.core.management import call_command

from archive.errors import UsageError
from vo.tap.demo_table import forget_optional_tables, make_demo_table

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


@pytest.fixture(autouse=True)
def looked_at_once():
    forget_optional_tables()
    yield
    call_command("demo-table", "remove")


def ask(client, query):
    response = client.post("/tap/sync", {"QUERY": query, "RESPONSEFORMAT": "csv"})
    return response.status_code, response.getvalue().decode()


def test_the_table_comes_and_goes(client):
    assert ask(client, "SELECT * FROM demo.sources")[0] == 400
    assert "demo" not in client.get("/tap/tables").content.decode()
    call_command("demo-table", "make", "--rows", "3000")
    status, text = ask(client, "SELECT id, name, ra, dec, flux, class FROM demo.sources WHERE id <= 2 ORDER BY id")
    # The rows that shared/bench/make_csv.py writes first.
    assert (status, text.splitlines()[1].split(",")[:2]) == (200, ["1", "IGR S0000001"])
    assert ask(client, "SELECT COUNT(*) AS n FROM demo.sources")[1] == "n\n3000\n"
    cone = "SELECT COUNT(*) AS n FROM demo.sources WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE(80, 20, 20))"
    exact = "SELECT COUNT(*) AS n FROM demo.sources WHERE DISTANCE(ra, dec, 80, 20) <= 20"
    assert ask(client, cone) == ask(client, exact)
    assert "<name>demo.sources</name>" in client.get("/tap/tables").content.decode()
    listed = ask(client, "SELECT column_name FROM tap_schema.columns WHERE table_name = 'demo.sources'")[1]
    assert listed.split()[1:] == ["id", "name", "ra", "dec", "flux", "class"]
    with pytest.raises(UsageError, match="there already"):
        make_demo_table(10)
    call_command("migrate", verbosity=0)
    assert ask(client, "SELECT COUNT(*) AS n FROM demo.sources")[0] == 200
    call_command("demo-table", "remove")
    status, text = ask(client, "SELECT * FROM demo.sources")
    assert (status, bool(re.search("Unknown table", text))) == (400, True)
    assert ask(client, "SELECT COUNT(*) AS n FROM tap_schema.schemas WHERE schema_name = 'demo'")[1] == "n\n0\n"


@pytest.mark.parametrize("rows", [0, 2_000_001])
def test_other_numbers_of_rows_are_refused(rows):
    with pytest.raises(UsageError, match="1 to 2000000"):
        make_demo_table(rows)
