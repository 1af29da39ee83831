"""Image HiPS, MOC and catalogue HiPS in Aladin Lite lie on each other: known sources are where their pixels are."""

import io
import time

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_edt

# WebGL by the processor alone: on a machine that does other things too, drawing takes minutes
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

SOURCES = {"Crab": (83.63322, 22.01446), "Star A": (81.0, 24.0), "Star B": (86.5, 19.5), "Star C": (85.0, 23.2)}
ORDER = 9
HOLE_ORDER, HOLE = (
    4,
    (81.5, 19.0),
)  # nothing was observed in the pixel of this order (3.7 degrees) that holds this place
SKY = 2.5  # sigma: of the display range, 0 to 8, clearly brighter than what lies behind the map
SMALL = {"width": 700, "height": 900}
READY = "() => window.archipelagoSky !== undefined"
HALF = 150  # pixels: half the width of a square around the hole
PATIENCE_S = 120


def publish(settings):
    """A dim map with four bright pixels and a hole, and a catalogue with the same four places."""
    from django.utils import timezone

    from archive.healpix import ipix_nested
    from archive.models import Delivery, OmcCatalogueEntry, Release
    from archive.services import open_publication
    from archive.skymaps import SkyMap

    values = np.full(12 * 4**ORDER, SKY, np.float32)
    size = 4 ** (ORDER - HOLE_ORDER)
    hole = ipix_nested(HOLE_ORDER, *HOLE)
    values[hole * size : (hole + 1) * size] = np.nan
    for ra, dec in SOURCES.values():
        values[ipix_nested(ORDER, ra, dec)] = 100  # 7 arcmin
    sky_map = SkyMap(
        map_id="isgri_20_40_significance", instrument="isgri", band="20_40", energy_min_kev=20.0, energy_max_kev=40.0,
        quantity="significance", order=ORDER, unit="", tstart_mjd_tt=52600.0, tstop_mjd_tt=60000.0, simulated=True,
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
    """Pixels of the viewer, (height, width, 3), as numbers that can be subtracted."""
    shot = page.locator("#hips-viewer").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def place_on_page(page, ra, dec):
    return page.evaluate("([ra, dec]) => Array.from(window.archipelagoSky.world2pix(ra, dec))", [ra, dec])


def around(picture, spot, reach=18):
    """Square part of a picture."""
    x, y = (round(value) for value in spot)
    return picture[y - reach : y + reach + 1, x - reach : x + reach + 1]


def wait_for(page, test, what):
    """Ask again and again until the viewer shows it: how soon it draws depends on the machine's load."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if test():
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"the viewer did not show {what}")


def test_image_coverage_and_catalogue_lie_on_each_other(open_page, settings):
    publish(settings)
    # a tile without a pixel or a source is 404, which Chromium tells the console (HiPS 1.0, section 3.1)
    page = open_page("/hips/isgri_20_40_significance/?ra=83.2&dec=21.5&fov=12", forgiven="/Norder", viewport=SMALL)
    page.wait_for_function(READY, timeout=1000 * PATIENCE_S)

    def offsets(marked):
        """From each source, how far the middle of the marked pixels around it is; infinite where there are none."""
        found = []
        for place in SOURCES.values():
            rows, columns = np.nonzero(around(marked, place_on_page(page, *place)))
            box = [(part.min() + part.max()) / 2 - 18 for part in (columns, rows)] if rows.size else [np.inf, np.inf]
            found.append(np.hypot(*box))
        return np.array(found)

    def changed(before):
        """How much each pixel of the picture has changed, summed over the colours."""
        return np.abs(picture_of(page) - before).sum(axis=-1)

    # the image: a pixel of 7 arcmin is 7 pixels wide here, and its middle up to 5 from the source in it
    wait_for(page, lambda: offsets(picture_of(page).sum(axis=-1) > 480).max() < 8, "the sources")
    image = picture_of(page)
    middle = place_on_page(page, *hole_middle())
    hole = around(image, middle, reach=HALF).sum(axis=-1) < 60
    border = binary_dilation(hole) & ~hole
    assert border.sum() > 4 * HALF

    # the catalogue's circles surround the same places
    page.locator("input[name=catalogue]").last.check()
    wait_for(page, lambda: offsets(changed(image) > 90).max() < 4, "the catalogue")
    page.locator("input[name=catalogue]").last.uncheck()

    # the line around the coverage runs along the hole in the image and nowhere else
    def share_of_line():
        """Parts of the hole's border with the line near by, and of the line with the border near by."""
        line = around(changed(image), middle, reach=HALF) > 40
        return min(
            (distance_from(line)[border] < 5).mean(), (distance_from(border)[line] < 5).sum() / max(line.sum(), 1)
        )

    assert share_of_line() == 0
    page.locator("input[name=coverage]").check()
    wait_for(page, lambda: share_of_line() > 0.98, "the coverage")


def distance_from(marked):
    """From each pixel to the next one that is marked; infinite where there is none."""
    return distance_transform_edt(~marked) if marked.any() else np.full(marked.shape, np.inf)


def hole_middle():
    """Middle of the hole (ra, dec)."""
    from archive.healpix import ipix_nested, pixel_centres

    ra, dec = pixel_centres(HOLE_ORDER, np.array([ipix_nested(HOLE_ORDER, *HOLE)]))
    return float(ra[0]), float(dec[0])
