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
FACTS = {"instrument": "isgri", "energy_kev": (20.0, 80.0), "span_mjd_tt": (52600.0, 60000.0), "unit": "ct/s"}
MOSAICS = {
    "isla": ["isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz"],
    "isgri": ["mosaics/isgri_mosaic.fits.gz", "mosaics/isgri_query_mosaic.fits.gz", "mosaics/isgri_mosa_ima_1.fits.gz"],
    "jemx": ["mosaics/jmx1_osa_mosaic.fits.gz"],
    "clean": ["mosaics/1E_1740_7_2942_isgri_mosaic_clean_significance25_40.fits.gz"],
}


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


@pytest.mark.parametrize("name", MOSAICS)
def test_values_at_the_sources_are_those_of_the_mosaic(tmp_path, name):
    files = [SHARED / part for part in MOSAICS[name]]
    if not files[0].exists():
        pytest.skip(f"the shared file {files[0].name} is absent")
    for path in files:
        wish = Wish(path.name.split(".")[0].lower()[:30], **FACTS)
        out = tmp_path / wish.name
        done = build_hips([path], out, wish, report=str)
        assert all(result.written for result in done.values())
        (version,) = [open_version(out / "maps", found.name) for found in (out / "maps").iterdir()]
        sky_map = version.maps[0]
        pixels = version.values(sky_map)
        _, peaks = find_peaks(path)
        near = []
        for ra, dec, value in peaks:
            offsets = np.linspace(-0.06, 0.06, 13)
            across, up = np.meshgrid(offsets / np.cos(np.radians(dec)), offsets)
            around = pixels[pixels_nested(sky_map.order, ra + across.ravel(), dec + up.ravel())]
            near.append(np.nanmax(around) / value)
        assert 0.93 < np.median(near) < 1.12, (path.name, near)
