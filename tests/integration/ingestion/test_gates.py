"""A delivery through all gates, and everything that must stop it."""

import os
import shutil

import pytest
from django.core.management import call_command

from archive.errors import BusyError, NotFoundError, StorageError, UsageError
from ingestion.prepare import pack_delivery
from tests.support.archive_rows import deliver as put_rows
from tests.support.deliveries import deliver, seal
from tests.support.fits_files import series_hdu, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stores")]


def hand_in(path):
    from ingestion import gates

    return gates.check(gates.receive(path, actor="team").pk)


def sign_both(delivery_id="test-1"):
    from ingestion import gates

    gates.sign(delivery_id, role="team", signer="team")
    return gates.sign(delivery_id, role="archive", signer="archivist")


def publish(path):
    from ingestion import gates

    submission = hand_in(path)
    sign_both(submission.delivery_id)
    return gates.read_back(gates.publish(submission.pk).pk)


def current():
    from archive.selectors import current_release

    release = current_release()
    return release.name if release else ""


def test_a_bag_goes_through_all_gates(tmp_path, settings):
    from archive.audit import verify_log
    from archive.models import AuditEntry, Product
    from ingestion import gates

    bag = pack_delivery(deliver(tmp_path / "plain"), tmp_path / "bag")
    submission = gates.receive(bag, actor="team")
    assert submission.state == "RECEIVED"
    assert not any(settings.FILES_ROOT.rglob("*"))
    submission = gates.check(submission.pk)
    assert submission.state == "VALID", submission.report
    assert submission.preview["tables"]["product"] == {"new": 1, "gone": 0, "changed": 0}
    assert not Product.objects.exists(), "a preview leaves nothing behind"
    assert not any(settings.FILES_ROOT.rglob("*"))
    with pytest.raises(UsageError, match="lacks the signature of team and archive"):
        gates.publish(submission.pk)
    gates.sign("test-1", role="team", signer="team")
    with pytest.raises(UsageError, match="must be two"):
        gates.sign("test-1", role="archive", signer="Team ")
    with pytest.raises(UsageError, match="lacks the signature of archive"):
        gates.publish(submission.pk)
    gates.sign("test-1", role="archive", signer="archivist")
    submission = gates.publish(submission.pk)
    assert (submission.state, submission.release.name) == ("PUBLISHED", current())
    submission = gates.read_back(submission.pk)
    assert submission.state == "VERIFIED"
    assert submission.verification["files_hashed"] == submission.verification["rows_queried"] == 1
    assert "no server answers" in submission.verification["note"]
    actions = list(AuditEntry.objects.values_list("action", "actor"))
    assert [action.removeprefix("delivery ") for action, _ in actions] == [
        "received",
        "checked",
        "signed",
        "signed",
        "published",
        "read back",
    ]
    assert verify_log()[0] == 6


def test_each_gate_may_be_passed_twice(tmp_path):
    from archive.models import AuditEntry, Release, SignOff
    from ingestion import gates

    folder = deliver(tmp_path / "plain")
    first = publish(folder)
    again = gates.receive(folder, actor="team")
    assert again.pk == first.pk
    for gate in (gates.check, gates.publish, gates.read_back):
        assert gate(first.pk).state == "VERIFIED"
    assert (Release.objects.count(), SignOff.objects.count(), AuditEntry.objects.count()) == (1, 2, 6)
    with pytest.raises(UsageError, match="nothing to sign"):
        gates.sign("test-1", role="team", signer="team")


def test_a_refused_package_may_be_corrected(tmp_path):
    folder = deliver(tmp_path / "plain")
    stray = folder / "stray.txt"
    stray.write_text("x")
    seal(folder)
    refused = hand_in(folder)
    assert (refused.state, refused.preview) == ("INVALID", None)
    assert refused.report["codes"][0]["rule"] == "FILE-UNDECLARED"
    stray.unlink()
    seal(folder)
    corrected = hand_in(folder)
    assert (corrected.state, corrected.attempt) == ("VALID", 2)


def test_a_published_id_with_other_content_is_refused(tmp_path):
    folder = deliver(tmp_path / "plain")
    publish(folder)
    (folder / "a.fits").unlink()
    deliver(folder, rows=9)
    with pytest.raises(UsageError, match="needs a new delivery_id"):
        hand_in(folder)


def test_a_forged_predecessor_is_a_finding(tmp_path):
    folder = deliver(tmp_path / "plain", release_type="supersede", supersedes="somebody-elses-1")
    submission = hand_in(folder)
    assert submission.state == "INVALID"
    assert "ARCHIVE-REFUSED" in {code["rule"] for code in submission.report["codes"]}


