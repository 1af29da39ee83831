"""The pictures around a position show what the maps hold, where it is."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from archive.healpix import pixel_centres
from tests.unit.upper_limits.conftest import ORDER
from upper_limits.around import PICTURE, SIDE_DEG, SIDE_PIXELS, bright_around, draw_surroundings
from upper_limits.limits import Options
from upper_limits.store import build_version

OPTIONS = Options(0.95, 0.95, "one")


@pytest.fixture
def totals(map_version, tmp_path):
    (found,) = build_version(tmp_path / "store", map_version).totals
    return found


def pixels_of(url):
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def test_each_quantity_is_drawn_with_its_range_and_unit(totals):
    drawn = draw_surroundings(totals, 0, (120.0, 10.0), OPTIONS, [], [])
    assert [(one.name, one.unit) for one in drawn.pictures] == [
        ("limit", "mCrab"), ("significance", "σ"), ("exposure", "ks"),
    ]  # fmt: skip
    assert (drawn.instrument, drawn.band, drawn.simulated) == ("isgri", "20–40", True)
    assert drawn.observed_share == 1.0
    for picture in drawn.pictures:
        low, middle, high = map(float, picture.ticks)
        assert low < middle < high
        assert pixels_of(picture.url).shape == (SIDE_PIXELS, SIDE_PIXELS, 4)
    assert float(drawn.pictures[1].ticks[0]) == -float(drawn.pictures[1].ticks[2])


def test_what_was_never_observed_is_transparent(totals):
    ra, dec = 315.0, -41.8  # the middle of base pixel 11
    assert draw_surroundings(totals, 0, (ra, dec), OPTIONS, [], []) is None
    edge = next(
        drawn
        for step in range(0, 40, 2)
        if (drawn := draw_surroundings(totals, 0, (ra, min(dec + step, 80.0)), OPTIONS, [], []))
    )
    opacity = pixels_of(edge.pictures[0].url)[:, :, 3]
    assert (opacity == 255).mean() == pytest.approx(edge.observed_share, abs=1e-9)
    assert set(np.unique(opacity)) == {0, 255}


def test_a_bright_pixel_is_drawn_where_its_mark_is(totals):
    ipix = 123
    ra, dec = (float(angle[0]) for angle in pixel_centres(ORDER, np.array([ipix])))
    values = np.array(totals.values)
    values[ipix, 0] = 900.0
    bright = type(totals)(*[
        values if name == "values" else ((0, ra, dec, 900.0), (1, ra, dec, 800.0)) if name == "bright"
        else getattr(totals, name) for name in totals.__slots__
    ])  # fmt: skip
    found = bright_around(bright, 0, ra + 2.0, dec + 1.0)
    assert [(one.flux, one.unit) for one in found] == [(900.0, "mCrab")]
    assert 2.0 < found[0].separation_deg < 2.3
    drawn = draw_surroundings(bright, 0, (ra + 2.0, dec + 1.0), OPTIONS, [("far", ra, -60.0)], found)
    (spot,) = drawn.spots
    assert spot.bright
    assert spot.x > PICTURE / 2 + 30  # east is to the left: what lies west is on the right
    assert spot.y > PICTURE / 2 + 10  # and what lies south is below
    picture = pixels_of(drawn.pictures[1].url).astype(int)
    column, row = int(spot.x * SIDE_PIXELS / PICTURE), int(spot.y * SIDE_PIXELS / PICTURE)
    assert abs(picture[row, column, :3] - (124, 24, 18)).max() <= 2  # the end of the ramp
    assert SIDE_DEG == 10.0
    assert bright_around(bright, 0, ra, -60.0) == ()
