"""Whatever is wrong with a delivery: a finding that says where, nothing loaded, exit code 1, the archive as it was."""

import gzip
import hashlib
import json

import numpy as np
import pytest
import yaml
from django.core.management import call_command

from tests.support.fits_files import series_hdu, write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stores")]

OBSERVATION = "00600020001 2.5629999E+02 5.0799999E+01 2002-11-15T10:49:24 115497\n"


def state(settings):
    """Everything a reader could see: rows of every table, and stored files."""
    from archive.models import CurrentRelease, Delivery, Release
    from archive.services import released_models

    counts = {model.__name__: model.objects.count() for model in released_models()}
    return (
        counts,
        Release.objects.count(),
        CurrentRelease.objects.count(),
        Delivery.objects.count(),
        sorted(settings.FILES_ROOT.rglob("*")),
    )


def ingest(path, capsys):
    """Run the command; return its exit code and JSON report."""
    code = 0
    try:
        call_command("ingest", str(path), "--json")
    except SystemExit as end:
        code = end.code
    return code, json.loads(capsys.readouterr().out)["reports"][0]


def truncated(path):
    content = write(path, series_hdu()).read_bytes()
    path.write_bytes(content[:-2880])


def with_nan_position(path):
    hdu = series_hdu()
    hdu.data["TIME"][3] = np.nan
    write(path, hdu)


def text(content):
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


BAD = {
    "unknown file": (text("some prose\n"), "FILE-UNKNOWN"),
    "truncated FITS": (truncated, "FITS-TRUNCATED"),
    "wrong unit": (lambda path: write(path, series_hdu(rate_unit="furlong")), "UNIT-UNKNOWN"),
    "impossible time": (text(OBSERVATION.replace("2002", "1902")), "TIME-MISSION"),
    "impossible position": (text(OBSERVATION.replace("5.0799999E+01", "9.5799999E+01")), "CELL-RANGE"),
    "NaN position": (
        text(OBSERVATION + OBSERVATION.replace("5.0799999E+01", "nan").replace("20001", "20002")),
        "CELL-MISSING",
    ),
    "NaN time": (with_nan_position, "TIME-NAN"),
    "duplicate id": (text(OBSERVATION * 2), "ROW-DUPLICATE"),
    "not UTF-8": (text(OBSERVATION.encode() * 200 + b"\xff\xfe"), "TEXT-UTF8"),
    "gz bomb": (text(gzip.compress(bytes(30_000_000), 1) * 10), "FILE-UNKNOWN"),
    "FITS gz bomb": (
        lambda path: path.write_bytes(
            gzip.compress(b"SIMPLE  =                    T".ljust(2880) + bytes(30_000_000))
            + gzip.compress(bytes(30_000_000), 1) * 10
        ),
        "GZIP-RATIO",
    ),
    "missing column": (text("scw_id,scw_ver,ra\n1,1,1\n"), "FILE-UNKNOWN"),
    "empty file": (text(b""), "FILE-EMPTY"),
    "wrong column type": (lambda path: write(path, series_hdu(time_format="10A")), "COLUMN-TYPE"),
}


@pytest.mark.parametrize("defect", list(BAD))
def test_nothing_is_loaded(tmp_path, capsys, settings, defect):
    make, rule = BAD[defect]
    good = tmp_path / "good"
    good.mkdir()
    write(good / "good.fits", series_hdu())
    assert ingest(good, capsys)[0] == 0
    before = state(settings)
    path = tmp_path / "bad"
    make(path)
    code, report = ingest(path, capsys)
    assert code == 1
    assert report["state"] == "invalid"
    errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
    assert rule in {finding["rule"] for finding in errors}
    assert all(finding["path"] == "bad" for finding in errors)
    assert state(settings) == before


def test_a_symbolic_link_is_refused(tmp_path, capsys, settings):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.fits").symlink_to(write(tmp_path / "a.fits", series_hdu()))
    before = state(settings)
    code, report = ingest(tmp_path / "in", capsys)
    assert (code, [finding["rule"] for finding in report["findings"]]) == (1, ["FILE-LINK"])
    assert state(settings) == before


def test_one_bad_file_keeps_the_whole_directory_out(tmp_path, capsys, settings):
    write(tmp_path / "good.fits", series_hdu())
    truncated(tmp_path / "bad.fits")
    before = state(settings)
    assert ingest(tmp_path, capsys)[0] == 1
    assert state(settings) == before


def test_a_loose_directory_leaves_unknown_files_aside_and_says_so(tmp_path, capsys):
    write(tmp_path / "good.fits", series_hdu())
    (tmp_path / "README.md").write_text("prose")
    code, report = ingest(tmp_path, capsys)
    assert code == 0
    assert report["aside"] == ["README.md"]
    assert [finding["path"] for finding in report["findings"] if finding["rule"] == "FILE-ASIDE"] == ["README.md"]


