"""Counts of use, and what visitors write."""

import io

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client

from archive import usage
from archive.errors import NotFoundError
from archive.models import Feedback, UsageCount

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counts(monkeypatch):
    fresh = usage._Counts()
    monkeypatch.setattr(usage, "_counts", fresh)
    return fresh


def test_requests_are_counted_by_service_and_outcome(client):
    for address in ("/about", "/about", "/nowhere", "/robots.txt"):
        client.get(address)
    usage.write_counts()
    row = UsageCount.objects.get()
    assert (row.service, row.requests, row.refused, row.failed) == ("pages", 3, 1, 0)
    client.get("/about")
    usage.write_counts()
    assert UsageCount.objects.get().requests == 4
    assert "pages" in client.get("/usage").content.decode()


def test_api_sums_the_counts_by_month_and_service(client):
    for day, service in (("2026-11-30", "TAP"), ("2026-10-02", "pages"), ("2026-11-01", "TAP"), ("2026-11-01", "MOC")):
        UsageCount.objects.create(day=day, service=service, requests=2, refused=1, failed=0, size_bytes=5)
    months = client.get("/api/v1/usage").json()["months"]
    assert [(one["month"], one["service"], one["requests"], one["refused"], one["size_bytes"]) for one in months] == [
        ("2026-10", "pages", 2, 1, 5),
        ("2026-11", "MOC", 2, 1, 5),
        ("2026-11", "TAP", 4, 2, 10),
    ]


def test_counts_are_written_now_and_then_by_the_requests_themselves(client, monkeypatch):
    client.get("/about")
    assert not UsageCount.objects.exists()
    monkeypatch.setattr(usage, "FLUSH_EVERY_S", -1.0)
    client.get("/about")
    assert UsageCount.objects.get().requests == 2


def test_nothing_is_lost_when_the_database_is_away(client, counts, monkeypatch):
    client.get("/about")

    def no_cursor():
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(usage.connection, "cursor", no_cursor)
        usage.write_counts()
    assert not UsageCount.objects.exists()
    usage.write_counts()
    assert UsageCount.objects.get().requests == 1


def test_feedback_is_kept_with_its_page_and_nothing_else(client):
    form = client.get("/feedback?page=/sources/x%3Fa%3D1").content.decode()
    assert 'value="/sources/x?a=1"' in form
    answer = client.post("/feedback", {"text": "The <b>plot</b> is upside down", "page": "/sources/x?a=1"})
    assert "Thank you" in answer.content.decode()
    call_command("feedback", stdout=(out := io.StringIO()))
    assert "upside down" in out.getvalue()
    assert "/sources/x?a=1" in out.getvalue()
    call_command("feedback", "--done", str(Feedback.objects.get().pk), stdout=io.StringIO())
    call_command("feedback", stdout=(out := io.StringIO()))
    assert "Nothing to read" in out.getvalue()
    with pytest.raises(NotFoundError):
        call_command("feedback", "--done", "999999")


@pytest.mark.parametrize(
    "form", [{}, {"text": " "}, {"text": "x" * 5001}, {"text": "x", "page": "y" * 501}, {"text": "a\0b"}]
)
def test_feedback_that_cannot_be_kept_says_why_and_loses_nothing(client, form):
    answer = client.post("/feedback", form)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert form.get("text", "").strip() in answer.content.decode()
    assert not Feedback.objects.exists()


def test_a_flood_of_feedback_stops(client, monkeypatch):
    monkeypatch.setattr("archive.website.views.usage.MOST_PER_HOUR", 2)
    statuses = [client.post("/feedback", {"text": "x"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 503]


def test_feedback_of_another_site_is_refused():
    strict = Client(enforce_csrf_checks=True)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = strict.post("/feedback", {"text": "x"}, headers=headers)
        assert answer.status_code == 400
        assert "sent by another site" in answer.content.decode()
    assert not Feedback.objects.exists()
    assert strict.post("/feedback", {"text": "x"}).status_code == 200


def test_feedback_sets_no_cookie(client):
    assert not client.get("/feedback").cookies
    assert not client.post("/feedback", {"text": "x"}).cookies


def test_form_without_its_token_gets_a_page_of_the_archive(client):
    answer = Client(enforce_csrf_checks=True).post("/account/login", {"login": "x"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "token" in page
    assert 'class="error-code"' in page
    assert "Django" not in page
    answer = Client(enforce_csrf_checks=True).post("/api/v1/cutout")
    assert (answer.status_code, answer.json()["error"]["fault"]) == (403, "UsageFault")
