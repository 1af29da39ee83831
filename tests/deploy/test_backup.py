"""Backup and restore of an archive on its embedded server, and each refusal of the two scripts."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SHA256_OF_HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""``printf hello | sha256sum``"""


class Place:
    """An archive of its own: data directory, embedded server, environment."""

    def __init__(self, checkout: Path, data: Path) -> None:
        self.checkout, self.data = checkout, data
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIPELAGO")}
        self.environment.pop("DATABASE_URL", None)
        self.environment |= {
            "ARCHIPELAGO_DATA": str(data),
            "ARCHIPELAGO_SECRET_KEY": "only-for-tests",
            "ARCHIPELAGO_VENV": str(Path(sys.executable).parent.parent),
            "DJANGO_SETTINGS_MODULE": "archive.settings",
            "PYTHONPATH": str(checkout),
        }

    def run(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        environment = {**self.environment, **more}
        return subprocess.run(words, check=False, capture_output=True, text=True, env=environment, timeout=100)

    def manage(self, *arguments: str) -> str:
        answer = self.run(sys.executable, "-m", "archive.cli", *arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def backup(self, target: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.checkout / "deploy" / "backup.sh", target, **more)

    def restore(self, backup: Path) -> subprocess.CompletedProcess[str]:
        return self.run(self.checkout / "deploy" / "restore.sh", backup)


PUBLISH = """
from datetime import UTC, datetime
from pathlib import Path
from archive.models import Delivery, Source
from archive.services import open_publication
delivery = Delivery(delivery_id="d1", title="t", team="t", digest_sha256="0" * 64, received_at=datetime.now(UTC))
with open_publication(delivery=delivery, description="first") as publication:
    publication.merge(Source, [{"source_id": "J053432.0+220052", "name": "Crab", "ra": 83.63, "dec": 22.01}])
"""


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that the embedded server's own account can reach; pytest's are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="archipelago-backup-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def archive(checkout):
    with open_directory() as directory:
        yield from serve_archive(Place(checkout, directory / "data"))


def serve_archive(place: Place) -> Iterator[Place]:
    """Fill an archive with one source and one stored file; stop its server at the end."""
    place.data.mkdir()
    place.manage("migrate", "--verbosity", "0")
    place.manage("shell", "--verbosity", "0", "-c", PUBLISH)
    stored = place.data / "files" / SHA256_OF_HELLO[:2] / SHA256_OF_HELLO
    stored.parent.mkdir(parents=True)
    stored.write_text("hello", encoding="utf-8")
    (place.data / "files" / ".incoming-half").write_text("half a file", encoding="utf-8")
    yield place
    place.manage("stop")


@pytest.fixture(scope="module")
def backup(archive, tmp_path_factory):
    target = tmp_path_factory.mktemp("backup")
    answer = archive.backup(target)
    assert answer.returncode == 0, answer.stderr
    return only_backup(target)


def only_backup(target: Path) -> Path:
    (found,) = [path for path in target.iterdir() if (path / "database.dump").exists()]
    return found


@pytest.fixture
def copy(backup, tmp_path):
    """A copy of the whole backup, to be damaged."""
    shutil.copytree(backup.parent, tmp_path / "copy")
    return tmp_path / "copy" / backup.name


@pytest.fixture
def empty(checkout):
    with open_directory() as directory:
        place = Place(checkout, directory / "data")
        yield place
        if place.data.exists():
            place.manage("stop")


def test_a_backup_is_restored_onto_an_empty_place(backup, empty):
    answer = empty.restore(backup)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Restored: release 20" in answer.stdout
    assert (empty.data / "files" / SHA256_OF_HELLO[:2] / SHA256_OF_HELLO).read_text() == "hello"
    assert not list((empty.data / "files").glob(".incoming*"))
    names = empty.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from django.db import connection as c; k = c.cursor(); "
        "k.execute('SET ROLE archipelago_tap'); k.execute('SELECT name FROM integral.sources'); print(k.fetchall())",
    )
    assert names.strip() == "[('Crab',)]"

    again = empty.restore(backup)
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_a_second_backup_adds_nothing_but_its_dump(archive, backup):
    shared = backup.parent / "files" / SHA256_OF_HELLO[:2] / SHA256_OF_HELLO
    before = shared.stat()
    answer = archive.backup(backup.parent, KEEP="1")
    assert answer.returncode == 0, answer.stderr
    assert "files: 0 new files" in answer.stdout
    assert shared.stat() == before
    if only_backup(backup.parent).name != backup.name:
        shutil.copytree(only_backup(backup.parent), backup)  # the other tests use the first one


def test_a_damaged_dump_is_refused_before_anything_is_written(copy, empty):
    with (copy / "database.dump").open("ab") as dump:
        dump.write(b"x")
    answer = empty.restore(copy)
    assert answer.returncode == 1
    assert "is damaged" in answer.stderr
    assert not empty.data.exists()


def test_a_damaged_file_is_named(copy, empty):
    damaged = copy.parent / "files" / SHA256_OF_HELLO[:2] / SHA256_OF_HELLO
    damaged.unlink()
    damaged.write_text("hallo", encoding="utf-8")
    answer = empty.restore(copy)
    assert answer.returncode == 1
    assert SHA256_OF_HELLO in answer.stdout + answer.stderr
    assert "differ from their digests" in answer.stderr


def test_a_database_with_tables_is_refused(backup, empty):
    empty.data.mkdir()
    empty.manage("migrate", "--verbosity", "0")
    answer = empty.restore(backup)
    assert answer.returncode == 1
    assert "restore into a new, empty database" in answer.stderr


def test_something_else_than_a_backup_is_refused(empty, tmp_path):
    answer = empty.restore(tmp_path)
    assert answer.returncode == 1
    assert "is no backup" in answer.stderr


def test_a_backup_into_the_archive_itself_is_refused(archive):
    answer = archive.backup(archive.data / "backup")
    assert answer.returncode == 1
    assert "lies in the archive's own data directory" in answer.stderr


def test_a_backup_of_nothing_is_refused(checkout, tmp_path):
    answer = Place(checkout, tmp_path / "nowhere").backup(tmp_path / "backup")
    assert answer.returncode == 1
    assert "does not exist" in answer.stderr


def test_a_wrong_number_to_keep_is_refused(archive, tmp_path):
    answer = archive.backup(tmp_path / "backup", KEEP="all")
    assert answer.returncode == 1
    assert "KEEP is 'all'" in answer.stderr
