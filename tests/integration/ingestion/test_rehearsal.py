"""Real files as team deliveries: the verdict on each is as documented, and all of them go through every gate."""

import os
from pathlib import Path

import pytest

from archive.errors import UsageError
from ingestion.rehearsal import describe_verdicts, judge, prepare_deliveries
from ingestion.rehearsal_run import count_served, rehearse
from tests.support.fits_files import series_hdu, write

SHARED = Path(os.environ.get("ARCHIPELAGO_SHARED") or Path(__file__).parents[4] / "shared") / "data"
needs_real_files = pytest.mark.skipif(not SHARED.is_dir(), reason="the collection of real files is not here")


@pytest.fixture
def stores(tmp_path, settings):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    settings.PUBLIC_URL = "http://127.0.0.1:9"


@needs_real_files
def test_the_verdict_on_every_claimed_file_is_the_documented_one(tmp_path, checkout):
    deliveries, left = prepare_deliveries(SHARED, tmp_path / "work")
    assert left == []
    page = (checkout / "docs" / "reference" / "delivery-verdicts.md").read_text("utf-8")
    assert page.endswith(describe_verdicts(judge(deliveries)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stores")
def test_a_rehearsal_publishes_rolls_back_and_publishes_again(tmp_path):
    data = tmp_path / "data"
    for folder in ("products/isla", "products/lightcurves"):
        (data / folder).mkdir(parents=True)
    write(data / "products/isla/A.fits", series_hdu(), checksum=False)
    write(data / "products/lightcurves/b.fits", series_hdu(NAME="B"))
    lines = rehearse(data, tmp_path / "work", print)
    assert "isla-products: 1 files, published and read back" in lines[0]
    assert any(line.startswith("rolled back from") and line.endswith("1 Product, 1 ProductFile") for line in lines)
    assert any("the same as" in line for line in lines)
    assert any(line.startswith("rows equal before and after: Product, SHA-256 ") for line in lines)
    assert count_served()["Product"] == 2
    with pytest.raises(UsageError, match="holds no release yet"):
        rehearse(data, tmp_path / "other", print)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stores")
def test_a_file_that_no_delivery_takes_stops_the_rehearsal(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "a.fits", series_hdu())
    with pytest.raises(UsageError, match=r"names no delivery for a\.fits"):
        rehearse(tmp_path / "data", tmp_path / "work", print)
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "work" / "x").touch()
    with pytest.raises(UsageError, match="not empty"):
        prepare_deliveries(tmp_path / "data", tmp_path / "work")