def deliver(folder, **changes):
    """Write a complete delivery with one series."""
    folder.mkdir(exist_ok=True)
    write(folder / "a.fits", series_hdu())
    label = {
        "delivery_format": 1,
        "delivery_id": "test-1",
        "title": "Test",
        "team": "tests",
        "simulated": False,
        "licence": "CC0-1.0",
        "files": [{"pattern": "*.fits", "profile": "time_series"}],
    }
    (folder / "delivery.yaml").write_text(yaml.safe_dump({**label, **changes}))
    seal(folder)
    return folder


def seal(folder):
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "manifest-sha256.txt"
    ]
    (folder / "manifest-sha256.txt").write_text("".join(lines))


def test_a_complete_delivery_is_published(tmp_path, capsys):
    code, report = ingest(deliver(tmp_path / "d"), capsys)
    assert (code, report["state"], report["delivery_id"]) == (0, "published", "test-1")


def spoil_unknown(folder):
    (folder / "note.txt").write_text("prose")
    seal(folder)


def spoil_digest(folder):
    (folder / "a.fits").write_bytes((folder / "a.fits").read_bytes().replace(b"Crab", b"Crib"))


def spoil_checksum(folder):
    spoil_digest(folder)
    seal(folder)


def spoil_missing_checksum(folder):
    (folder / "a.fits").unlink()
    write(folder / "a.fits", series_hdu(), checksum=False)
    seal(folder)


def spoil_label(folder):
    (folder / "delivery.yaml").write_text("title: [")


def spoil_simulated(folder):
    (folder / "a.fits").unlink()
    write(folder / "a.fits", series_hdu(SIMULATD=True))
    seal(folder)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (spoil_unknown, "FILE-UNDECLARED"),
        (spoil_digest, "MANIFEST-DIGEST"),
        (spoil_checksum, "FITS-CHECKSUM"),
        (spoil_missing_checksum, "FITS-NO-CHECKSUM"),
        (spoil_label, "LABEL-SYNTAX"),
        (spoil_simulated, "SIMULATED-UNDECLARED"),
    ],
)
def test_a_spoilt_delivery_is_refused(tmp_path, capsys, settings, spoil, rule):
    folder = deliver(tmp_path / "d")
    spoil(folder)
    before = state(settings)
    code, report = ingest(folder, capsys)
    assert code == 1
    assert rule in {finding["rule"] for finding in report["findings"] if finding["severity"] == "error"}
    assert state(settings) == before


def test_a_delivery_id_with_other_content_is_refused(tmp_path, capsys):
    from archive.errors import UsageError

    ingest(deliver(tmp_path / "d"), capsys)
    folder = tmp_path / "d"
    (folder / "a.fits").unlink()
    write(folder / "a.fits", series_hdu(rows=9))
    seal(folder)
    with pytest.raises(UsageError, match="needs a new delivery_id"):
        call_command("ingest", str(folder))


def test_nothing_there_is_one_sentence(tmp_path):
    from archive.errors import NotFoundError

    with pytest.raises(NotFoundError, match="there is nothing at"):
        call_command("ingest", str(tmp_path / "missing"))


def test_dry_run_changes_nothing(tmp_path, capsys, settings):
    write(tmp_path / "a.fits", series_hdu())
    before = state(settings)
    call_command("ingest", str(tmp_path), "--dry-run")
    assert "dry run" in capsys.readouterr().out
    assert state(settings) == before


def test_an_interrupted_load_leaves_nothing(tmp_path, capsys, settings, monkeypatch):
    """Fail at every call of the loading step in turn."""
    from archive import services
    from ingestion import load

    write(tmp_path / "a.fits", series_hdu())
    (tmp_path / "log.dat").write_text(OBSERVATION)
    before = state(settings)[:4]
    merge = services.Publication.merge
    for fatal in range(1, 4):
        calls = []

        def failing(self, model, rows, calls=calls, fatal=fatal):
            calls.append(model)
            if len(calls) == fatal:
                raise KeyboardInterrupt
            return merge(self, model, rows)

        monkeypatch.setattr(services.Publication, "merge", failing)
        with pytest.raises(KeyboardInterrupt):
            call_command("ingest", str(tmp_path))
        assert state(settings)[:4] == before
    monkeypatch.setattr(services.Publication, "merge", merge)
    monkeypatch.setattr(load, "_ensure_bands", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("ingest", str(tmp_path))
    assert state(settings)[:4] == before
    monkeypatch.undo()
    settings.FILES_ROOT.mkdir(exist_ok=True)
    capsys.readouterr()
    assert ingest(tmp_path, capsys)[1]["state"] == "published"


def test_a_file_that_changes_between_check_and_load_is_refused(tmp_path, settings, monkeypatch):
    from archive.errors import StorageError
    from ingestion import services

    path = write(tmp_path / "a.fits", series_hdu())
    load_plan = services.load_plan

    def swap(plan, say):
        path.unlink()
        write(path, series_hdu(rows=7))
        return load_plan(plan, say)

    monkeypatch.setattr(services, "load_plan", swap)
    before = state(settings)[:4]
    with pytest.raises(StorageError, match="changed after it was checked"):
        services.run_ingestion(tmp_path)
    assert state(settings)[:4] == before
