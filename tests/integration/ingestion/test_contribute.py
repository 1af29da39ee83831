"""The form for community products: bad input gets one sentence, good input ends in the gates of every delivery."""

import io
import os
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from archive.accounts.roles import set_roles
from archive.jobs import run_next_job
from archive.models import Delivery, Job, Submission
from ingestion import upload
from tests.support.fits_files import series_hdu, write

pytestmark = pytest.mark.django_db
FIELDS = {
    "title": "Light curve of the Crab",
    "description": "Made with OSA 11.2.",
    "orcid": "0000-0002-1825-0097",
    "papers": "2003A&A...411L.131U",
    "licence": "CC-BY-4.0",
    "instruments": ["isgri"],
}


@pytest.fixture(autouse=True)
def stores(tmp_path, settings):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    settings.QUARANTINE_ROOT.mkdir()
    settings.PUBLIC_URL = "http://127.0.0.1:9"


def login(client, name, *, archive=False):
    user, _ = get_user_model().objects.get_or_create(username=name)
    set_roles(user, archive=archive, teams=())
    client.force_login(user)


@pytest.fixture
def series(tmp_path):
    return write(tmp_path / "crab.fits", series_hdu()).read_bytes()


def post(client, content, *, name="crab.fits", **changes):
    files = {"files": SimpleUploadedFile(name, content)} if content is not None else {}
    return client.post("/contribute", {**FIELDS, **files, **changes})


def nothing_is_left(settings):
    return not list(settings.QUARANTINE_ROOT.iterdir()) and not Submission.objects.exists()


def test_a_product_goes_through_the_gates_with_two_signatures(client, series):
    login(client, "author")
    answer = post(client, series)
    assert answer.status_code == 302, answer.content
    address = answer.headers["Location"]
    submission = Submission.objects.get()
    assert (submission.team, submission.state) == ("community author", "RECEIVED")
    while run_next_job():
        pass
    submission.refresh_from_db()
    assert submission.state == "VALID", submission.report
    page = client.get(address).content.decode()
    assert "Sign for the team" in page
    assert '<span class="badge">community</span>' in page
    signing = {"role": "team", "content": submission.digest_sha256}
    login(client, "stranger")
    assert client.post(f"{address}/sign", signing).status_code == 403
    login(client, "author")
    assert client.post(f"{address}/sign", signing).status_code == 302
    login(client, "scientist", archive=True)
    assert client.post(f"{address}/sign", {**signing, "role": "archive"}).status_code == 302
    while run_next_job():
        pass
    delivery = Delivery.objects.get()
    assert (delivery.kind, delivery.creators, delivery.licence) == ("community", [FIELDS["orcid"]], "CC-BY-4.0")
    login(client, "author")
    assert post(client, series).headers["Location"] == address, "the same again is the same delivery"
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": " "}, "the title is empty"),
        ({"title": "x" * 201}, "201 characters"),
        ({"description": ""}, "the description is empty"),
        ({"orcid": ""}, "the ORCID field holds nothing"),
        ({"orcid": "0000-0002-1825-0098"}, "check digit"),
        ({"orcid": "0000-0002-1825-0097 <b>"}, "check digit"),
        ({"orcid": "0000-0002-1825-0097 " + " ".join(map(str, range(30)))}, "at most 20"),
        ({"papers": "my paper"}, "expected a DOI"),
        ({"licence": "mine"}, "is not taken"),
        ({"instruments": ["hubble"]}, "is no instrument"),
    ],
)
def test_a_wrong_field_is_named_and_the_others_are_kept(client, series, settings, changes, words):
    login(client, "author")
    answer = post(client, series, **changes)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert words in page
    assert "Nothing was handed in." in page
    assert FIELDS["papers"].replace("&", "&amp;") in page or "papers" in changes
    assert "<b>" not in page
    assert nothing_is_left(settings)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("crab.fits", None, "no file was chosen"),
        ("notes.txt", b"hello", "of no known kind"),
        ("delivery.yaml", b"team: ibis", "is not allowed"),
        ("a b;c.fits", b"x", "is not allowed"),
        ("bomb.fits.gz", b"\x1f\x8b" + b"x" * 40, "of no known kind"),
    ],
)
def test_a_wrong_file_is_named(client, settings, name, content, words):
    login(client, "author")
    answer = post(client, content, name=name)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert nothing_is_left(settings)


def test_two_files_of_one_name_are_refused(client, series, settings):
    login(client, "author")
    two = [SimpleUploadedFile("a.fits", series), SimpleUploadedFile("A.fits", series)]
    answer = client.post("/contribute", {**FIELDS, "files": two})
    assert (answer.status_code, b"two files are named" in answer.content) == (400, True)
    assert nothing_is_left(settings)


def test_an_upload_beyond_the_budget_is_refused(client, series, settings, monkeypatch):
    login(client, "author")
    monkeypatch.setattr(upload, "MAX_UPLOAD_BYTES", 5000)
    answer = post(client, series)
    assert answer.status_code in {400, 413}
    assert "in all" in answer.content.decode()
    monkeypatch.setattr(upload, "FORM_BYTES", 0)
    assert "in all" in post(client, series).content.decode()
    monkeypatch.setattr(upload, "MAX_UPLOAD_FILES", 0)
    assert "form takes 0 files" in post(client, b"x").content.decode()
    assert nothing_is_left(settings)


def test_only_accounts_with_a_token_of_the_form_hand_in(client, series, settings):
    assert "login" in client.get("/contribute").headers["Location"]
    assert post(client, series).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    login(strict, "author")
    assert strict.post("/contribute", {**FIELDS, "files": io.BytesIO(series)}).status_code == 403
    assert nothing_is_left(settings)
    assert client.put("/contribute").status_code == 405


def test_an_account_has_a_few_products_waiting_and_no_more(client, tmp_path, series):
    login(client, "author")
    for number in range(5):
        content = write(tmp_path / f"{number}.fits", series_hdu(rows=number + 3)).read_bytes()
        assert post(client, content).status_code == 302
    answer = post(client, series + b"")
    assert answer.status_code == 503
    assert b"hand in more when they are done" in answer.content
    assert Job.objects.count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.browser
def test_the_form_looks_right(live_server, tmp_path):
    """Take pictures for a person to look at when ARCHIPELAGO_TEST_PICTURES names a folder."""
    from playwright.sync_api import sync_playwright

    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("chromium is absent")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    session = Client()
    login(session, "author")
    pictures = os.environ.get("ARCHIPELAGO_TEST_PICTURES", str(tmp_path))
    write(tmp_path / "crab.fits", series_hdu())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
            value = session.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
            page = context.new_page()
            page.goto(live_server.url + "/contribute")
            page.screenshot(path=f"{pictures}/contribute-{scheme}.png", full_page=True)
            page.set_viewport_size({"width": 360, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.fill("#c-title", FIELDS["title"])
        page.fill("#c-description", FIELDS["description"])
        page.fill("#c-orcid", FIELDS["orcid"])
        page.fill("#c-papers", FIELDS["papers"])
        page.set_input_files("#c-files", str(tmp_path / "crab.fits"))
        page.get_by_role("button", name="Hand in").click()
        page.wait_for_url("**/deliveries/community-*")
        browser.close()
    assert Submission.objects.get().state == "RECEIVED"
