"""What people come for, done in a real browser."""

import hashlib
import re

import pytest

from tests.support.web_archive import CRAB, SERIES

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_from_a_name_over_the_light_curve_to_a_verified_download_in_three_clicks(open_page, tmp_path):
    page = open_page("/")
    page.fill("#q", "crab")
    page.click(".hero-search button")  # 1
    page.wait_for_url(f"**/sources/{CRAB}")
    page.locator("[data-plot=light-curve]").first.scroll_into_view_if_needed()
    page.locator("[data-plot=light-curve] canvas").first.wait_for()
    page.click("#products a[href$='/products/crab-isgri-series']")  # 2
    with page.expect_download() as waiting:
        page.click("#files a.download")  # 3
    content = waiting.value.path().read_bytes()
    assert content == (tmp_path / "series.fits").read_bytes()
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
    with page.expect_response(lambda r: "exposure" in r.url and "/Norder" in r.url and r.ok):
        page.select_option("#sky-quantity", "exposure")
    page.wait_for_url("**survey=*exposure*")
    assert tiles
    assert all(tile.startswith(site + "/hips/") for tile in tiles)
    view = page.locator("#aladin").bounding_box()
    x, y = view["x"] + view["width"] / 2, view["y"] + view["height"] / 2
    for step in range(200):  # until the viewer says that a source is under the pointer
        page.mouse.move(x + step % 2, y)
        if "Crab: click for its page" in page.inner_text("#sky-status"):
            break
        page.wait_for_timeout(50)
    page.mouse.click(x, y)
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
