import hashlib

import pytest

from archive.errors import StorageError
from archive.storage import file_path, store_file


@pytest.fixture
def store(settings, tmp_path):
    settings.FILES_ROOT = tmp_path / "files"
    return settings.FILES_ROOT


def test_a_file_is_stored_under_its_digest_once(store, tmp_path):
    source = tmp_path / "spectrum.fits"
    source.write_bytes(b"SIMPLE  =" * 1000)
    first, second = store_file(source), store_file(source)
    assert first == second
    assert first.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert file_path(first.sha256).read_bytes() == source.read_bytes()
    assert file_path(first.sha256).stat().st_mode & 0o222 == 0
    assert [path.name for path in store.rglob("*") if path.is_file()] == [first.sha256]


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/"])
def test_what_is_no_digest_reaches_no_path(store, digest):
    with pytest.raises(StorageError, match="not a SHA-256 digest"):
        file_path(digest)


def test_a_missing_source_leaves_nothing_behind(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store_file(tmp_path / "absent")
    assert list(store.iterdir()) == []
