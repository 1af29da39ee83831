"""A cone on the real observation log through pyvo, against astropy on the file itself."""

import numpy as np
import pytest
import pyvo
from astropy import units
from astropy.coordinates import SkyCoord

pytestmark = pytest.mark.django_db(transaction=True)

CRAB = SkyCoord(83.6331, 22.0145, unit="deg")


# pyvo leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.shared
def test_pyvo_finds_in_a_cone_what_the_file_holds(live_server, settings, tmp_path, shared_data):
    from ingestion.services import run_ingestion

    settings.FILES_ROOT = tmp_path / "files"
    path = shared_data / "observations" / "observations.dat"
    run_ingestion(path)
    rows = [line.split() for line in path.read_text().splitlines()]
    positions = SkyCoord([row[1] for row in rows], [row[2] for row in rows], unit="deg")
    inside = positions.separation(CRAB) <= 12 * units.deg
    expected = {row[0]: float(row[4]) for row, within in zip(rows, inside, strict=True) if within}

    found = pyvo.dal.TAPService(f"{live_server.url}/tap").search(
        "SELECT obs_id, ra, dec, exposure_s FROM integral.observations "
        f"WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({CRAB.ra.deg}, {CRAB.dec.deg}, 12))"
    )
    assert len(expected) == 92
    assert dict(zip(found["obs_id"], found["exposure_s"], strict=True)) == pytest.approx(expected)
    assert np.all(SkyCoord(found["ra"], found["dec"], unit="deg").separation(CRAB) <= 12 * units.deg)
