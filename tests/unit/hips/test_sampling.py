"""Values between the pixels of an image, compared with scipy's splines; what is observed and what lies beside it."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import map_coordinates, spline_filter

from hips.sampling import Field


@pytest.fixture
def image():
    return np.random.default_rng(5).normal(10, 3, (75, 331)).astype(np.float32)


@pytest.mark.parametrize("shape", [(75, 331), (16, 17), (5, 4), (2, 1), (1, 1)])
def test_coefficients_are_those_of_scipy(shape):
    values = np.random.default_rng(5).normal(10, 3, shape).astype(np.float32)
    expected = np.pad(spline_filter(values, order=3, mode="mirror"), 3, mode="reflect")
    coefficients = Field.of(values, None, None).coefficients
    np.testing.assert_allclose(coefficients, expected, atol=2e-5)


def test_values_between_pixels_are_those_of_scipy(image):
    random = np.random.default_rng(6)
    x, y = random.uniform(0, 329.999, 5000), random.uniform(0, 73.999, 5000)
    expected = map_coordinates(image.astype(np.float64), [y, x], order=3, mode="mirror")
    expected_exposure = map_coordinates(image.astype(np.float64), [y, x], order=1)
    found = Field.of(image, np.ones_like(image), image).sample(x.copy(), y.copy())
    assert found.where == slice(None)
    assert found.count == 5000
    np.testing.assert_allclose(found.values, expected, atol=5e-5)
    np.testing.assert_allclose(found.exposure, expected_exposure, atol=5e-5)
    np.testing.assert_allclose(found.variance, 1)


def test_nearest_pixel_beside_what_is_not_observed(image):
    image[:, 100:] = np.nan
    x = np.array([98.9, 99.2, 99.49, 99.51, 150.0, -0.49, -0.51, -9.0, 1e7, -1e7])
    y = np.array([20.0, 20.3, 20.6, 20.6, 20.0, 3.0, 3.0, 1e9, 3.0, -1e9])
    found = Field.of(image, None, image * 2).sample(x, y)
    assert sorted(found.where.tolist()) == [0, 1, 2, 5]
    at = dict(zip(found.where.tolist(), zip(found.values, found.exposure, strict=True), strict=True))
    for place, pixel in ((1, image[20, 99]), (2, image[21, 99]), (5, image[3, 0])):
        assert at[place] == (pixel, 2 * pixel)
    assert found.variance is None


def test_places_that_are_not_wanted_do_not_count(image):
    x, y = np.full(3, 50.5), np.full(3, 20.5)
    found = Field.of(image, None, None).sample(x, y, np.array([True, False, True]))
    assert found.where.tolist() == [0, 2]
    assert Field.of(image, None, None).sample(x, y, np.zeros(3, bool)) is None


def test_a_build_loads_no_library_that_it_does_not_use():
    code = "import sys, hips.build; print({'pyarrow', 'cdflib', 'scipy'} & {name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
