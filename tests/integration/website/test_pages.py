"""Every page answers with what it is for."""

import pytest

from archive.errors import UsageError
from tests.support.web_archive import CRAB, HOSTILE, HOSTILE_ID, OBS, REVOLUTION, SCW, SERIES, SOURCE_COUNT, SPECTRUM

PAGES = {
    "/": ("What INTEGRAL saw", f">{SOURCE_COUNT + 1}<", "/coverage.png"),
    "/sources/": ("131 sources", "Crab", "/tap/sync?"),
    f"/sources/{CRAB}": ("Crab", "NGC 1952", "230.92", "ct/s", "184.55", 'data-plot="light-curve"', 'data-plot="spectrum"'),
    "/sources/J120000.0-450000": ("Sim X-1", "badge simulated", "The archive has no product"),
    "/observations/": ("30 observations", OBS),
    f"/observations/{OBS}": (SCW, "18 ks" , "Crab ISGRI series"),
    f"/scw/{SCW}": ("3000", "86.8", f"/revolutions/{REVOLUTION}"),
    "/revolutions/": (f"/revolutions/{REVOLUTION}",),
    f"/revolutions/{REVOLUTION}": (SCW, OBS, "Perigee"),
    "/products/": (SERIES, SPECTRUM),
    f"/products/{SERIES}": ("sha256sum -c", "series.fits", 'data-plot="light-curve"'),
    f"/products/{SPECTRUM}": ("rmf", 'data-plot="spectrum"'),
    f"/products/{SERIES}/points": ("time_mjd_tt", "rows 1 to 50 of 50", "40–100 keV"),
    "/releases/": ("Delivery made up", "badge simulated"),
    "/about": ("How to cite", "IBIS/ISGRI"),
    "/status": ("in order",),
    "/sky": ("sky-state", "266.4"),
}  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_page_shows_what_it_is_for(text, address):
    page = text(address)
    for wanted in PAGES[address]:
        assert wanted in page, wanted
    assert "This archive holds simulated data" in page


@pytest.mark.parametrize("address", PAGES)
def test_no_page_names_another_host_in_what_the_browser_loads(text, address):
    import re

    for loaded in re.findall(r"<(?:script|link|img|iframe|form)[^>]*(?:src|href|action)=\"([^\"]*)\"", text(address)):
        assert loaded.startswith("/"), loaded
    assert not re.search(r"<script(?![^>]*(?:src=|application/(?:ld\+)?json))|\son\w+=\"", text(address))


def test_an_empty_archive_says_how_to_fill_it(db, client):
    assert "./archipelago demo" in client.get("/").content.decode()
    for address in (
        "/sources/",
        "/observations/",
        "/products/",
        "/releases/",
        "/status",
        "/sky",
        "/about",
        "/revolutions/",
    ):
        assert client.get(address).status_code == 200, address
    assert client.get("/coverage.png").status_code == 404


def test_hostile_names_are_shown_as_text(text):
    for address in (
        f"/sources/{HOSTILE_ID}",
        "/sources/",
        "/search?q=0+0",
        "/search?q=%3Cscript%3Ealert(1)%3C/script%3",
    ):
        page = text(address, 404 if "alert" in address else 200)
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page


def test_sentences_that_stay_english_say_so_and_others_do_not(text):
    assert '<p class="lede" lang="en">There is no source' in text("/sources/nothing", 404)
    assert '<p class="lede">This archive has no page' in text("/nowhere", 404)
    assert 'role="status" lang="en">Position 400' in text("/search?q=400+10", 400)
    assert 'role="status">Nothing in this archive' in text("/search?q=nothing+such", 404)


BAD = {
    "/sources/?sort=rate": (400, "sort is"),
    "/sources/?page=garbage": (400, "is not a page of this list"),
    "/sources/?page=WzFd": (400, "is not a page of this list"),
    "/sources/?size=5": (400, "from 10 to 1000"),
    "/sources/?size=1e9": (400, "from 10 to 1000"),
    "/sources/?size=%C2%B2": (400, "from 10 to 1000"),
    "/sources/?ra=400&dec=0": (400, "ra is"),
    "/sources/?ra=10": (400, "both ra and dec"),
    "/sources/?radius=1": (400, "needs ra and dec"),
    "/sources/?ra=nan&dec=0": (400, "ra is"),
    "/sources/?ra=1&dec=1&radius=-1": (400, "radius is"),
    "/sources/?name=%00": (400, "printable"),
    "/sources/?class=1.5": (400, "whole number"),
    "/sources/?has=everything": (400, "has is"),
    "/sources/%00": (404, "cannot be printed"),
    "/sources/nothing": (404, "no source with the id"),
    "/sources/nothing/sky.png": (404, "no source with the id"),
    f"/sources/{CRAB}/sky.png?side=1000": (400, "side is"),
    "/observations/?after=yesterday": (400, "not an ISO date"),
    "/observations/?after=2003-02-30": (400, "not a date of the calendar"),
    "/observations/x": (404, "no observation"),
    "/scw/1": (404, "no science window"),
    "/revolutions/99999999999": (404, "nothing of revolution"),
    "/revolutions/?from=-1": (400, "from is"),
    "/products/?kind=poem": (400, "kind is"),
    "/products/none": (404, "no product"),
    f"/products/{SERIES}/points?part=9": (404, "has 2 parts"),
    f"/products/{SERIES}/points?start=x": (400, "start is"),
    f"/products/{SERIES}/files/other.fits": (404, "has no file"),
    f"/products/{SERIES}/files/..": (404, "has no file"),
    "/search?q=400+10": (400, "not on the sky"),
    "/search?q=gal+0+0&radius=181": (400, "outside 0 to 180"),
    "/search?q=gal+0+0&unit=parsec": (400, "unit is"),
    "/sky?fov=0": (400, "fov is"),
    "/nowhere": (404, "no page at"),
}  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_bad_input_gets_one_sentence(text, address):
    status, sentence = BAD[address]
    page = text(address, status)
    assert sentence in page
    assert "Traceback" not in page


def test_a_bug_gets_a_reference_and_no_details(archive, client, monkeypatch, caplog):
    from archive.website.views import home

    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(home, "mission_glance", fail)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    page = response.content.decode()
    assert "secret detail" not in page
    reference = page.split("(ref ")[1].split(")")[0]
    assert any(reference in record.getMessage() for record in caplog.records)


def test_pages_forbid_inline_scripts_and_other_hosts(archive, client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    for hub in ("http://localhost:21012", "http://127.0.0.1:21012"):  # of SAMP, on the reader's own machine
        assert policy.count(hub) == 1
        policy = policy.replace(hub, "")
    assert "http" not in policy


def test_pictures_are_png(archive, client):
    for address in ("/coverage.png", f"/sources/{CRAB}/sky.png"):
        response = client.get(address)
        assert response["Content-Type"] == "image/png"
        assert response.content.startswith(b"\x89PNG\r\n\x1a\n")


def test_points_as_csv_are_those_of_the_file(text):
    lines = text(f"/products/{SERIES}/points.csv").splitlines()
    assert lines[0] == "part,time_mjd_tt [d],half_width_d [d],rate [ct/s],error [ct/s]"
    assert len(lines) == 101
    assert lines[1].startswith("ISGRI 20–40 keV,54544.0,0.01,1.0,")


def test_size_mark_is_checked_where_it_is_made():
    from archive.website.paging import read_size

    assert read_size("") == 50
    with pytest.raises(UsageError):
        read_size("0")
