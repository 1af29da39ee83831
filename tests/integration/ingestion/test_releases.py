"""Differences of releases, tried with two versions of the real reference catalogue; roll back; the audit log."""

from collections import Counter
from dataclasses import asdict

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError

from archive.errors import NotFoundError, StorageError
from tests.support.fits_files import series_hdu, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stores")]


def ingest(path):
    from ingestion.services import run_ingestion

    report = run_ingestion(path)
    assert report.state == "published", report.findings
    return report.release


def compare(before, after, **options):
    from archive.release_diff import compare_releases
    from archive.selectors import find_release

    return compare_releases(find_release(before), find_release(after), **options)


@pytest.mark.shared
def test_the_difference_of_two_versions_of_the_real_catalogue(shared_data):
    """Sources of v43 that v42 lacks and the other way round, counted here from the files with astropy alone."""
    from astropy.io import fits

    from archive.models import Source

    names = {}
    for version in ("0042", "0043"):
        with fits.open(shared_data / "catalogues" / f"isgri_cat_inMosa_{version}.fits.gz") as hdus:
            table = hdus[1].data
            names[version] = {
                row["SOURCE_ID"].strip(): (row["NAME"].strip(), row["RA_OBJ"], row["DEC_OBJ"]) for row in table
            }
    first = ingest(shared_data / "catalogues" / "isgri_cat_inMosa_0042.fits.gz")
    second = ingest(shared_data / "catalogues" / "isgri_cat_inMosa_0043.fits.gz")
    found = compare(first, second, max_rows=10_000)
    sources = found.tables["source"]
    assert sources.new == len(set(names["0043"]) - set(names["0042"]))
    assert sources.gone == 0, "a source that the newer version leaves out is still one of the archive"
    both = set(names["0043"]) & set(names["0042"])
    moved = {
        source_id
        for source_id in both
        if any(
            abs(a - b) > 1e-9 for a, b in zip(names["0042"][source_id][1:], names["0043"][source_id][1:], strict=True)
        )
    }
    told = {row.key["source_id"] for row in found.rows if row.table == "source" and {"ra", "dec"} & set(row.columns)}
    assert told == moved
    for name, counts in found.tables.items():  # counted by the database, listed by walking through the rows
        kinds = Counter(row.kind for row in found.rows if row.table == name)
        assert kinds == {kind: count for kind, count in asdict(counts).items() if count}
    assert not found.is_cut
    back = compare(second, first, max_rows=10_000)
    assert back.tables["source"].gone == sources.new
    one = next(iter(moved or told or {next(iter(both))}))
    alone = compare(first, second, source_id=one)
    assert {row.key["source_id"] for row in alone.rows} == {one}
    assert Source.objects.filter(source_id=one).exists()


def test_a_changed_row_shows_both_values(tmp_path, capsys):
    path = tmp_path / "log.dat"
    line = "00600020001 2.5629999E+02 5.0799999E+01 2002-11-15T10:49:24 115497\n"
    path.write_text(line)
    first = ingest(path)
    path.write_text(line.replace("115497", "115498"))
    second = ingest(path)
    found = compare(first, second)
    (row,) = [row for row in found.rows if row.table == "observation"]
    assert (row.kind, row.key["obs_id"]) == ("changed", "00600020001")
    assert (115497.0, 115498.0) in row.columns.values()
    assert compare(first, first).is_empty
    cut = compare(first, second, max_rows=0)
    assert cut.is_cut
    assert not cut.rows
    call_command("release", "diff", first, second)
    assert "115497.0 -> 115498.0" in capsys.readouterr().out
    call_command("release", "list")
    assert f"{second}" in capsys.readouterr().out


def test_roll_back_by_command_is_logged(tmp_path, capsys):
    from archive.audit import verify_log
    from archive.selectors import current_release

    first = ingest(write(tmp_path / "a.fits", series_hdu()))
    ingest(write(tmp_path / "b.fits", series_hdu(rows=7)))
    call_command("release", "rollback", first, "--by", "tester")
    assert current_release().name == first
    assert verify_log()[0] == 1
    with pytest.raises(NotFoundError, match=rf"known are .*{first}"):
        call_command("release", "rollback", "1999.1")


def test_the_log_cannot_be_changed_and_shows_it_when_it_is():
    from archive.audit import record, verify_log
    from archive.models import AuditEntry

    for number in range(3):
        record(actor="tester", action="test", subject=f"thing {number}", facts={"number": number, "text": "é"})
    length, head = verify_log()
    assert (length, head) == (3, AuditEntry.objects.get(number=3).sha256)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.filter(number=2).update(actor="somebody else")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()
    with connection.cursor() as cursor:  # what only the owner of the database could do
        cursor.execute("ALTER TABLE archive_auditentry DISABLE TRIGGER archive_auditentry_append_only")
        cursor.execute("UPDATE archive_auditentry SET actor = 'x' WHERE number = 2")
    with pytest.raises(StorageError, match=r"entry 2 .* was changed"):
        verify_log()
    AuditEntry.objects.filter(number=2).delete()
    with pytest.raises(StorageError, match="entry 2 is missing"):
        verify_log()
    AuditEntry.objects.filter(number=3).delete()
    assert verify_log()[0] == 1
    with pytest.raises(StorageError, match="cut or replaced"):
        verify_log(expected_head=head)
