"""Resampling against planted sources, and against the golden values of real mosaics."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from archive.errors import UsageError
from archive.formats.image import read_image
from archive.healpix import ipix_nested, pixels_nested
from tests.support.sky_images import FWHM, PIXEL, write_image
from upper_limits.epochs import field_systematic_factor
from upper_limits.readout import nearest_weight, plan_readout
from upper_limits.stacking import order_for, resample_image, sample_image, stack_pixels

SHARED = Path(os.environ.get("ARCHIPELAGO_SHARED", Path(__file__).parents[4] / "shared")) / "data" / "products"
CRAB = (83.6331, 22.0145)
GRB = (288.2645, 19.7735)


@pytest.mark.parametrize("matrix", ["CD", "PC"])
@pytest.mark.parametrize("angle", [0.0, 37.0])
@pytest.mark.parametrize("outside", [0.0, np.nan], ids=["isgri-zeros", "jemx-nan"])
def test_a_planted_source_is_recovered_anywhere_within_its_pixel(tmp_path, matrix, angle, outside):
    order = order_for(FWHM)
    rng = np.random.default_rng(5)
    found = []
    for number in range(4):
        source = (83.0 + rng.uniform(-1, 1), 21.5 + rng.uniform(-1, 1))
        mosaic = write_image(tmp_path / f"{number}.fits", source=source, matrix=matrix, angle=angle, outside=outside)
        pixels = resample_image(mosaic, order)
        ipix = ipix_nested(order, *source)
        row = int(np.searchsorted(pixels.ipix, ipix))
        assert pixels.ipix[row] == ipix
        found.append(pixels.flux[row] * nearest_weight(plan_readout(order, FWHM), ipix, *source))
        assert (np.diff(pixels.ipix) > 0).all()
        assert np.isfinite(pixels.flux).all()
        assert (pixels.variance > 0).all()
        # nothing from outside the field: a disc of 65 pixels radius
        assert len(pixels.ipix) < np.pi * (65 * PIXEL) ** 2 / (41252.96 / (12 * 4**order))
    assert np.array(found) == pytest.approx(50.0, rel=0.02)
    assert np.mean(found) == pytest.approx(50.0, rel=0.01)


def test_at_the_centre_of_an_image_pixel_the_image_is_returned_as_it_is(tmp_path):
    mosaic = write_image(tmp_path / "a.fits", source=(83.2, 21.6), angle=20.0, noise=1.0)
    x, y = np.meshgrid(np.arange(40, 100, 7), np.arange(45, 95, 7))
    ra, dec = mosaic.wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    flux, variance, exposure = sample_image(mosaic, ra, dec)
    for name, got in (("intensity", flux), ("variance", variance), ("exposure", exposure)):
        assert got == pytest.approx(mosaic.plane(name).pixels[y.ravel(), x.ravel()], rel=1e-4, abs=1e-4), name


def test_resampled_noise_keeps_its_scatter(tmp_path):
    mosaic = write_image(tmp_path / "a.fits", source=(83.2, 21.6), flux=0.0, noise=1.4, n=301)
    assert field_systematic_factor(resample_image(mosaic, 10)) == pytest.approx(1.4, rel=0.05)


def test_stacking_two_epochs_averages_by_inverse_variance(tmp_path):
    first = resample_image(write_image(tmp_path / "a.fits", source=CRAB, flux=40.0), 10)
    second = resample_image(write_image(tmp_path / "b.fits", source=CRAB, flux=60.0, center=(84.0, 22.5)), 10)
    both = stack_pixels([first, second])
    ipix = ipix_nested(10, *CRAB)
    one, two, out = (int(np.searchsorted(part.ipix, ipix)) for part in (first, second, both))
    weight = np.array([1 / first.variance[one], 1 / second.variance[two]])
    assert both.flux[out] == pytest.approx(np.average([first.flux[one], second.flux[two]], weights=weight))
    assert both.variance[out] == pytest.approx(1 / weight.sum())
    assert both.exposure_s[out] == pytest.approx(first.exposure_s[one] + second.exposure_s[two])
    assert set(both.ipix) == set(first.ipix) | set(second.ipix)


def test_an_image_without_variance_is_refused(tmp_path):
    write_image(tmp_path / "a.fits", source=CRAB)
    with fits.open(tmp_path / "a.fits") as hdus:
        fits.HDUList([hdus[0], hdus[1], hdus[4]]).writeto(tmp_path / "b.fits")
    mosaic = read_image(tmp_path / "b.fits")[0]
    with pytest.raises(UsageError, match="planes intensity, exposure; stacking needs"):
        resample_image(mosaic, 10)


def real(name, low):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the real mosaics are not on this machine ({name}); set ARCHIPELAGO_SHARED")
    return next(mosaic for mosaic in read_image(path) if round(mosaic.energy_min_kev) == low)


GOLDEN = [
    ("isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz", 28, CRAB, 0.2, 69.76, 1280.8, 51.23e3),
    ("mosaics/isgri_query_mosaic.fits.gz", 20, CRAB, 0.2, 141.9, 268.3, 1022.7),
    ("mosaics/jmx1_osa_mosaic.fits.gz", 3, CRAB, 3.35 / 60, 0.1534, 283.0, None),
    ("mosaics/isgri_mosaic.fits.gz", 28, GRB, 0.2, 2.135, 12.04, None),
]


@pytest.mark.parametrize(("name", "low", "place", "fwhm", "flux", "significance", "exposure"), GOLDEN)
def test_real_mosaics_give_their_golden_values(name, low, place, fwhm, flux, significance, exposure):
    mosaic = real(name, low)
    # the golden values are those of the brightest image pixel near the source
    x, y = (float(v) for v in mosaic.pixel_of(*place))
    i, j = np.mgrid[-3:4, -3:4].reshape(2, -1) + np.rint([[y], [x]]).astype(int)
    brightest = int(np.nanargmin(np.abs(mosaic.plane("intensity").pixels[i, j] / flux - 1)))
    ra, dec = mosaic.wcs.all_pix2world(j[brightest], i[brightest], 0)
    found = sample_image(mosaic, float(ra), float(dec))
    assert found[0][0] == pytest.approx(flux, rel=1e-3)
    assert found[0][0] / np.sqrt(found[1][0]) == pytest.approx(significance, rel=1e-3)
    if exposure:
        assert found[2][0] == pytest.approx(exposure, rel=1e-3)
    # read through HEALPix at the source: at least the brightest pixel, which need not be the peak
    order = order_for(fwhm)
    pixels = resample_image(mosaic, order)
    offsets = np.mgrid[-1:1:41j, -1:1:41j].reshape(2, -1) * 0.5 * fwhm
    near = np.isin(pixels.ipix, pixels_nested(order, place[0] + offsets[0], place[1] + offsets[1]))
    assert 0.97 < (pixels.flux[near] / np.sqrt(pixels.variance[near])).max() / significance < 1.10


def test_the_real_crab_mosaic_has_the_systematic_factor_and_depth_that_are_known():
    mosaic = real("isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz", 28)
    pixels = resample_image(mosaic, 10)
    assert field_systematic_factor(pixels) == pytest.approx(1.26, abs=0.02)
    # three sigma, statistical, at the deepest point: about 2.3 mCrab with the Crab of the same mosaic as the unit
    deepest = 3.0 * np.sqrt(pixels.variance.min()) / pixels.flux.max() * 1e3
    assert deepest == pytest.approx(2.3, abs=0.15)
