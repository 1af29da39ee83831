"""The spectrum of SMC X-1 as ISLA made it, found by SSA and DataLink, folds with its responses in gammapy.

The files are astroquery's test data (BSD-3).
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvo
from astropy.io import fits
from astropy.table import Table
from django.core.management import call_command

from tests.support.closing_session import closing_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FOLD = Path(__file__).parents[1] / "support" / "fold_spectrum.py"


@pytest.mark.timeout(120)
def test_smc_x_1_folds_with_its_own_responses(live_server, settings, tmp_path, monkeypatch):
    from archive.services import drop_published_tables, publish_tables, sync_reference_rows

    settings.PUBLIC_URL = live_server.url
    drop_published_tables()
    publish_tables()
    sync_reference_rows()  # the test before this one may have emptied every table
    call_command("demo_products", str(tmp_path / "products"))
    call_command("ingest", str(tmp_path / "products"))
    session = closing_session(monkeypatch)
    (found,) = pyvo.dal.SSAService(f"{live_server.url}/ssa").search(format="native")
    address = f"{live_server.url}/datalink/links"
    content = session.get(address, params={"ID": found["publisher_did"]}, timeout=30).content
    links = Table.read(io.BytesIO(content), format="votable")
    addresses = {row["local_semantics"]: row["access_url"] for row in links if row["semantics"] == "#calibration"}
    assert set(addresses) == {"#arf", "#rmf"}
    for name, url in addresses.items():
        (tmp_path / f"{name[1:]}.fits").write_bytes(session.get(url, timeout=30).content)
    spectrum = io.BytesIO(session.get(found.getdataurl(), timeout=30).content)
    with fits.open(spectrum) as hdus, fits.open(tmp_path / "rmf.fits") as rmf:
        header, rate = hdus["ISGR-EVTS-SPE"].header, hdus["ISGR-EVTS-SPE"].data["RATE"]
        bounds = rmf["EBOUNDS"].data
        band = (bounds["E_MIN"] > 25) & (bounds["E_MAX"] < 60)
    assert header["RESPFILE"].removeprefix("./") == addresses["#rmf"].rpartition("/")[2]
    assert header["ANCRFILE"].removeprefix("./") == addresses["#arf"].rpartition("/")[2]
    command = [sys.executable, "-W", "ignore", str(FOLD), str(tmp_path / "arf.fits"), str(tmp_path / "rmf.fits")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr
    folded = np.array(json.loads(run.stdout))
    assert folded.shape == rate.shape == (256,)
    assert (folded >= 0).all()
    # A power law of 0.01 photons at 1 keV times this is that of a source of some tens of mCrab, as SMC X-1 is.
    assert 5 < rate[band].sum() / folded[band].sum() < 100