def test_a_package_swapped_in_quarantine_is_not_published(tmp_path):
    from ingestion import gates

    submission = hand_in(deliver(tmp_path / "plain"))
    sign_both()
    held = gates.package_path(submission)
    assert not os.access(held / "a.fits", os.W_OK) or os.geteuid() == 0
    (held / "a.fits").unlink()
    write(held / "a.fits", series_hdu(rows=8))
    seal_over(held)
    with pytest.raises(StorageError, match="changed after it was checked and signed"):
        gates.publish(submission.pk)
    assert current() == ""
    (held / "a.fits").unlink()
    (held / "a.fits").symlink_to(tmp_path / "plain" / "a.fits")
    with pytest.raises(StorageError, match="changed after"):
        gates.publish(submission.pk)


def seal_over(held):
    (held / "manifest-sha256.txt").chmod(0o644)
    seal(held)


def test_a_package_changed_before_validation_is_seen(tmp_path):
    from ingestion import gates

    submission = gates.receive(deliver(tmp_path / "plain"), actor="team")
    held = gates.package_path(submission)
    (held / "a.fits").unlink()
    write(held / "a.fits", series_hdu(rows=8))
    seal_over(held)
    with pytest.raises(StorageError, match="changed in quarantine"):
        gates.check(submission.pk)


def test_links_are_not_received(tmp_path, settings):
    folder = deliver(tmp_path / "plain")
    (folder / "passwd.fits").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="is a link"):
        hand_in(folder)
    (folder / "passwd.fits").unlink()
    (folder / "more").symlink_to("/etc")
    with pytest.raises(UsageError, match="is a link"):
        hand_in(folder)
    assert not any(settings.QUARANTINE_ROOT.iterdir())


