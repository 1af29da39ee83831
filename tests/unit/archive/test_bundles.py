"""Bundles against the tar and zip readers of Python and of the system."""

import hashlib
import io
import subprocess
import tarfile
import zipfile

import pytest

from archive.bundles import Member, bundle_tag, check_members, manifest, read_tar, read_zip, tar_size, zip_size
from archive.errors import StorageError, TooLargeError


@pytest.fixture
def members(tmp_path):
    made = []
    names = ["a.fits", "product/b.fits", "é and a very long name " + "x" * 120 + ".fits", "empty.txt"]
    for number, name in enumerate(names):
        content = bytes([number + 65]) * (number * 300_001 if name != "empty.txt" else 0)
        path = tmp_path / str(number)
        path.write_bytes(content)
        made.append(Member(name, path, len(content), hashlib.sha256(content).hexdigest()))
    return made


def test_tar_is_read_by_others_and_has_the_size_that_was_said(members, tmp_path):
    content = b"".join(read_tar(members))
    assert len(content) == tar_size(members)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar} == {m.name: m.path.read_bytes() for m in members}
    (tmp_path / "x.tar").write_bytes(content)
    (tmp_path / "SHA256SUMS").write_bytes(manifest(members))
    subprocess.run(["tar", "xf", "x.tar"], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_zip_is_read_by_others_and_has_the_size_that_was_said(members):
    content = b"".join(read_zip(members))
    assert len(content) == zip_size(members)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            m.name: m.path.read_bytes() for m in members
        }


@pytest.mark.parametrize("read", [read_tar, read_zip])
@pytest.mark.parametrize("first", [0, 1, 511, 512, 1024, 300_000, 700_000, 901_000])
def test_a_resumed_transfer_joins_the_same_bytes(members, read, first):
    assert b"".join(read(members, first)) == b"".join(read(members))[first:]


def test_an_empty_bundle_is_a_valid_tar_and_zip():
    with tarfile.open(fileobj=io.BytesIO(b"".join(read_tar([])))) as tar:
        assert tar.getnames() == []
    assert zipfile.ZipFile(io.BytesIO(b"".join(read_zip([])))).namelist() == []


def test_a_damaged_store_is_seen_before_the_first_byte(members, tmp_path):
    check_members(members)
    members[0].path.write_bytes(b"longer than recorded")
    with pytest.raises(StorageError, match=r"a\.fits has 20 bytes, expected 0"):
        check_members(members)
    members[0].path.unlink()
    with pytest.raises(StorageError, match=r"a\.fits is missing"):
        check_members(members)


def test_a_file_that_shrinks_meanwhile_breaks_the_transfer_off(members):
    chunks = read_tar(members)
    members[1].path.write_bytes(b"short")
    with pytest.raises(StorageError, match="early"):
        list(chunks)


def test_what_does_not_fit_a_zip_is_refused(tmp_path):
    with pytest.raises(TooLargeError, match="too large for a zip"):
        zip_size([Member("big", tmp_path, 2**37, "0" * 64)])


@pytest.mark.parametrize("limit", [400_000, 250_000, 100_000, 1_000, 100])
def test_a_zip_beyond_the_limit_of_32_bits_has_the_size_that_was_said(members, monkeypatch, limit):
    """The limit of zipfile is lowered; tests/benchmark/products.py bundles makes a real one of more than 2 GiB."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    members = [Member(f"{i}_{one.name}", one.path, one.size_bytes, one.sha256) for i in range(3) for one in members]
    content = b"".join(read_zip(members))
    assert len(content) == zip_size(members)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [member.name for member in members]


def test_a_zip_of_very_many_files_has_the_size_that_was_said(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    members = [Member(f"{i}", None, 1, "0" * 64, b"x") for i in range(5)]
    content = b"".join(read_zip(members))
    assert len(content) == zip_size(members)
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 5


def test_the_tag_follows_names_contents_and_kind(members):
    tags = {bundle_tag("tar", members), bundle_tag("zip", members), bundle_tag("tar", members[::-1])}
    assert len(tags) == 3
