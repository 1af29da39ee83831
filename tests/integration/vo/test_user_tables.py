"""Tables that an account keeps: named in queries, joined by position, shared by a link, gone when they expire."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice():
    user = User.objects.create_user("alice")
    client = Client()
    client.force_login(user)
    yield client
    from vo.tap.user_tables import list_tables, remove_table

    for table in list_tables(user):
        remove_table(user, table.name)
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS user_alice CASCADE")


def keep(client, name="mine", content=b"id,ra,dec\n1,10.5,20.5\n2,11,21\n3,,\n"):
    return client.put(f"/tap/user_tables/{name}", content, content_type="application/octet-stream")


def ask(client, query):
    response = client.post("/tap/sync", {"QUERY": query, "RESPONSEFORMAT": "csv"})
    return response.status_code, response.getvalue().decode()


def test_a_kept_table_is_its_owners(alice, client):
    answer = keep(alice)
    assert (answer.status_code, answer.json()["name"], answer.json()["rows"]) == (201, "user_alice.mine", 3)
    assert ask(alice, "SELECT SUM(id) AS n FROM user_alice.mine") == (200, "n\n6\n")
    status, text = ask(client, "SELECT * FROM user_alice.mine")
    assert (status, "Unknown table" in text) == (400, True)
    bob = Client()
    bob.force_login(User.objects.create_user("bob"))
    assert ask(bob, "SELECT * FROM user_alice.mine")[0] == 400
    assert bob.get("/tap/user_tables/mine").status_code == 404
    assert client.get("/tap/user_tables").status_code == 401
    assert "mine" not in client.get("/tap/tables").content.decode()
    listed = alice.get("/tap/user_tables").json()
    assert listed["tables"][0]["expires"] > timezone.now().isoformat()
    assert 0 < listed["quota"]["used_bytes"] < listed["quota"]["most_bytes"]


def test_positions_of_kept_tables_are_joined_and_searched(alice):
    from archive.models import Source

    rows = random_sources(500)
    deliver("random", Source, rows)
    lines = "".join(f"{n},{row['ra']!r},{row['dec']!r}\n" for n, row in enumerate(rows))
    keep(alice, content=f"id,ra,dec\n{lines}".encode())
    join = "SELECT COUNT(*) AS n FROM user_alice.mine AS m JOIN integral.sources AS s ON DISTANCE(m.ra, m.dec, s.ra, s.dec) < 1e-6"
    assert ask(alice, join) == (200, "n\n500\n")
    cone = "SELECT COUNT(*) AS n FROM {} WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 2))"
    assert ask(alice, cone.format("user_alice.mine")) == ask(alice, cone.format("integral.sources"))


def test_a_link_gives_the_table_to_whoever_knows_it(alice, client):
    keep(alice)
    shared = alice.post("/tap/user_tables/mine", {"ACTION": "SHARE"}).json()
    query = f"SELECT COUNT(*) AS n FROM {shared['shared_name']}"
    assert ask(client, query) == (200, "n\n3\n")
    answer = client.get(shared["link"][shared["link"].index("/tap") :])
    # Read to its end: a reader under way holds a lock that UNSHARE waits for.
    assert (answer.status_code, bool(answer.getvalue())) == (200, True)
    assert ask(client, query.replace(shared["shared_name"][7:20], "0" * 13))[0] == 400
    assert alice.post("/tap/user_tables/mine", {"ACTION": "UNSHARE"}).json()["link"] is None
    assert ask(client, query)[0] == 400


def test_jobs_name_kept_tables(alice, worker):
    keep(alice)
    job = alice.post("/tap/async", {"QUERY": "SELECT id FROM user_alice.mine", "PHASE": "RUN"})["Location"]
    path = job[job.index("/tap") :]
    assert "COMPLETED" in alice.get(path, {"WAIT": "20", "PHASE": "EXECUTING"}).content.decode()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("Mine", b"a,b\n1,2\n", "the table name"),
        ("select", b"a,b\n1,2\n", "the table name"),
        ("mine", b'a,"b; DROP"\n1,2\n', "the column name"),
        ("mine", b"a,_hpx\n1,2\n", "the column name"),
        ("mine", b"a,b\n1\n", "line 2 has 1 values"),
    ],
)
def test_what_cannot_be_kept_changes_nothing(alice, name, content, sentence):
    keep(alice)
    answer = keep(alice, name, content)
    assert (answer.status_code, sentence in answer.content.decode()) == (400, True)
    assert ask(alice, "SELECT COUNT(*) AS n FROM user_alice.mine") == (200, "n\n3\n")


def test_quotas_hold_and_expired_tables_go(alice, monkeypatch):
    keep(alice)
    monkeypatch.setattr("vo.tap.user_tables.MOST_TABLE_BYTES", 40_000)
    assert keep(alice, "more").status_code == 413
    monkeypatch.setattr("vo.tap.user_tables.MOST_TABLES", 1)
    assert b"keeps 1 tables already" in keep(alice, "more").content
    from archive.models import UserTable
    from vo.uws.tasks import remove_expired_jobs_task

    UserTable.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask(alice, "SELECT * FROM user_alice.mine")[0] == 400
    remove_expired_jobs_task()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('user_alice.mine')")
        assert cursor.fetchone() == (None,)


def test_a_kept_table_is_removed(alice):
    keep(alice)
    assert alice.delete("/tap/user_tables/mine").status_code == 204
    assert alice.delete("/tap/user_tables/mine").status_code == 404
