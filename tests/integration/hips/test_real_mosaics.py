"""Real mosaics of INTEGRAL become HiPS whose values at the sources are those of the mosaics."""

import csv
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from django.core.management import call_command
from scipy.ndimage import map_coordinates

from archive.healpix import pixel_centres, pixels_nested
from archive.skymaps import open_version
from hips.build import Wish, build_hips
from hips.tiles import tile_positions

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


# In one HiPS of significance the one named first is shown; the smoothed copy of the last one lies wholly behind it.
ALL = (
    "mosaics/jmx1_osa_mosaic.fits.gz", "mosaics/isgri_query_mosaic.fits.gz",
    "mosaics/1E_1740_7_2942_isgri_mosaic_clean_significance25_40.fits.gz", "mosaics/isgri_mosa_ima_1.fits.gz",
    "mosaics/isgri_mosaic.fits.gz", "isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz",
)  # fmt: skip


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


def open_significance(path):
    """The plane of significance and its world coordinates, by astropy alone."""
    with fits.open(path) as file, warnings.catch_warnings(action="ignore", category=FITSFixedWarning):
        images = [hdu for hdu in file if hdu.is_image and hdu.header.get("NAXIS") == 2]
        hdu = next((one for one in images if one.header.get("IMATYPE") == "SIGNIFICANCE"), images[0])
        seen = np.ones(hdu.data.shape, dtype=bool)
        for other in images:  # ISGRI writes zeros where nothing was observed
            if other.header.get("IMATYPE") in {"VARIANCE", "EXPOSURE"}:
                seen &= other.data > 0
        return np.where(seen, hdu.data, np.nan).astype(float), WCS(hdu.header)


def test_all_of_them_become_one_hips(tmp_path):
    """`pytest -s` prints the table of docs/performance.md: sources of the reference catalogue above 5 sigma."""
    files = [SHARED / name for name in ALL]
    if not files[0].exists():
        pytest.skip(f"the shared file {files[0].name} is absent")
    facts = {"instrument": "INTEGRAL", "energy": [3.0, 80.0], "time": [52713.0, 59864.0], "unit": ""}
    call_command(
        "hips", "build", str(tmp_path), *map(str, files), name="real-mosaics", quantity="significance",
        keep_first=True, order=11, **facts,
    )  # fmt: skip
    assert (tmp_path / "real-mosaics-significance" / "properties").is_file()
    with (SHARED.parent / "catalogues" / "derived" / "isdc_grc43_union.csv").open(encoding="utf-8") as file:
        sources = [(row["name"], float(row["ra_fk5_deg"]), float(row["dec_fk5_deg"])) for row in csv.DictReader(file)]
    ra, dec = (np.array([source[number] for source in sources]) for number in (1, 2))
    served = read_tiles(tmp_path / "real-mosaics-significance", pixels_nested(11, ra, dec))
    found, taken = {}, np.zeros(len(sources), dtype=bool)
    for path in files:
        values, wcs = open_significance(path)
        # Where HiPS pixels have their centres, not the sources: a pixel is up to 1.2 arcmin away.
        x, y = wcs.all_world2pix(*pixel_centres(11, pixels_nested(11, ra, dec)), 0)
        centre = SkyCoord(*wcs.all_pix2world(values.shape[1] / 2, values.shape[0] / 2, 0), unit="deg")
        near = centre.separation(SkyCoord(ra, dec, unit="deg")).deg < 30  # a plane has two sides
        near &= (x > 4) & (y > 4) & (x < values.shape[1] - 5) & (y < values.shape[0] - 5)
        for number in np.flatnonzero(near & ~taken):
            column, row = int(x[number] + 0.5), int(y[number] + 0.5)
            around = values[row - 4 : row + 5, column - 4 : column + 5]
            if not np.isfinite(values[row, column]):
                continue
            taken[number] = True  # this image is shown there
            if np.isfinite(around).all() and values[row, column] > 5:
                value = map_coordinates(np.nan_to_num(values), [[y[number]], [x[number]]], order=3)[0]
                found.setdefault(path.name, []).append((sources[number][0], value, float(served[number])))
    # The only bright source of the second is the Crab, where the JEM-X image is shown; see the test above for it.
    assert set(found) == {path.name for path in files} - {files[1].name}
    for name, rows in found.items():
        for source, mosaic, hips in rows:
            print(f"| {name.removesuffix('.fits.gz')} | {source} | {mosaic:.2f} | {hips:.2f} | {hips / mosaic:.4f} |")
            assert hips == pytest.approx(mosaic, rel=0.01), (name, source)


def read_tiles(directory, pixels):
    """Values of nested pixels, from the FITS tiles of order 3 on the disk."""
    result = np.full(pixels.shape, np.nan)
    positions = tile_positions(256).ravel()
    for ipix in np.unique(pixels >> 16):
        path = directory / "Norder3" / "Dir0" / f"Npix{ipix}.fits"
        if path.is_file():
            tile = np.empty(1 << 16)
            tile[positions] = fits.getdata(path)[::-1].ravel()
            here = pixels >> 16 == ipix
            result[here] = tile[pixels[here] & 0xFFFF]
    return result
