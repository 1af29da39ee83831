"""Every kind of page is valid HTML, and names its links, buttons, controls, images and tables."""

from urllib.parse import parse_qs, urlsplit

import lxml.html
import pytest

from archive import models, services
from tests.benchmark.crawl import faults_of, invalid_html
from tests.integration.website.test_pages import PAGES
from tests.support.web_archive import CRAB

OTHERS = ("/account/login", "/account/signup", "/tap", "/upper-limits/", "/hips/", "/deliveries/", "/targets", "/basket",
          "/quicklook?q=Crab", "/search?q=Crab", "/search?q=nothing", "/tables/integral.sources", "/timeline", "/gallery",
          "/api/v1/docs", "/feedback", "/nowhere", "/contribute", "/usage", "/mocs/", "/catalogues/", "/omc/")  # fmt: skip


def test_no_page_has_a_fault_in_its_markup(archive, client):
    found = {}
    for address in (*PAGES, *OTHERS):
        page = client.get(address, follow=True).content.decode()
        if faults := faults_of(lxml.html.document_fromstring(page), "en") + invalid_html(page):
            found[address] = faults
    assert found == {}


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ('<b id="a"></b><i id="a"></i>', "id 'a' 2 times"),
        ('<a href="/"></a>', "a without words"),
        ('<img src="x.png">', "image without alt"),
        ('<input name="q">', "control without label"),
        ('<input aria-label="x" aria-describedby="none">', "id 'none' is referred to and missing"),
        ("<h3>x</h3>", "h1 is followed by h3"),
        ("<h1>x</h1>", "2 h1"),
        ("<table><tr><td>1</td></tr></table>", "table without head"),
        ("<p><div></div></p>", "HTML: unexpected-end-tag"),
        ('<b id="a" id="b"></b>', "HTML: duplicate-attribute"),
        ("<div>", "HTML: expected-closing-tag-but-got-eof"),
    ],
)
def test_faults_of_markup_are_found(part, fault):
    page = f'<!doctype html><html lang="en"><head><title>x</title></head><body><h1>x</h1>{part}'
    found = faults_of(lxml.html.document_fromstring(page), "en") + invalid_html(page)
    assert any(one.startswith(fault) for one in found), found
    assert any(
        one.startswith("lang='en', expected 'fr'") for one in faults_of(lxml.html.document_fromstring(page), "fr")
    )


def test_catalogue_that_gives_a_position_alone_says_so(archive, client):
    row = {"catalogue_version": "12", "source_id": CRAB, "name": "Crab", "ra": 83.63, "dec": 22.01}
    with services.open_publication(
        delivery=models.Delivery.objects.get(delivery_id="real"), description="More"
    ) as publication:
        publication.merge(models.ReferenceCatalogueEntry, [row])
    page = client.get(f"/sources/{CRAB}").content.decode()
    assert "this version gives no other value" in page
    assert "<table><tbody></tbody></table>" not in page


def test_fields_of_an_account_are_tied_to_their_hints_and_errors(db, client):
    page = lxml.html.document_fromstring(
        client.post("/account/signup", {"username": "someone", "password1": "1"}).content
    )
    described = " ".join(page.xpath("//input/@aria-describedby")).split()
    assert {"id_password1_helptext", "id_password1_error"} <= set(described)
    assert set(described) <= set(page.xpath("//@id"))


def test_no_page_links_to_what_refuses_it(archive, client):
    assert 'href="/api/v1/upper-limits"' not in client.get("/upper-limits/").content.decode()
    assert 'href="/api/v1/upper-limits?ra=83&amp;dec=22"' in client.get("/upper-limits/?ra=83&dec=22").content.decode()
    assert 'href="/api/v1/moc"' not in client.get("/mocs/").content.decode()
    page = lxml.html.document_fromstring(client.get("/deliveries/made up").content)
    (call,) = page.xpath("//link[@rel='alternate' and not(@type)]/@href")
    assert "WHERE delivery_id = 'made up'" in parse_qs(urlsplit(call).query)["QUERY"][0]
    assert 'href="/tap/user_tables"' not in client.get("/tap").content.decode()


def test_titles_tell_a_table_from_the_list_of_the_same_name(archive, client):
    assert (
        "<title>Sources (integral.sources) – Archipelago</title>"
        in client.get("/tables/integral.sources").content.decode()
    )
