"""Aladin Lite draws our HiPS: the values it reads under the pointer are those of the map, and the picture is not empty."""

import base64
import re

import numpy as np
import pytest

# WebGL by the processor alone: on a machine that does other things too, drawing takes minutes
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

VALUE = re.compile(r"([\d.]+), ([+-][\d.]+) \(ICRS degrees\): ([-+.\de]+)")


def test_aladin_reads_the_values_of_the_map(open_page):
    from archive.healpix import ipix_nested
    from archive.selectors import current_map_version
    from hips.services import open_survey
    from hips.surveys import find_surveys

    version = current_map_version()
    survey = next(survey for survey in find_surveys(version) if survey.quantity == "flux")
    opened = open_survey(version, survey.survey_id)
    page = open_page(f"/hips/{survey.survey_id}/?ra=83.63&dec=22.01&fov=20")
    box = page.locator("#hips-viewer").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def read(right, down):
        """Position and value under the pointer, once the tile is there."""
        for _ in range(100):
            page.mouse.move(middle[0] + right + 1, middle[1] + down)
            page.mouse.move(middle[0] + right, middle[1] + down)
            if match := VALUE.search(page.inner_text("#hips-value")):
                return tuple(float(text) for text in match.groups())
            page.wait_for_timeout(100)
        raise AssertionError(page.inner_text("#hips-value"))

    agree = 0
    places = [(right, down) for right in (-200, -90, 0, 110, 230) for down in (-150, -60, 0, 70, 160)]
    for right, down in places:
        ra, dec, value = read(right, down)
        pixel = ipix_nested(opened.pixels.order, ra, dec)
        expected = float(opened.pixels.read(pixel, pixel + 1)[0])
        agree += np.isclose(value, expected, rtol=1e-3, atol=1e-6)
    assert agree >= len(places) - 3  # a place on the border of two pixels may be read as its neighbour
    assert count_colours(page, page.locator("#hips-viewer").screenshot()) > 20, "the viewer shows hardly any colours"


def count_colours(page, png: bytes) -> int:
    """Number of different colours in a screenshot, which the browser itself decodes."""
    return page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const picture = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            const context = canvas.getContext('2d');
            context.drawImage(picture, 0, 0);
            return new Set(new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
        }""",
        base64.b64encode(png).decode(),
    )
