"""Outlines of observed fields: small shapes by hand, real mosaics against their own exposure pixel by pixel."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from spherical_geometry.polygon import SphericalPolygon

from archive.formats import read_image
from archive.formats.outline import MOST_VERTICES, _inside, trace_outline
from tests.support.fits_files import image_header, mosaic_hdus, write
from vo.soda.regions import Polygon, contains

REAL = {
    "isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz": 0.74,
    "mosaics/isgri_mosa_ima_1.fits.gz": 0.66,
    "mosaics/isgri_mosaic.fits.gz": 0.69,
    "mosaics/isgri_query_mosaic.fits.gz": 0.76,
    "mosaics/jmx1_osa_mosaic.fits.gz": 0.75,
}
"""Mosaics, and the part of their rectangle that was exposed."""


def held(vertices, observed):
    """Part of the observed pixels inside, and part of the pixels inside that were observed."""
    y, x = np.mgrid[0 : observed.shape[0], 0 : observed.shape[1]]
    inside = _inside(vertices, x.astype(float), y.astype(float))
    return inside[observed].mean(), observed[inside].mean()


def drawn(*rows):
    return np.array([[letter == "#" for letter in row] for row in reversed(rows)])


@pytest.mark.parametrize(
    ("picture", "corners"),
    [
        (("#",), 4),
        (("##.", "##.", "###"), 6),
        ((".#.", "###", ".#."), None),
        (("###", "#.#", "###"), 4),  # a hole is filled
        (("#.#", "###"), None),
        (("##..", "##..", "..##", "####"), None),  # touches itself at a corner
    ],
    ids=["pixel", "notch", "cross", "hole", "cup", "touching"],
)
def test_small_shapes_hold_their_pixels(picture, corners):
    observed = drawn(*picture)
    vertices = trace_outline(observed)
    x, y = vertices.T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0  # counter-clockwise
    assert held(vertices, observed)[0] == 1.0
    if corners is not None:
        assert len(vertices) == corners


def test_pieces_apart_get_the_hull_of_both():
    observed = np.zeros((40, 60), dtype=bool)
    observed[5:15, 5:15] = observed[25:35, 40:55] = True
    vertices = trace_outline(observed)
    assert held(vertices, observed)[0] == 1.0
    assert vertices.min() == 4.5
    assert len(vertices) <= 8


def test_a_few_stray_pixels_do_not_matter():
    observed = np.zeros((60, 60), dtype=bool)
    observed[10:50, 10:50] = True
    observed[0, 0] = True
    assert len(trace_outline(observed)) == 4


def test_a_border_too_rough_gets_the_hull():
    rng = np.random.default_rng(5)
    observed = np.ones((160, 160), dtype=bool)
    for row in range(160):
        left, right = rng.integers(1, 60, 2)
        observed[row, :left] = observed[row, 160 - right :] = False
    vertices = trace_outline(observed)
    assert len(vertices) <= MOST_VERTICES
    assert held(vertices, observed)[0] == 1.0


@pytest.mark.parametrize("angle", [0.0, 33.0, 180.0])
@pytest.mark.parametrize("parity", [1, -1], ids=["east left", "east right"])
def test_vertices_run_counter_clockwise_on_the_sky(tmp_path, angle, parity):
    turned = image_header(angle_deg=angle)
    for axis in (1, 2):
        turned[f"CD1_{axis}"] *= parity
    (image,) = read_image(write(tmp_path / "a.fits", *mosaic_hdus(header=turned)))
    vertices = np.array(image.outline())
    assert len(vertices) == 4
    ra, dec = (vertices - vertices.mean(axis=0)).T
    assert np.sum(ra * np.roll(dec, -1) - np.roll(ra, -1) * dec) < 0  # with east to the left: counter-clockwise


def test_an_image_without_exposure_gives_its_corners(tmp_path):
    (plane, *_) = mosaic_hdus()
    plane.data[:] = np.nan
    (image,) = read_image(write(tmp_path / "a.fits", plane))
    assert image.outline() == image.corners()


@pytest.mark.parametrize(("name", "part"), REAL.items())
def test_real_mosaics_lie_in_their_footprint(shared_data, name, part):
    (image,) = read_image(shared_data / "products" / name)
    observed = np.isfinite(image.plane("exposure").pixels)
    assert observed.mean() == pytest.approx(part, abs=0.01)
    vertices = image.outline()
    assert len(vertices) <= 50
    inside, wanted = inside_polygon(image, observed, vertices, step=3)
    assert inside[wanted].mean() >= 0.99
    assert wanted[inside].mean() >= 0.98
    # A library that we did not write says the same of a few hundred of them.
    polygon = SphericalPolygon.from_lonlat(*np.array(vertices).T, center=image.center())
    x, y = (axis.ravel() for axis in np.mgrid[0 : observed.shape[1] : 30, 0 : observed.shape[0] : 30])
    ra, dec = image.wcs.all_pix2world(x, y, 0)
    other = np.array([polygon.contains_lonlat(*place) for place in zip(ra, dec, strict=True)])
    np.testing.assert_array_equal(other, contains(Polygon(vertices), *icrs(image, ra, dec)))


def inside_polygon(image, observed, vertices, *, step):
    """Of every `step`-th pixel in each direction: whether it lies in the polygon on the sky, and was observed."""
    y, x = (axis.ravel() for axis in np.mgrid[0 : observed.shape[0] : step, 0 : observed.shape[1] : step])
    return contains(Polygon(vertices), *icrs(image, *image.wcs.all_pix2world(x, y, 0))), observed[y, x]


def icrs(image, ra, dec):
    sky = SkyCoord(ra, dec, unit="deg", frame=image.frame).icrs
    return sky.ra.deg, sky.dec.deg
