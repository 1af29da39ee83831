"""Scripts that fetch and check, run against a live server; lists of the files of a release."""

import csv
import hashlib
import io
import shutil
import subprocess
import sys

import pytest

from tests.support.web_archive import SERIES, SPECTRUM, fill_archive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archive(transactional_db, tmp_path, settings, live_server):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.PUBLIC_URL = live_server.url
    source = tmp_path / "source"
    source.mkdir()
    return fill_archive(source)


def run(directory, script):
    interpreter = [sys.executable] if script.endswith(".py") else ["sh"]
    return subprocess.run(
        [*interpreter, script], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("form", "name"), [("curl", "f.sh"), ("wget", "f.sh"), ("python", "f.py")])
def test_a_script_fetches_resumes_checks_and_can_be_run_again(archive, client, tmp_path, form, name):
    if form != "python" and shutil.which(form) is None:
        pytest.skip(f"{form} is not installed")
    response = client.get(f"/bulk/{form}", {"ID": [SERIES, SPECTRUM]})
    assert response.status_code == 200
    work = tmp_path / "work"
    work.mkdir()
    (work / name).write_bytes(response.content)
    target = work / SERIES / "series.fits"
    target.parent.mkdir()
    part = target.with_name("series.fits.part")
    part.write_bytes(archive[:1000])  # broken off
    first = run(work, name)
    assert first.returncode == 0, first.stderr
    assert target.read_bytes() == archive
    assert {path.name for path in (work / SPECTRUM).iterdir()} == {"spectrum.fits", "rmf_1.fits"}
    assert "wrong digest" not in first.stderr
    assert first.stdout.count("got ") == 3
    target.unlink()
    part.write_bytes(b"x" * len(archive))  # whole, and wrong
    (work / SPECTRUM / "spectrum.fits").write_bytes(b"damaged on this disk")
    second = run(work, name)
    assert second.returncode == 0, second.stderr
    assert "wrong digest" in second.stderr
    assert target.read_bytes() == archive
    assert (second.stdout.count("got "), second.stdout.count("have ")) == (2, 1)


def test_a_script_says_that_it_failed(archive, client, tmp_path):
    text = client.get("/bulk/python", {"ID": SERIES}).content.decode()
    (tmp_path / "f.py").write_text(text.replace("series.fits'", "gone.fits'").replace("range(5)", "range(1)"))
    ended = run(tmp_path, "f.py")
    assert ended.returncode == 1
    assert "FAILED" in ended.stderr


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({}, 400, "Give ID"),
        ({"ID": "nothing"}, 404, "no script was made"),
        ({"ID": SERIES, "all": "1"}, 400, "Give ID"),
    ],
)
def test_a_selection_that_is_none(archive, client, query, status, words):
    response = client.get("/bulk/curl", query)
    assert response.status_code == status
    assert words in response.content.decode()


def test_too_many_files_are_refused(archive, client, monkeypatch):
    monkeypatch.setattr("archive.website.views.bulk.MAX_FILES", 2)
    response = client.get("/bulk/curl", {"all": "1"})
    assert response.status_code == 413
    assert client.post("/bulk/curl", {"ID": SERIES}).status_code == 200


def test_the_files_of_a_release(archive, client, tmp_path):
    from archive import models
    from tests.support.archive_rows import deliver

    first = models.Release.objects.order_by("number").first().name
    before = b"".join(client.get(f"/releases/{first}/SHA256SUMS").streaming_content)
    digest = hashlib.sha256(archive).hexdigest()
    assert f"{digest}  {SERIES}/series.fits\n".encode() in before
    row = models.ProductFile.objects.get(file_name="series.fits")
    names = ("product_id", "role", "file_name", "media_type", "size_bytes")
    deliver("changed", models.ProductFile, [{**{name: getattr(row, name) for name in names}, "sha256": "ab" * 32}])
    response = client.get(f"/releases/{first}/SHA256SUMS")
    assert b"".join(response.streaming_content) == before
    assert client.get(f"/releases/{first}/SHA256SUMS", headers={"If-None-Match": response["ETag"]}).status_code == 304
    now = models.CurrentRelease.objects.get().release.name
    assert b"ab" * 32 in b"".join(client.get(f"/releases/{now}/SHA256SUMS").streaming_content)
    text = b"".join(client.get(f"/releases/{first}/files.csv").streaming_content).decode()
    rows = {row["file_name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["series.fits"]["url"] == ""  # the current release has another file of that name
    assert rows["rmf 1.fits"]["url"].endswith("/files/rmf%201.fits")
    assert int(rows["rmf 1.fits"]["size_bytes"]) > 0
    assert client.get("/releases/1999.1/files.csv").status_code == 404
