"""A circle on the sky: typed, drawn, by keyboard, without WebGL and without JavaScript."""

import pytest

from tests.support.web_archive import OBS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLACE = "/sky?ra=83.633&dec=22.0145&fov=12"
NO_WEBGL = """
const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
};
"""


def test_a_drawn_circle_leads_to_its_observations_and_rows_and_fields_know_each_other(open_page):
    page = open_page(PLACE)
    page.locator("html[data-sky=ready]").wait_for(state="attached", timeout=60_000)
    view = page.locator("#aladin").bounding_box()
    x, y = view["x"] + view["width"] / 2, view["y"] + view["height"] / 2
    page.get_by_role("button", name="Draw a circle").click()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 107, y, steps=4)
    page.mouse.up()
    page.locator("#sky-found tbody tr").first.wait_for()
    # The view is 12 degrees wide.
    assert float(page.input_value("#region-radius")) == pytest.approx(107 / view["width"] * 12, rel=0.03)
    assert float(page.input_value("#region-ra")) == pytest.approx(83.633, abs=0.02)
    page.get_by_role("button", name="Show the field of observation").first.focus()
    assert page.locator("#found-rows tr.marked").count() == 1
    page.locator("#aladin").scroll_into_view_if_needed()
    view = page.locator("#aladin").bounding_box()
    page.mouse.click(view["x"] + view["width"] / 2 + 30, view["y"] + view["height"] / 2 + 40)
    page.get_by_text("of the fields hold").wait_for()
    assert page.locator("#found-rows tr.marked").count() >= 1
    page.focus("#aladin")
    page.keyboard.press("+")
    page.wait_for_url("**fov=8.000*")
    page.locator("#found-rows a").first.click()
    page.wait_for_url("**/observations/*")


def test_colours_and_coverage_are_chosen(open_page):
    page = open_page(PLACE)
    page.locator("html[data-sky=ready]").wait_for(state="attached", timeout=60_000)
    page.get_by_text("Colours and coverage").click()
    page.select_option("#sky-colours", "viridis")
    page.fill("#sky-high", "-1")
    page.press("#sky-high", "Tab")
    page.get_by_text("the second number must be greater").wait_for()
    page.fill("#sky-high", "20")
    page.press("#sky-high", "Tab")
    page.get_by_text("shown from 0 to 20, linear").wait_for()


def test_without_webgl_a_still_picture_stands_in(chromium, site):
    context = chromium.new_context()
    context.add_init_script(NO_WEBGL)
    page = context.new_page()
    page.goto(site + PLACE)
    page.locator("html[data-sky=still]").wait_for(state="attached")
    page.wait_for_function("document.querySelector('.sky-still').naturalWidth === 600")
    page.get_by_role("button", name="Search the circle").click()
    page.get_by_role("link", name=OBS).first.wait_for()
    context.close()


def test_without_javascript_there_is_a_picture_and_the_circle_is_searched(open_page):
    page = open_page(PLACE, java_script_enabled=False)
    assert page.locator("noscript img.sky-still, img.sky-still").count() == 1
    page.get_by_role("button", name="Search the circle").click()
    page.get_by_role("link", name=OBS).first.wait_for()


FAKE_SKY = """
async () => {
  const base = document.querySelector("script[src*='archive/sky']").src.replace(/[^/]+$/, "");
  const [{ searchRegions }, { answerOutside }] = await Promise.all([import(`${base}region.js`), import(`${base}nudge.js`)]);
  const shape = (...values) => values;
  const A = { circle: shape, polygon: shape, polyline: shape, graphicOverlay: () => ({ add() {}, removeAll() {} }) };
  // Ten pixels are a degree; what is left of the first pixels is not on the sky, as around a whole sky.
  // Unless it is asked for a frame, Aladin answers in that of the view, which is Galactic for a whole sky.
  const pix2world = (x, y, frame) => {
    if (x < 10) {
      throw new Error("no such place");
    }
    return frame === "ICRS" ? [80 + x / 10, 18 + y / 10] : [185, -6];
  };
  const aladin = { addOverlay() {}, on() {}, pix2world };
  answerOutside(aladin);
  searchRegions(A, aladin, (text) => { document.getElementById("sky-status").textContent = text; });
}
"""


def test_a_polygon_is_drawn_corner_by_corner(chromium, site):
    context = chromium.new_context()
    context.add_init_script(NO_WEBGL)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))  # Aladin says that it needs WebGL
    page.goto(site + PLACE)
    page.locator("html[data-sky=still]").wait_for(state="attached")
    page.evaluate(FAKE_SKY)
    page.get_by_role("button", name="Draw a polygon").click()
    corners = [(20, 20), (60, 20), (60, 60), (20, 60)]
    for x, y in [(4, 40), *corners, (120, 120)]:
        page.locator("#aladin").click(position={"x": x, "y": y})
    page.get_by_text("5 corners;").wait_for()  # the place that is not on the sky is none
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 source in the polygon").wait_for()
    page.get_by_role("link", name=OBS).first.wait_for()
    drawn = [float(word) for word in page.input_value("#polygon-text").replace(",", " ").split()]
    assert drawn == pytest.approx([end for x, y in corners for end in (80 + x / 10, 18 + y / 10)], abs=0.11)
    assert page.get_by_role("link", name="Observations in ADQL").get_attribute("href").startswith("/tap/?QUERY=")
    assert page.get_by_role("button", name="Draw a polygon").get_attribute("aria-pressed") == "false"
    assert [complaint for complaint in complaints if "WebGL" not in complaint] == []
    context.close()
