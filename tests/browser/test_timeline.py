"""The timeline under the pointer: a drag across the lanes is an interval in the address."""

from urllib.parse import parse_qs, urlsplit

import pytest
from astropy.time import Time

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_drag_across_the_lanes_zooms_to_its_interval(open_page):
    page = open_page("/timeline")
    lanes = page.locator("[data-timeline]")
    first, last = (float(lanes.get_attribute(f"data-{end}")) for end in ("first", "last"))
    lanes.scroll_into_view_if_needed()
    box = lanes.locator("svg").first.bounding_box()
    y = box["y"] + box["height"] / 2
    # From right to left: the ends are put in order.
    page.mouse.move(box["x"] + 0.75 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], y)
    assert page.locator(".brush").is_visible()
    page.mouse.up()
    page.wait_for_url("**/timeline?from=*")
    asked = parse_qs(urlsplit(page.url).query)
    pixel = (last - first) / box["width"]
    wanted = [first + share * (last - first) for share in (0.25, 0.75)]
    assert [Time(asked[name][0], scale="utc").mjd for name in ("from", "to")] == pytest.approx(wanted, abs=2 * pixel)
    assert page.input_value("input[name=from]").replace(" ", "T").startswith(asked["from"][0][:16])
