"""Debian's chromium on a server with the small archive; every request and console message is watched."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.support.tap_worker import closed_pools, worker
from tests.support.web_archive import fill_archive

__all__ = ["closed_pools", "worker"]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="session")
def chromium():
    """A browser for all tests."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is absent: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
    # Playwright runs an event loop in this thread; Django then asks whether the database may be used here.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def site(transactional_db, live_server, tmp_path, settings, checkout, closed_pools):
    """Address of a running archive with sky maps."""
    if not (checkout / "archive" / "static" / "vendor" / "aladin-lite" / "aladin.js").exists():
        pytest.skip("the front-end assets are not installed: ./archipelago assets")
    settings.FILES_ROOT = tmp_path / "files"
    settings.MAPS_ROOT = tmp_path / "maps"
    settings.RESULTS_ROOT = tmp_path / "jobs"
    settings.PUBLIC_URL = live_server.url
    fill_archive(tmp_path, map_order=6)
    return live_server.url


@pytest.fixture
def open_page(chromium, site):
    """Open a page; afterwards nothing may have gone to another host or been complained of.

    `forgiven` is a part of the complaints that belong to the journey, such as the 400 of a query that is wrong;
    `hub` the address of a SAMP hub that may be asked.
    """
    contexts, outside, complaints = [], [], []

    def watch(page, forgiven, hub):
        near = (site, "data:", "blob:", *([hub] if hub else []))
        page.on("request", lambda r: None if r.url.startswith(near) else outside.append(r.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if is_complaint(m, forgiven) else None)

    def is_complaint(message, forgiven):
        said = f"{message.text} {message.location.get('url', '')}"
        return message.type == "error" and not (forgiven and forgiven in said)

    def make(address, *, forgiven="", hub="", **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        watch(page, forgiven, hub)
        page.goto(site + address)
        return page

    yield make
    for context in contexts:
        context.close()
    assert outside == []
    assert complaints == []
