"""The page of the state and VOSI availability tell of the same probes."""

from datetime import UTC, datetime, timedelta

import pytest

from archive import probes
from archive.models import Job, ProductFile
from archive.storage import file_path


def found(name):
    return next(part for part in probes.probe_parts() if part.name == name)


def test_page_and_availability_name_every_part_that_fails(archive, client, settings, tmp_path):
    settings.LIMITS_ROOT = tmp_path / "limits"
    page, document = client.get("/status").content.decode(), client.get("/tap/availability").content.decode()
    for part in probes.probe_parts():
        assert part.name in page
        assert (f"<vosi:note>{part.name}:" in document) == (not part.good), part
    assert "<vosi:available>true<" in document
    # The small archive has maps, but nobody built the store of upper limits.
    assert not found("Upper limits").good
    assert "upper-limits build" in page


def test_lost_file_is_found(archive):
    newest = ProductFile.objects.order_by("-id").first()
    assert found("Product files").good
    file_path(newest.sha256).unlink()
    assert (found("Product files").good, newest.file_name in found("Product files").found) == (False, True)


def test_waiting_jobs_without_a_worker_are_found(db):
    assert found("Jobs").found == "0 waiting, 0 running"
    job = Job.objects.create(kind="tap", phase=Job.Phase.QUEUED)
    assert found("Jobs").good
    Job.objects.filter(pk=job.pk).update(created_at=datetime.now(UTC) - timedelta(hours=1))
    assert "no worker takes them" in found("Jobs").found
    assert not found("Jobs").good


def test_full_disk_and_unforeseen_errors_are_found(db, monkeypatch, settings):
    monkeypatch.setattr(probes, "LEAST_FREE_BYTES", 1e18)
    assert "may be refused" in found("Disk").found
    monkeypatch.setitem(probes.PROBES, "Disk", "builtins.breakpoint_")
    assert not found("Disk").good
    assert "internal error (ref " in found("Disk").found


def test_an_empty_archive_says_what_it_lacks(db, client):
    assert not found("Release").good
    assert "none published yet" in client.get("/tap/availability").content.decode()


@pytest.mark.django_db(transaction=True)
def test_lost_query_engine_is_unavailable(client, monkeypatch):
    monkeypatch.setitem(probes.PROBES, probes.QUERIES, "tests.integration.website.test_status.broken")
    document = client.get("/tap/availability").content.decode()
    assert "<vosi:available>false<" in document
    assert "Queries (TAP): the database does not answer" in document


def broken():
    from django.db import OperationalError

    raise OperationalError("gone")
