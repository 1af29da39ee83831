"""PNG bytes read back by an independent decoder, written from the standard; the sky's outline against astropy."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from archive import pictures
from hips import cuts
from tests.support.png import decode_png


def test_grey_png_reads_back_and_zero_is_transparent():
    indices = np.random.default_rng(3).integers(0, 256, (64, 64)).astype(np.uint8)
    decoded, chunks = decode_png(pictures.encode_png(indices))
    np.testing.assert_array_equal(decoded, indices)
    assert chunks[b"tRNS"] == b"\x00\x00"


@pytest.mark.parametrize("name", list(cuts.COLOUR_MAPS)[1:])
def test_palette_png_carries_the_colour_map(name):
    palette = cuts.make_palette(name)
    decoded, chunks = decode_png(pictures.encode_png(np.eye(8, dtype=np.uint8), palette))
    np.testing.assert_array_equal(decoded, np.eye(8))
    assert chunks[b"PLTE"] == palette
    assert chunks[b"tRNS"] == b"\x00"


def test_colour_png_reads_back():
    colours = np.random.default_rng(3).integers(0, 256, (8, 16, 4)).astype(np.uint8)
    decoded, _ = decode_png(pictures.encode_rgba_png(colours))
    np.testing.assert_array_equal(decoded, colours)


def test_opaque_png_has_no_transparent_colour():
    _, chunks = decode_png(pictures.encode_png(np.eye(8, dtype=np.uint8), bytes(768), transparent=False))
    assert b"tRNS" not in chunks


def test_longitude_grows_to_the_left_and_latitude_upwards():
    ra, dec, inside = pictures.mollweide_sky(720)
    place = np.zeros(inside.shape, int)
    place[inside] = np.arange(ra.size)
    for row, column, lon, lat in ((180, 360, 359.75, -0.25), (180, 180, 89.9, -0.3), (1, 360, 180, 87.5)):
        at = place[row, column]
        galactic = SkyCoord(ra[at], dec[at], unit="deg").galactic
        assert galactic.b.deg == pytest.approx(lat, abs=1)
        if lat < 80:
            assert galactic.l.deg == pytest.approx(lon, abs=0.5)
