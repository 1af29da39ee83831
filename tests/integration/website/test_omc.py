"""OMC targets: catalogue row, light curve, folding."""

from datetime import UTC, datetime

import numpy as np
import pytest

from archive import models, services
from archive.storage import store_file
from tests.support import fits_files

PERIOD = 2.5
PLACE = {"ra": 84.0, "dec": 22.0}


@pytest.fixture
def omc(archive, tmp_path):
    """Publish three simulated targets: a sine of `PERIOD` days, one without a file, one without a period."""
    time = 1100.0 + np.linspace(0.0, 40.0, 200)
    hdu = fits_files.table(
        "OMC-SRC-LCR",
        {
            "TIME": ("D", "d", time),
            "MAG": ("E", "mag", 9.0 + 0.3 * np.sin(2 * np.pi * time / PERIOD)),
            "ERRMAG": ("E", "mag", np.full(200, 0.01)),
        },
        **fits_files.IJD_KEYWORDS,
        TELESCOP="INTEGRAL",
        INSTRUME="OMC",
        OMC_ID="IOMC 9900000001",
        NAME="<b>Star",
        RA_OBJ=84.0,
        DEC_OBJ=22.0,
        HDUCLASS="OGIP",
        HDUCLAS1="LIGHTCURVE",
        TSTART=1100.0,
        TSTOP=1140.0,
    )
    stored = store_file(fits_files.write(tmp_path / "omc.fits", hdu))
    entries = [
        {"catalogue_version": "1", "omc_id": f"IOMC 990000000{n}", "name": f"<b>Star {n}", "period_d": period, **PLACE}
        for n, period in ((1, PERIOD), (2, 0.5), (3, None))
    ]
    products = [
        {
            "product_id": f"iomc_990000000{n}",
            "kind": "light_curve",
            "title": f"Light curve {n}",
            "instrument": "omc",
            "metadata": {"omc_id": f"IOMC 990000000{n}"},
            **PLACE,
        }
        for n in (1, 2)
    ]
    file = {
        "product_id": "iomc_9900000001", "role": "science", "file_name": "omc.fits", "media_type": "application/fits",
        "sha256": stored.sha256, "size_bytes": stored.size_bytes,
    }  # fmt: skip
    delivery = models.Delivery(
        delivery_id="omc",
        title="OMC",
        team="t",
        simulated=True,
        digest_sha256="3" * 64,
        received_at=datetime.now(UTC),
    )
    with services.open_publication(delivery=delivery, description="OMC") as publication:
        publication.merge(models.OmcCatalogueEntry, entries)
        publication.merge(models.Product, products)
        publication.merge(models.ProductFile, [file])


def test_a_target_is_folded_with_the_period_of_the_catalogue(omc, text):
    page = text("/omc/9900000001")
    assert "from the OMC catalogue" in page
    assert "200 points with 1σ errors" in page
    assert 'href="/votable/iomc_9900000001"' in page
    assert "<b>Star" not in page
    assert "simulated" in page
    # The sine has its mean at phase 0 of an epoch in IJD that is a whole number of periods.
    row = text(f"/omc/9900000001?epoch=52644&bins=10&period={PERIOD}").split("The mean profile as a table")[1]
    assert "as given" in text(f"/omc/9900000001?period={PERIOD}")
    cells = [part.split("</td>")[0] for part in row.split('<td class="num">')[1:41]]
    phase, value = np.array(cells[::4], dtype=float), np.array(cells[1::4], dtype=float)
    assert np.allclose(value, 9.0 + 0.3 * np.sin(2 * np.pi * phase), atol=0.03)
    assert f"period, epoch = {PERIOD}, " in page


def test_what_is_missing_is_said(omc, text):
    assert "no science file" in text("/omc/9900000002")
    assert "none known" in text("/omc/9900000003")
    assert "no light curve of it" in text("/omc/9900000003")
    assert "neither a catalogue row nor a light curve" in text("/omc/9900000009", 404)
    assert "no OMC identifier" in text("/omc/Crab", 404)
    assert "period is" in text("/omc/9900000001?period=0", 400)
    assert "bins is" in text("/omc/9900000001?bins=1000", 400)


def test_other_spellings_lead_to_the_page(omc, client):
    for spelt in ("IOMC 9900000001", "iomc_9900000001"):
        assert client.get(f"/omc/{spelt}")["Location"] == "/omc/9900000001"
    assert client.get("/omc/", {"name": "IOMC 9900000001"})["Location"] == "/omc/9900000001"


def test_the_list_filters_and_sorts(omc, text):
    assert "3 targets" in text("/omc/")
    assert "2 targets" in text("/omc/?period=known")
    assert "No target fits" in text("/omc/?name=nothing")
    assert "sort is" in text("/omc/?sort=v", 400)
    assert 'href="/omc/IOMC%209900000001"' in text("/tables/integral.omc_catalogue")
