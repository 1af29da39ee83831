"""Pages about deliveries and releases: the same for team, archive and users; nothing from outside becomes markup."""

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.integration.ingestion.test_gates import hand_in, publish, sign_both, withdrawal
from tests.support.deliveries import deliver, seal

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stores")]
HOSTILE = "<script>alert(1)</script>"
ALLOWED_SCRIPTS = {("/static/archive/page.js", "module"), (None, "application/ld+json")}


class Checker(HTMLParser):
    """Finds scripts that are not of the base page, handlers in attributes, and tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.scripts = [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script" and (given.get("src"), given.get("type")) not in ALLOWED_SCRIPTS:
            self.scripts.append(given)
        self.scripts += [
            name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript:")
        ]
        if tag not in {"meta", "link", "input", "img", "br", "hr", "path"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, address
    text = answer.content.decode()
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.scripts == []
    return text


def test_an_empty_archive_has_its_pages(client):
    assert "Nothing was handed in" in page(client, "/deliveries/")
    page(client, "/releases/diff")
    assert "There is no delivery" in page(client, "/deliveries/nothing", 404)
    assert "known are none" in page(client, "/releases/2026.1", 404)
    page(client, "/deliveries/nothing/report.json", 404)


def test_a_delivery_shows_every_stage(client, tmp_path):
    from ingestion import gates

    submission = hand_in(deliver(tmp_path / "one", title=HOSTILE))
    text = page(client, "/deliveries/test-1")
    assert "waits for signatures" in text
    assert "team and archive" in text
    assert "&lt;script&gt;" in text
    assert "What publishing would change" in text
    sign_both()
    gates.read_back(gates.publish(submission.pk).pk)
    text = page(client, "/deliveries/test-1")
    assert "published and read back" in text
    assert "archivist" in text
    assert "delivery published" in text
    release = submission.__class__.objects.get().release.name
    assert HOSTILE not in page(client, "/deliveries/")
    assert "What it began with" in page(client, f"/releases/{release}")
    assert client.get("/deliveries/test-1/report.json").json()["verdict"] == "valid"


def test_a_refused_delivery_shows_the_rule_and_the_remedy(client, tmp_path):
    folder = deliver(tmp_path / "one")
    (folder / "stray.txt").write_text("x")
    seal(folder)
    hand_in(folder)
    text = page(client, "/deliveries/test-1")
    assert "FILE-UNDECLARED" in text
    assert 'What to do: <span lang="en">Add a pattern' in text  # the sentences of rules are English in every language
    assert "refused by the validator" in text


def test_a_withdrawn_product_is_gone_and_says_why(client, tmp_path):
    from archive.models import Product
    from archive.services import roll_back_to

    publish(deliver(tmp_path / "two", rows=9, delivery_id="test-2"))
    product_id = Product.objects.get().product_id
    page_before = client.get(f"/products/{product_id}")
    assert page_before.status_code == 200
    first = Product.objects.get().release_from
    gone = publish(withdrawal(tmp_path / "three")).release
    text = page(client, f"/products/{product_id}", 410)
    assert "Wrong gain." in text
    assert client.get(f"/api/v1/products/{product_id}").status_code == 410
    assert "Withdrawn in release" in page(client, "/deliveries/test-2")
    assert "Wrong gain." in page(client, f"/releases/{gone.name}")
    text = page(client, f"/releases/diff?from={first.name}&to={gone.name}")
    assert product_id in text
    assert "gone" in text
    roll_back_to(first.name)
    assert client.get(f"/products/{product_id}").status_code == 200


def test_a_difference_needs_two_releases_that_exist(client):
    assert "needs two releases" in page(client, "/releases/diff?from=2026.1", 400)
    page(client, "/releases/diff?from=2026.1&to=2026.2", 404)
    assert "printable" in page(client, "/releases/diff?from=%00&to=2026.2", 400)


@pytest.mark.django_db(transaction=True)
@pytest.mark.browser
def test_the_pages_look_right(live_server, tmp_path):
    """Take pictures for a person to look at when ARCHIPELAGO_TEST_PICTURES names a folder; else only open them."""
    from playwright.sync_api import sync_playwright

    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("chromium is absent")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    published = publish(deliver(tmp_path / "one", title="Long-term light curve of the Crab, 20-40 keV"))
    folder = deliver(tmp_path / "bad", delivery_id="test-9", title="A delivery with errors", software={})
    (folder / "stray.txt").write_text("x")
    seal(folder)
    hand_in(folder)
    pictures = os.environ.get("ARCHIPELAGO_TEST_PICTURES", str(tmp_path))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        complaints = []
        opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        for number, address in enumerate(
            ("/deliveries/", "/deliveries/test-1", "/deliveries/test-9", f"/releases/{published.release.name}")
        ):
            opened.goto(live_server.url + address)
            wide = opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert wide, f"{address} is wider than the window"
            opened.screenshot(path=f"{pictures}/page-{number}.png", full_page=True)
            opened.set_viewport_size({"width": 360, "height": 800})
            assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} at 360 px"
            opened.set_viewport_size({"width": 1280, "height": 900})
        browser.close()
    assert complaints == []