def test_receiving_is_resumed_where_it_stopped(tmp_path, monkeypatch):
    from archive.models import Submission
    from ingestion import gates, quarantine

    folder = deliver(tmp_path / "plain")
    real, copied = shutil.copyfileobj, []

    def fail_at_second(source, target, length=0):
        copied.append(target.name)
        if len(copied) == 2:
            target.write(b"half")
            raise KeyboardInterrupt
        return real(source, target, length)

    monkeypatch.setattr(quarantine.shutil, "copyfileobj", fail_at_second)
    with pytest.raises(KeyboardInterrupt):
        gates.receive(folder, actor="team")
    assert Submission.objects.get().state == "RECEIVING"
    submission = gates.receive(folder, actor="team")
    assert (submission.state, submission.attempt) == ("RECEIVED", 1)
    assert len(copied) == 4, "three files, of which only the second was copied again"
    held = gates.package_path(submission)
    assert {path.name: path.read_bytes() for path in held.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_superseding_replaces_and_withdrawing_leaves_a_tombstone(tmp_path):
    from archive.models import Product, Withdrawal
    from archive.selectors import current_rows

    first = publish(deliver(tmp_path / "one"))
    (product,) = current_rows(Product)
    publish(
        deliver(tmp_path / "two", rows=9, delivery_id="test-2", release_type="supersede", supersedes="test-1"),
    )
    (replaced,) = current_rows(Product)
    assert replaced.delivery_id == "test-2"
    gone = publish(withdrawal(tmp_path / "three"))
    assert gone.state == "VERIFIED"
    assert not current_rows(Product).exists()
    tombstone = Withdrawal.objects.get()
    assert (tombstone.delivery_id, tombstone.reason) == ("test-2", "Wrong gain.")
    assert first.release.number < gone.release.number
    assert product.product_id == replaced.product_id


def withdrawal(folder):
    deliver(
        folder,
        delivery_id="test-3",
        release_type="withdraw",
        supersedes="test-2",
        reason="Wrong gain.",
        files=[],
    )
    (folder / "a.fits").unlink()
    seal(folder)
    return folder


def test_a_second_publication_at_the_same_time_waits_its_turn(tmp_path, monkeypatch):
    from ingestion import gates

    submission = hand_in(deliver(tmp_path / "plain"))
    sign_both()

    def busy(*args, **options):
        raise BusyError("another publication is running; try again when it has ended")

    monkeypatch.setattr(gates, "load_plan", busy)
    with pytest.raises(BusyError):
        gates.publish(submission.pk)
    monkeypatch.undo()
    assert gates.publish(submission.pk).state == "PUBLISHED"


def test_damage_is_found_when_read_back(tmp_path):
    from archive.models import ProductFile
    from archive.storage import file_path
    from ingestion import gates

    submission = hand_in(deliver(tmp_path / "plain"))
    sign_both()
    gates.publish(submission.pk)
    stored = file_path(ProductFile.objects.get().sha256)
    stored.chmod(0o644)
    stored.write_bytes(b"x")
    submission = gates.read_back(submission.pk)
    assert submission.state == "DAMAGED"
    assert "has the digest" in submission.verification["errors"][0]
    shutil.copyfile(tmp_path / "plain" / "a.fits", stored)
    assert gates.read_back(submission.pk).state == "VERIFIED"


def test_the_commands_lead_through(tmp_path, capsys):
    folder = str(deliver(tmp_path / "plain"))
    call_command("delivery", "submit", folder, "--by", "team")
    assert "delivery sign test-1 --role team" in capsys.readouterr().out
    call_command("delivery", "sign", "test-1", "--role", "team", "--by", "team")
    call_command("delivery", "sign", "test-1", "--role", "archive", "--by", "archivist")
    assert "published and read back" in capsys.readouterr().out
    call_command("delivery", "status")
    assert "test-1 (1)  published and read back" in capsys.readouterr().out
    call_command("delivery", "resume", "test-1")
    with pytest.raises(NotFoundError, match="no delivery 'unknown'"):
        call_command("delivery", "status", "unknown")
    (tmp_path / "plain" / "stray.txt").write_text("x")


def test_the_gates_run_as_jobs(tmp_path, capsys):
    from archive.jobs import run_next_job
    from archive.models import Job, Submission

    call_command("delivery", "submit", str(deliver(tmp_path / "plain")), "--by", "team", "--queue")
    assert run_next_job()
    sign_both()
    call_command("delivery", "resume", "test-1", "--queue")
    assert run_next_job()
    assert run_next_job()
    assert not run_next_job()
    assert {job.phase for job in Job.objects.all()} == {"COMPLETED"}
    assert Submission.objects.get().state == "VERIFIED"


def test_what_takes_rows_away_needs_signatures(tmp_path):
    from ingestion.services import run_ingestion

    with pytest.raises(UsageError, match="needs both signatures"):
        run_ingestion(deliver(tmp_path / "plain", release_type="supersede", supersedes="test-0"))


def test_maps_cannot_be_withdrawn_alone(tmp_path):
    from archive.models import Delivery, Release

    publish(deliver(tmp_path / "one", delivery_id="test-2"))
    Release.objects.filter(pk=Delivery.objects.get(pk="test-2").release_id).update(map_version="2026.1-maps")
    submission = hand_in(withdrawal(tmp_path / "two"))
    assert submission.state == "INVALID"
    assert "brought sky maps" in str(submission.report["codes"])


def test_a_catalogue_says_what_is_a_limit_and_which_source_it_could_not_choose(tmp_path, client):
    """Two sources within the errors of one row: the page names both; a limit is marked in what TAP serves."""
    from django.db import connection

    from archive.models import IbisCatalogueEntry, Source
    from ingestion import gates
    from tests.unit.ingestion.test_catalogues import catalogue, flag

    deliver(tmp_path / "first")
    near = [{"source_id": f"J{at}", "name": f"Source J{at}", "ra": 1.0 + at / 400, "dec": 1.0} for at in (1, 2)]
    put_rows("sources", Source, near)
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "delivery.yaml").write_text(
        (tmp_path / "first" / "delivery.yaml")
        .read_text()
        .replace("test-1", "test-2")
        .replace("time_series", "ibis_catalogue")
    )
    catalogue(folder / "a.fits", "ibis_catalogue", flag("FLUX_17_60", 1, value=0.7), UL_CONF=0.9973)
    seal(folder)
    submission = hand_in(folder)
    assert submission.state == "VALID", submission.report["codes"]
    assert "SOURCE-AMBIGUOUS" in {code["rule"] for code in submission.report["codes"]}
    link = next(one for one in submission.preview["links"] if one["how"] == "ambiguous")
    assert [name for _, name, _ in link["candidates"]] == ["Source J1", "Source J2"]
    page = client.get("/deliveries/test-2").content.decode()
    assert "ambiguous, not linked" in page
    assert "Source J2" in page
    sign_both("test-2")
    gates.publish(submission.pk)
    assert IbisCatalogueEntry.objects.filter(flux_17_60_limit_flag="<").get().flux_17_60_error_mcrab is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT flux_17_60_mcrab FROM integral.ibis_catalogue WHERE flux_17_60_limit_flag = '<'")
        assert cursor.fetchall() == [(0.7,)]
