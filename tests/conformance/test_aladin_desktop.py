"""Aladin Desktop's command line loads an image HiPS and a catalogue HiPS: sources are bright and marked where they are.

Needs Debian's packages aladin and xvfb (``apt-get install --no-install-recommends aladin xvfb``): Aladin asks for a
screen even where it shows nothing. It skips without them, and runs only when asked for, since Aladin draws by timers of
its own: ``pytest tests/conformance/test_aladin_desktop.py -m benchmark``.
"""

import shutil
import subprocess
from itertools import combinations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from PIL import Image
from scipy.ndimage import binary_closing, center_of_mass, label

from archive.healpix import ipix_nested, pixel_centres
from tests.support.hipsgen import JAR, needs_hipsgen

pytestmark = [
    pytest.mark.benchmark,
    needs_hipsgen,
    pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="Debian's package xvfb is absent"),
]
ORDER = 9
PLACES = {"Crab": (83.63322, 22.01446), "Star A": (81.5, 23.5), "Star B": (86.0, 20.0)}
SCRIPT = (
    "load {image}; sync; 83.63 22.01; zoom 10deg; sync; save -png 600x600 {bare};"
    " load {catalogue}; sync; pause 1; save -png 600x600 {marked}; quit"
)


@pytest.fixture
def exports(transactional_db, settings, tmp_path):
    """Directories of an image HiPS, dark but for three pixels, and of a catalogue HiPS of the same three places."""
    from archive.models import OmcCatalogueEntry
    from archive.skymaps import SkyMap, write_version
    from hips import catalogues, services
    from hips.export import export_source, export_survey, source_of_catalogue
    from tests.support.archive_rows import deliver

    catalogues._open.cache_clear()
    values = np.zeros(12 * 4**ORDER, np.float32)
    pixels = [ipix_nested(ORDER, *place) for place in PLACES.values()]
    values[pixels] = 100
    sky_map = SkyMap(
        map_id="isgri_20_40_significance", instrument="isgri", band="20_40", energy_min_kev=20.0, energy_max_kev=40.0,
        quantity="significance", order=ORDER, unit="", tstart_mjd_tt=52600.0, tstop_mjd_tt=60000.0, simulated=True,
        title="Three points",
    )  # fmt: skip
    settings.MAPS_ROOT = tmp_path / "maps"
    version = write_version(settings.MAPS_ROOT, "desktop", [(sky_map, values)])
    export_survey(services.open_survey(version, "isgri_20_40_significance"), tmp_path / "image")
    ra, dec = pixel_centres(ORDER, np.array(pixels))
    deliver("points", OmcCatalogueEntry, [
        {"catalogue_version": "1", "name": name, "omc_id": f"IOMC {name}"[:15], "ra": float(ra[at]),
         "dec": float(dec[at]), "v_mag": 5.0}
        for at, name in enumerate(PLACES)
    ])  # fmt: skip
    export_source(source_of_catalogue(catalogues.open_catalogue("omc_catalogue")), tmp_path / "catalogue")
    return {"image": tmp_path / "image", "catalogue": tmp_path / "catalogue"}, np.column_stack([ra, dec])


def test_aladin_desktop_shows_image_and_catalogue(exports, tmp_path):
    directories, places = exports
    pictures = {"bare": tmp_path / "bare.png", "marked": tmp_path / "marked.png"}
    home = tmp_path / "home"  # Aladin's settings and cache: none from before, none left behind
    home.mkdir()
    command = [
        "xvfb-run", "-a", "java", f"-Duser.home={home}", "-jar", str(JAR), "-local", "-nogui",
        f"script={SCRIPT.format(**directories, **pictures)}",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
    said = run.stdout + run.stderr
    assert "Exception" not in said, said
    bare, marked = (np.asarray(Image.open(picture).convert("RGB")).astype(int) for picture in pictures.values())
    spots = find_spots(bare.min(axis=-1)[40:-40, 40:-40] > 200) + 40
    assert len(spots) == len(PLACES), said
    # the same triangle as on the sky, which at 10 degrees is flat enough
    shape = np.sort([np.hypot(*(one - two)) for one, two in combinations(spots, 2)])
    sky = SkyCoord(*places.T, unit="deg")
    angles = np.sort([sky[one].separation(sky[two]).deg for one, two in combinations(range(len(places)), 2)])
    np.testing.assert_allclose(shape / shape[0], angles / angles[0], rtol=0.03)
    # a mark of the catalogue around each, and no other
    marks = find_spots(binary_closing(np.abs(marked - bare).sum(axis=-1) > 100, iterations=6)[40:-40, 40:-40]) + 40
    assert len(marks) == len(PLACES), said
    assert all(min(np.hypot(*(mark - spot)) for spot in spots) < 4 for mark in marks), (marks, spots)


def find_spots(wanted):
    """Middles (row, column) of the groups of marked pixels."""
    labels, count = label(wanted)
    return np.array(center_of_mass(wanted, labels, range(1, count + 1))).reshape(-1, 2)
