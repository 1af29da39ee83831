"""What goes on after a publication: reading back over HTTP, the daily sweep, products whose source comes later."""

import pytest

from archive.jobs import run_next_job
from archive.models import Job, Product, StoredFile
from archive.selectors import current_rows
from archive.storage import file_path
from archive.tasks import sweep_fixity_task
from ingestion import gates
from ingestion.services import run_ingestion
from tests.support.deliveries import deliver
from tests.support.fits_files import series_hdu, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def stores(tmp_path, settings):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"


def test_files_are_fetched_from_a_live_server(tmp_path, settings, live_server):
    settings.PUBLIC_URL = live_server.url
    submission = gates.check(gates.receive(deliver(tmp_path / "d"), actor="team").pk)
    gates.sign("test-1", role="team", signer="team")
    gates.sign("test-1", role="archive", signer="archivist")
    submission = gates.read_back(gates.publish(submission.pk).pk)
    assert submission.state == gates.State.VERIFIED
    assert (submission.verification["files_fetched"], submission.verification["errors"]) == (1, [])


def test_the_daily_sweep_is_a_job_that_alerts(tmp_path, caplog):
    run_ingestion(write(tmp_path / "a.fits", series_hdu()))
    stored = StoredFile.objects.get()
    StoredFile.objects.update(verified_at=None)
    path = file_path(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"x")
    sweep_fixity_task()
    assert run_next_job()
    job = Job.objects.get(kind="fixity")
    assert job.phase == Job.Phase.COMPLETED
    assert "1 damaged or missing" in caplog.text
    stored.refresh_from_db()
    assert stored.damaged_at is not None


def test_a_product_is_linked_when_its_source_comes_later(tmp_path):
    run_ingestion(write(tmp_path / "a.fits", series_hdu(NAME="Crab")))
    before = current_rows(Product).get()
    assert before.source_id == ""
    (tmp_path / "ra_dec_name_gnrl_refr_cat_0040.txt").write_text(
        "  8.3633000E+01   2.2014000E+01 Crab\n  1.0000000E+01   1.0000000E+01 Other\n"
    )
    report = run_ingestion(tmp_path / "ra_dec_name_gnrl_refr_cat_0040.txt")
    assert report.state == "published", report.findings
    after = current_rows(Product).get()
    assert after.source_id.startswith("J0534")
    assert (after.product_id, after.delivery_id) == (before.product_id, before.delivery_id)
    assert Product.objects.get(pk=before.pk).source_id == ""
