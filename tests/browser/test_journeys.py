"""What people come for, done in a real browser."""

import hashlib
import re

import pytest

from tests.support.web_archive import CRAB, OBS, SERIES, SPECTRUM

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "/", "/sources/", f"/sources/{CRAB}", "/observations/", f"/observations/{OBS}", "/products/", f"/products/{SERIES}",
    f"/products/{SPECTRUM}", f"/products/{SERIES}/points", "/releases/", "/about", "/status", "/search?q=gal+184.6+-5.8", "/revolutions/46",
)  # fmt: skip


def test_from_a_name_to_a_verified_download_in_three_clicks(open_page):
    page = open_page("/")
    page.fill("#q", "crab")
    page.click(".hero-search button")  # 1
    page.wait_for_url(f"**/sources/{CRAB}")
    page.click("#products a[href$='/products/crab-isgri-series']")  # 2
    with page.expect_download() as waiting:
        page.click("#files a.download")  # 3
    content = waiting.value.path().read_bytes()
    assert hashlib.sha256(content).hexdigest() == page.inner_text("#sha-1")
    assert waiting.value.suggested_filename == "series.fits"


def test_light_curve_is_drawn_and_its_state_stands_in_the_address(open_page):
    page = open_page(f"/sources/{CRAB}")
    box = page.locator("[data-plot=light-curve]").first
    box.scroll_into_view_if_needed()
    box.locator("canvas").wait_for()
    assert "100 points" in box.locator("[data-note]").inner_text()
    spectrum = page.locator("[data-plot=spectrum]")
    spectrum.scroll_into_view_if_needed()
    spectrum.locator("canvas").wait_for()
    assert "not a photon spectrum" in spectrum.locator("[data-note]").inner_text()
    box.get_by_role("button", name="IJD").click()
    box.get_by_role("button", name="10 d").click()
    page.locator("[data-note]", has_text="bins of 10 d").first.wait_for()
    assert re.search(r"axis=ijd.*bin=10", page.url)
    page.reload()
    box.scroll_into_view_if_needed()
    box.locator("canvas").wait_for()
    assert box.get_by_role("button", name="IJD").get_attribute("aria-pressed") == "true"


def test_numbers_of_a_plot_open_below_it(open_page):
    page = open_page(f"/products/{SERIES}")
    page.get_by_text("Numbers: Crab ISGRI series").click()
    page.locator(".points td").first.wait_for()
    assert page.locator(".points tbody tr").count() == 50


def test_sky_view_draws_our_tiles_and_a_click_opens_the_source(open_page, site):
    tiles = []
    page = open_page("/sky?ra=83.633&dec=22.0145&fov=8")
    page.on("response", lambda r: tiles.append(r.url) if "/Norder" in r.url and r.ok else None)
    page.locator("html[data-sky=ready]").wait_for(state="attached", timeout=60_000)
    page.select_option("#sky-quantity", "exposure")
    page.wait_for_url("**survey=*exposure*")
    page.wait_for_timeout(3000)
    assert tiles
    assert all(tile.startswith(site + "/hips/") for tile in tiles)
    view = page.locator("#aladin").bounding_box()
    page.mouse.click(view["x"] + view["width"] / 2, view["y"] + view["height"] / 2)
    page.wait_for_url(f"**/sources/{CRAB}")


def test_search_tables_and_downloads_work_without_javascript(open_page):
    page = open_page("/", java_script_enabled=False)
    page.fill("#q", "ngc 1952")
    page.press("#q", "Enter")
    assert page.url.endswith(f"/sources/{CRAB}")
    page.goto(page.url.replace(f"/sources/{CRAB}", f"/products/{SERIES}"))
    page.get_by_text("Numbers: Crab ISGRI series").click()
    page.get_by_text("Open the table").click()
    assert "time_mjd_tt" in page.inner_text("table")


def test_the_keyboard_reaches_the_content_first(open_page):
    page = open_page("/sources/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(open_page, site, scheme):
    page = open_page("/", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for address in PAGES:
        page.goto(site + address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
