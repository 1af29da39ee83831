"""Atom feeds and watch lists: what a release brought for a source or a circle on the sky."""

import pytest
from defusedxml import ElementTree
from django.contrib.auth.models import User

from tests.support.web_archive import CRAB

ATOM = "{http://www.w3.org/2005/Atom}"


def read_feed(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("application/atom+xml")
    return ElementTree.fromstring(answer.content)


def entries(feed):
    return [(entry.findtext(f"{ATOM}title"), entry.findtext(f"{ATOM}summary")) for entry in feed.iter(f"{ATOM}entry")]


def test_feed_of_releases_is_newest_first_with_unique_ids(client, archive):
    feed = read_feed(client, "/feeds/releases.atom")
    shown = entries(feed)
    assert [text for _, text in shown] == ["Simulated rows", "Real rows"]
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)


def test_feed_of_a_source_tells_the_release_that_brought_it(client, archive):
    [(title, text)] = entries(read_feed(client, f"/feeds/sources/{CRAB}.atom"))
    assert title.startswith("Release ")
    assert "source: 1 new or changed" in text


def test_feed_of_a_region_counts_what_lies_in_it(client, archive):
    [(_, text)] = entries(read_feed(client, "/feeds/region.atom?ra=83.633&dec=22.0145&radius=0.5"))
    assert "source: 1 new or changed" in text
    assert entries(read_feed(client, "/feeds/region.atom?ra=83.633&dec=-89&radius=0.5")) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/feeds/sources/J999.atom", 404),
        ("/feeds/region.atom", 400),
        ("/feeds/region.atom?ra=1&dec=95", 400),
        ("/feeds/region.atom?ra=nan&dec=0", 400),
    ],
)
def test_feeds_of_nothing_say_so(client, archive, address, status):
    assert client.get(address).status_code == status


@pytest.fixture
def maria(client, archive):
    user = User.objects.create_user("maria")
    client.force_login(user)
    return user


def test_watch_by_name_and_by_position(client, maria):
    assert client.post("/account/watches", {"q": "crab"}).status_code == 302
    client.post("/account/watches", {"q": "Crab"})
    client.post("/account/watches", {"q": "83.6 +22", "radius": "2"})
    page = client.get("/account").content.decode()
    assert page.count("Stop watching") == 2
    assert f"/feeds/sources/{CRAB}.atom" in page
    assert "nothing" in page  # of what is there already, nothing is news
    feed = page.split('href="/feeds/region.atom')[1].split('"')[0].replace("&amp;", "&")
    assert entries(read_feed(client, f"/feeds/region.atom{feed}"))


def test_news_shows_until_it_was_seen(client, maria):
    client.post("/account/watches", {"q": "crab"})
    maria.watches.update(seen_release=0)
    assert "new or changed" in client.get("/account").content.decode()
    client.post("/account/watches/seen")
    assert "new or changed" not in client.get("/account").content.decode()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"q": "no such thing"}, 404),
        ({"q": "0745"}, 400),
        ({"q": ""}, 400),
        ({"q": "83 22", "radius": "0"}, 400),
        ({"q": "83 22", "radius": "x"}, 400),
        ({"q": "83 22", "radius": "31"}, 400),
    ],
)
def test_what_cannot_be_watched_gets_a_sentence(client, maria, form, status):
    answer = client.post("/account/watches", form)
    assert answer.status_code == status
    assert b'role="alert"' in answer.content
    assert not maria.watches.exists()


def test_nobody_removes_the_watch_of_another(client, maria):
    client.post("/account/watches", {"q": "crab"})
    watch = maria.watches.get()
    client.force_login(User.objects.create_user("eve"))
    assert client.post(f"/account/watches/{watch.pk}/remove").status_code == 404
    client.force_login(maria)
    assert client.post(f"/account/watches/{watch.pk}/remove").status_code == 302
    assert not maria.watches.exists()
