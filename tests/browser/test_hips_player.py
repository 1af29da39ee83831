"""The sequence in time: the slider shows the map of a year, keeps the look and names the page of that map."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
PATIENCE_MS = 120_000


def publish_years():
    """Significance of the mission and of two years."""
    from django.utils import timezone

    from archive.models import Delivery
    from archive.services import open_publication
    from archive.skymaps import SkyMap

    delivery = Delivery(
        delivery_id="years", title="years", team="test", digest_sha256="8".ljust(64, "0"), simulated=True,
        received_at=timezone.now(),
    )  # fmt: skip
    maps = []
    for epoch, start, stop in (("", 52600.0, 60000.0), ("2003", 52640.0, 53004.0), ("2004", 53005.0, 53370.0)):
        name = "isgri_20_40_significance" + (f"_{epoch}" if epoch else "")
        sky_map = SkyMap(
            map_id=name, instrument="isgri", band="20_40", energy_min_kev=20.0, energy_max_kev=40.0,
            quantity="significance", order=6, unit="", tstart_mjd_tt=start, tstop_mjd_tt=stop, simulated=True,
            title=name, epoch=epoch,
        )  # fmt: skip
        maps.append((sky_map, np.full(12 * 4**6, 4, np.float32)))
    with open_publication(delivery=delivery, description="years") as publication:
        publication.publish_maps(maps)


def test_slider_shows_the_years_and_keeps_the_look(open_page):
    publish_years()
    page = open_page("/hips/isgri_20_40_significance/?ra=80&dec=20&fov=60&colours=viridis&high=5", forgiven="/Norder")
    page.wait_for_function("() => window.archipelagoSky !== undefined", timeout=PATIENCE_MS)
    assert page.locator("[name=colours]").input_value() == "viridis"
    assert page.locator("#hips-ticks li").all_inner_texts() == ["-2", "-0.25", "1.5", "3.25", "5"]
    with page.expect_request(lambda request: "isgri_20_40_significance_2004/properties" in request.url):
        page.locator("#hips-step").fill("1")
    assert page.locator("#hips-epoch").inner_text() == "2004"
    link = page.locator("#hips-step-link")
    assert "/isgri_20_40_significance_2004/?" in link.evaluate("link => link.href")
    link.click()
    page.wait_for_function("() => window.archipelagoSky !== undefined", timeout=PATIENCE_MS)
    assert "2004" in page.locator("#hips-title").inner_text()
    assert page.locator("[name=high]").input_value() == "5"
    assert page.locator("#hips-step").input_value() == "1"
