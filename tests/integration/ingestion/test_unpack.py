"""Packages as tar and zip: every trick with paths, links and sizes is refused, and nothing of it stays on the disk."""

import io
import tarfile
import zipfile

import pytest

from archive.errors import TooLargeError, UsageError
from archive.models import Submission
from ingestion import gates, unpack
from tests.support.deliveries import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quarantine(tmp_path, settings):
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    return settings.QUARANTINE_ROOT


def tar(path, *members, mode="w"):
    with tarfile.open(path, mode) as held:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            info.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
            held.addfile(info, io.BytesIO(content))
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in members:
            held.writestr(name, content)
    return path


@pytest.mark.parametrize("form", ["zip", "gztar", "tar"])
def test_a_packed_delivery_is_received_as_its_folder_is(tmp_path, form, quarantine):
    import shutil

    deliver(tmp_path / "d")
    made = shutil.make_archive(str(tmp_path / "p"), form, tmp_path, "d")
    submission = gates.check(gates.receive(tmp_path / made, actor="team").pk)
    assert submission.state == gates.State.VALID
    assert gates.receive(tmp_path / "d", actor="team").pk == submission.pk
    assert not list(quarantine.glob(".unpacking-*"))


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (("../x", tarfile.REGTYPE, b"a"), "unsafe name"),
        (("/x", tarfile.REGTYPE, b"a"), "unsafe name"),
        (("a\\b", tarfile.REGTYPE, b"a"), "unsafe name"),
        (("C:x", tarfile.REGTYPE, b"a"), "unsafe name"),
        (("a" * 201, tarfile.REGTYPE, b"a"), "unsafe name"),
        (("l", tarfile.SYMTYPE, b""), "link, device"),
        (("l", tarfile.LNKTYPE, b""), "link, device"),
        (("l", tarfile.CHRTYPE, b""), "link, device"),
        (("l", tarfile.FIFOTYPE, b""), "link, device"),
    ],
)
def test_a_hostile_member_of_a_tar_is_refused(tmp_path, quarantine, member, words):
    with pytest.raises(UsageError, match=words):
        gates.receive(tar(tmp_path / "p.tar", ("ok", tarfile.REGTYPE, b"a"), member), actor="team")
    assert not Submission.objects.exists()
    assert not list(quarantine.iterdir())


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_a_hostile_member_of_a_zip_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="unsafe name"):
        gates.receive(zipped(tmp_path / "p.zip", (name, b"a")), actor="team")


def test_a_name_twice_in_another_case_is_refused(tmp_path):
    with pytest.raises(UsageError, match="comes twice"):
        gates.receive(zipped(tmp_path / "p.zip", ("a", b"1"), ("A", b"2")), actor="team")


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("l")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as held:
        held.writestr(info, "/etc/passwd")
    with pytest.raises(UsageError, match="link, device"):
        gates.receive(tmp_path / "p.zip", actor="team")


def test_a_bomb_is_stopped_at_the_limit(tmp_path, monkeypatch, quarantine):
    monkeypatch.setattr(unpack, "RATIO_FLOOR_BYTES", 1 << 20)
    for path in (
        zipped(tmp_path / "p.zip", ("a", bytes(30_000_000))),
        tar(tmp_path / "p.tgz", ("a", tarfile.REGTYPE, bytes(30_000_000)), mode="w:gz"),
    ):
        with pytest.raises(TooLargeError, match="expands beyond"):
            gates.receive(path, actor="team")
    assert not list(quarantine.iterdir())


def test_too_many_members_and_damage_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_FILES", 2)
    with pytest.raises(TooLargeError, match="more than 2 members"):
        gates.receive(zipped(tmp_path / "p.zip", *((str(n), b"") for n in range(3))), actor="team")
    whole = tar(tmp_path / "p.tgz", ("a", tarfile.REGTYPE, bytes(range(256)) * 400), mode="w:gz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) - 40])
    with pytest.raises(UsageError, match="cannot be unpacked"):
        gates.receive(tmp_path / "cut.tgz", actor="team")
