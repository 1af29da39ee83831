"""Damage on disk is found, shown in TAP's tables and mended from a second copy; both directions are compared."""

import shutil

import pytest
from django.core.management import call_command
from django.db import connection

from tests.support.fits_files import series_hdu, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(settings, tmp_path):
    from archive.models import ProductFile
    from archive.storage import file_path
    from ingestion.services import run_ingestion

    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    assert run_ingestion(write(tmp_path / "a.fits", series_hdu())).state == "published"
    shutil.copytree(settings.FILES_ROOT, tmp_path / "backup")
    return file_path(ProductFile.objects.get().sha256)


def served():
    with connection.cursor() as cursor:
        cursor.execute("SELECT verified_at, damaged FROM integral.product_files")
        return cursor.fetchone()


def run(*options):
    try:
        call_command("fixity", *options)
    except SystemExit as end:
        return end.code
    return 0


def test_a_sound_store(stored, capsys):
    before = served()
    assert run() == 0
    assert "1 files verified" in capsys.readouterr().out
    assert served()[0] >= before[0]
    assert served()[1] is False
    assert run("--older-than", "1") == 0
    assert "0 files verified" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["flip", "cut", "lose"])
def test_damage_is_flagged_and_mended(stored, tmp_path, capsys, harm):
    content = stored.read_bytes()
    stored.chmod(0o644)
    if harm == "lose":
        stored.unlink()
    else:
        stored.write_bytes(content[:-1] + (b"\1" if harm == "flip" else b""))
    assert run() == 1
    assert "1 DAMAGED or missing" in capsys.readouterr().out
    assert served()[1] is True
    assert run("--repair-from", str(tmp_path / "backup")) == 0
    assert "1 repaired" in capsys.readouterr().out
    assert stored.read_bytes() == content
    assert served()[1] is False


def test_both_directions_are_compared(stored, settings, capsys):
    from archive.models import StoredFile

    (stored.parent / ("f" * 64)).write_bytes(b"stray")
    (settings.FILES_ROOT / ".incoming-x").write_bytes(b"half")
    assert run() == 0
    assert "2 on disk, unknown to the database" in capsys.readouterr().out
    StoredFile.objects.all().delete()
    assert run() == 1
    assert "1 of a product, but not in the list" in capsys.readouterr().out


def test_the_log_is_shown_and_verified(stored, capsys):
    run()
    capsys.readouterr()
    call_command("audit", "show")
    assert "fixity sweep" in capsys.readouterr().out
    call_command("audit", "verify")
    head = capsys.readouterr().out.split()[-1]
    call_command("audit", "verify", "--head", head)
    assert head in capsys.readouterr().out
