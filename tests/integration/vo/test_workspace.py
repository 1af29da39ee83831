"""The page of saved queries and kept tables: only for their owner, and nothing lost by a mistake."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from archive.models import SavedQuery
from vo.tap import saved_queries

QUERY = "SELECT TOP 5 source_id FROM integral.sources WHERE name <> '<b>'"


@pytest.fixture
def alice(client, db):
    client.force_login(User.objects.create_user("alice"))
    return client


def save(client, title="Five", query=QUERY):
    return client.post("/account/queries/save", {"title": title, "QUERY": query})


def test_a_saved_query_has_a_permanent_address_for_everybody(alice):
    address = save(alice)["Location"]
    page = Client().get(address).content.decode()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("<main")[1]
    assert "alice" not in page
    assert save(alice)["Location"] == address
    listed = alice.get("/account/queries").content.decode()
    assert f'href="{address}"' in listed
    key = address.rpartition("/")[2]
    other = Client()
    other.force_login(User.objects.create_user("bob"))
    assert other.post(f"/account/queries/{key}/remove").status_code == 404
    assert alice.post(f"/account/queries/{key}/remove").status_code == 302
    assert Client().get(address).status_code == 404


@pytest.mark.parametrize(
    ("title", "query", "words"),
    [("", QUERY, "title"), ("x", " ", "no query"), ("x", "y" * 100_001, "100001 characters")],
)
def test_what_cannot_be_saved_is_given_back(alice, title, query, words):
    response = save(alice, title, query)
    assert response.status_code in {400, 413}
    page = response.content.decode()
    assert words in page
    assert query.strip()[:50] in page
    assert not SavedQuery.objects.exists()


def test_the_quota_of_queries_holds(alice, monkeypatch):
    monkeypatch.setattr(saved_queries, "MOST_QUERIES", 2)
    assert [save(alice, f"q{n}").status_code for n in range(3)] == [302, 302, 413]


def test_without_login_or_token_of_the_form_nothing_happens(db):
    visitor = Client()
    for address in ("/account/queries", "/account/queries?QUERY=SELECT"):
        assert "/account/login" in visitor.get(address)["Location"]
    assert "/account/login" in save(visitor)["Location"]
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("carol"))
    assert save(strict).status_code == 403
    assert not SavedQuery.objects.exists()


def test_the_editor_hands_its_query_over(alice):
    page = alice.get("/account/queries", {"QUERY": QUERY}).content.decode()
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown
    assert "SELECT TOP 5 source_id" in shown[1]


def test_a_table_that_cannot_be_kept_is_refused_in_words(alice):
    page = alice.post("/account/tables", {"name": "mine"})
    assert page.status_code == 400
    assert "choose a file" in page.content.decode()
    bad = alice.post("/account/tables", {"name": "No Name", "file": SimpleUploadedFile("t.csv", b"a\n1\n")})
    assert bad.status_code == 400
    assert "No Name" in bad.content.decode()
    assert alice.post("/account/tables/none", {"action": "remove"}).status_code == 404
