"""Image HiPS and catalogue HiPS in Aladin Lite lie on each other: known sources are where their pixels are."""

import io

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCES = {"Crab": (83.63322, 22.01446), "Star A": (81.0, 24.0), "Star B": (86.5, 19.5), "Star C": (81.5, 20.8)}
READY = "() => window.archipelagoSky !== undefined"


def publish(settings):
    """A map dark but for four bright pixels, and a catalogue with the same four places."""
    from django.utils import timezone

    from archive.healpix import ipix_nested
    from archive.models import Delivery, OmcCatalogueEntry, Release
    from archive.services import open_publication
    from archive.skymaps import SkyMap

    order = 10
    values = np.zeros(12 * 4**order, np.float32)
    values[: values.size // 12] = np.nan
    for ra, dec in SOURCES.values():
        middle = ipix_nested(order - 1, ra, dec)  # four pixels of the map: 7 arcmin
        values[4 * middle : 4 * middle + 4] = 100
    sky_map = SkyMap(
        map_id="isgri_20_40_significance", instrument="isgri", band="20_40", energy_min_kev=20.0, energy_max_kev=40.0,
        quantity="significance", order=order, unit="", tstart_mjd_tt=52600.0, tstop_mjd_tt=60000.0, simulated=True,
        title="Four points",
    )  # fmt: skip
    delivery = Delivery(
        delivery_id="points", title="points", team="test", digest_sha256="9".ljust(64, "0"), simulated=True,
        received_at=timezone.now(),
    )  # fmt: skip
    rows = [
        {"catalogue_version": "1", "name": name, "omc_id": f"IOMC {name}"[:15], "ra": ra, "dec": dec, "v_mag": 5.0}
        for name, (ra, dec) in SOURCES.items()
    ]
    with open_publication(delivery=delivery, description="points") as publication:
        publication.merge(OmcCatalogueEntry, rows)
        publication.publish_maps([(sky_map, values)])
    assert Release.objects.exists()


def picture_of(page):
    """Pixels of the viewer, (height, width, 3)."""
    shot = page.locator("#hips-viewer").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def place_on_page(page, ra, dec):
    return page.evaluate("([ra, dec]) => Array.from(window.archipelagoSky.world2pix(ra, dec))", [ra, dec])


def bright_centre(picture, x, y, wanted, reach=18):
    """Mean place of the pixels that `wanted` marks around a place."""
    part = picture[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach].astype(int)
    rows, columns = np.nonzero(wanted(part))
    assert rows.size, (x, y)
    return int(x) - reach + columns.mean(), int(y) - reach + rows.mean()


def wait_for(page, test, *, tries=100):
    for _ in range(tries):
        if test():
            return
        page.wait_for_timeout(200)
    raise AssertionError("the viewer did not show it")


def test_image_and_catalogue_lie_on_each_other(open_page, settings):
    publish(settings)
    # a tile without a pixel or a source is 404, which Chromium tells the console (HiPS 1.0, section 3.1)
    page = open_page("/hips/isgri_20_40_significance/?ra=83.2&dec=21.5&fov=12", forgiven="/Norder")
    page.wait_for_function(READY)

    def white(part):
        return (part[..., :3].min(axis=-1) > 140) | (part[..., :3].sum(axis=-1) > 480)

    def shown():
        picture, spot = picture_of(page), place_on_page(page, *SOURCES["Crab"])
        part = picture[int(spot[1]) - 18 : int(spot[1]) + 18, int(spot[0]) - 18 : int(spot[0]) + 18].astype(int)
        return white(part).any()

    wait_for(page, shown)
    picture = picture_of(page)
    for name, (ra, dec) in SOURCES.items():
        x, y = place_on_page(page, ra, dec)
        found = bright_centre(picture, x, y, white)
        assert np.hypot(found[0] - x, found[1] - y) < 8, (name, found, (x, y))  # 7 arcmin are 8 pixels here
    # the catalogue's circles surround the same places
    page.locator("input[name=catalogue]").last.check()
    box = page.locator("input[name=catalogue]").last
    assert box.is_checked()
    before = picture

    def circles():
        """Middles of what changed around each source; None where nothing did."""
        change = np.abs(picture_of(page).astype(int) - before).sum(axis=-1) > 90
        found = {}
        for name, place in SOURCES.items():
            x, y = (int(value) for value in place_on_page(page, *place))
            rows, columns = np.nonzero(change[y - 18 : y + 18, x - 18 : x + 18])
            if rows.size:
                found[name] = (columns.min() + columns.max()) / 2 - 18, (rows.min() + rows.max()) / 2 - 18
            else:
                found[name] = None
        return found

    wait_for(page, lambda: all(middle is not None and np.hypot(*middle) < 4 for middle in circles().values()))
