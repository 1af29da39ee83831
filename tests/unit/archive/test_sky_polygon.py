"""Polygons on the sky against the library spherical-geometry."""

import numpy as np
import pytest
from spherical_geometry.polygon import SphericalPolygon
from spherical_geometry.vector import lonlat_to_vector

from archive.errors import UsageError
from archive.website.sky_polygon import inside, read_polygon

SHAPES = {
    "square": "80 20, 90 20, 90 30, 80 30",
    "over the meridian": "350 -5, 10 -5, 0 12",
    "around the pole": "0 80, 90 82, 180 78, 270 85",
    "large": "40 -30, 130 -35, 120 40, 50 45",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_places_inside_are_those_of_another_library(text):
    polygon = read_polygon(text)
    rng = np.random.default_rng(4)
    ra = rng.uniform(0, 360, 400)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, 400)))
    other = SphericalPolygon.from_radec(*polygon.vertices.T, center=(polygon.ra, polygon.dec))
    expected = [other.contains_point(np.array(lonlat_to_vector(a, d))) for a, d in zip(ra, dec, strict=True)]
    found = inside(polygon, ra, dec)
    assert found.tolist() == expected
    assert found.any()


def test_a_notch_is_outside():
    polygon = read_polygon("0 0; 10 0; 10 10; 5 2; 0 10")
    assert inside(polygon, np.array([5.0, 1.0]), np.array([5.0, 3.0])).tolist() == [False, True]


@pytest.mark.parametrize(
    "text", ["", "1 2, 3 4", "1 2 3 4 5", "a b, c d, e f", "0 0, 0 91, 5 5", "0 0, 120 0, 240 0", "1 1, nan 2, 3 3"]
)
def test_what_is_no_polygon_is_refused(text):
    with pytest.raises(UsageError, match="polygon"):
        read_polygon(text)
