"""Real mosaics of INTEGRAL become HiPS whose values at the sources are those of the mosaics."""

import os
from pathlib import Path

import numpy as np
import pytest

from archive.healpix import pixels_nested
from archive.skymaps import open_version
from hips.build import Wish, build_hips

pytestmark = pytest.mark.slow
SHARED = Path(os.environ.get("ARCHIPELAGO_SHARED") or Path(__file__).parents[4] / "shared") / "data" / "products"
TIME = (52600.0, 60000.0)
# All seven: one HiPS for each instrument and band, because fluxes of different bands are no flux when they are added.
# ISLA's smoothed image and the cleaned one show significance, which has no variance; they do not overlap.
GROUPS = {
    "isgri-20-40": (
        {"energy_kev": (20.0, 40.0)}, ["mosaics/isgri_mosa_ima_1.fits.gz", "mosaics/isgri_query_mosaic.fits.gz"],
    ),
    "isgri-28-40": ({}, ["isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz"]),
    "isgri-28-80": ({}, ["mosaics/isgri_mosaic.fits.gz"]),
    "jemx1-3-35": ({}, ["mosaics/jmx1_osa_mosaic.fits.gz"]),
    "isgri-significance": (
        {"energy_kev": (25.0, 40.0), "instrument": "isgri", "quantity": "significance", "unit": ""},
        [
            "mosaics/1E_1740_7_2942_isgri_mosaic_clean_significance25_40.fits.gz",
            "isla/ISGRI_0727_88601650001_28_40_mosaic_smooth.fits.gz",
        ],
    ),
}  # fmt: skip


def find_peaks(path):
    """Brightest significant places of the intensity: position, value, and where the image is well exposed."""
    from hips.image_files import read_image_file

    image = read_image_file(path, energy_kev=(20.0, 80.0)).image
    values = image.values.copy()
    if image.exposure is not None:
        values[~(image.exposure > 0.3 * np.nanmax(image.exposure))] = np.nan
    peaks = []
    for _ in range(5):
        y, x = np.unravel_index(np.nanargmax(values), values.shape)
        peaks.append(
            (*(float(part[0]) for part in image.to_sky(np.array([x * 1.0]), np.array([y * 1.0]))), values[y, x])
        )
        values[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9] = np.nan
    return image.scale_deg, peaks


@pytest.mark.parametrize("name", GROUPS)
def test_values_at_the_sources_are_those_of_the_mosaics(tmp_path, name):
    facts, names = GROUPS[name]
    files = [SHARED / part for part in names]
    if not files[0].exists():
        pytest.skip(f"the shared file {files[0].name} is absent")
    done = build_hips(files, tmp_path, Wish(name, span_mjd_tt=TIME, **facts), report=str)
    assert all(result.written for result in done.values())
    (version,) = [open_version(tmp_path / "maps", found.name) for found in (tmp_path / "maps").iterdir()]
    sky_map = version.maps[0]
    pixels = version.values(sky_map)
    for path in files:  # every mosaic that went in is there
        _, peaks = find_peaks(path)
        near = []
        for ra, dec, value in peaks:
            offsets = np.linspace(-0.06, 0.06, 13)
            across, up = np.meshgrid(offsets / np.cos(np.radians(dec)), offsets)
            around = pixels[pixels_nested(sky_map.order, ra + across.ravel(), dec + up.ravel())]
            near.append(np.nanmax(around) / value)
        print(f"{path.name}: highest HiPS pixel over highest image pixel {np.round(near, 3)}")
        assert 0.93 < np.median(near) < 1.12, (path.name, near)
