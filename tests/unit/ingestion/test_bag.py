"""Bags: what is packed is valid BagIt, and whatever is tampered with afterwards is seen."""

import hashlib
import os

import pytest

from archive.errors import UsageError
from ingestion.prepare import pack_delivery, write_label
from ingestion.validator import validate_delivery
from tests.support.deliveries import deliver


@pytest.fixture
def bag(tmp_path):
    return pack_delivery(deliver(tmp_path / "plain"), tmp_path / "bag")


def retag(bag):
    """Make the tag manifest right again, as somebody who tampers on purpose would."""
    names = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
    lines = [f"{hashlib.sha256((bag / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (bag / "tagmanifest-sha256.txt").write_text("".join(lines))


def codes(path, severity="error"):
    return {code.rule for code in validate_delivery(path).codes if code.severity == severity}


def test_a_bag_is_as_rfc_8493_wants_it(bag):
    assert sorted(path.name for path in bag.iterdir()) == [
        "bag-info.txt",
        "bagit.txt",
        "data",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
    ]
    assert (bag / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    payload = sorted((bag / "data").iterdir())
    assert [path.name for path in payload] == ["a.fits", "delivery.yaml"]
    listed = dict(reversed(line.split("  ")) for line in (bag / "manifest-sha256.txt").read_text().splitlines())
    assert listed == {f"data/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in payload}
    size = sum(path.stat().st_size for path in payload)
    assert f"Payload-Oxum: {size}.2\n" in (bag / "bag-info.txt").read_text()
    assert "External-Identifier: test-1\n" in (bag / "bag-info.txt").read_text()


def test_plain_folder_and_bag_get_the_same_verdict_on_the_same_content(tmp_path, bag):
    plain, bagged = validate_delivery(tmp_path / "plain"), validate_delivery(bag)
    assert plain.is_valid
    assert bagged.is_valid
    assert plain.digest_sha256 == bagged.digest_sha256
    assert plain.codes == bagged.codes


def test_packing_twice_or_into_itself_is_refused(tmp_path, bag):
    with pytest.raises(UsageError, match="exists already"):
        pack_delivery(tmp_path / "plain", bag)
    with pytest.raises(UsageError, match="inside the folder"):
        pack_delivery(tmp_path / "plain", tmp_path / "plain" / "bag")


def test_a_folder_that_is_not_what_its_label_says_is_not_packed(tmp_path):
    folder = deliver(tmp_path / "plain")
    (folder / "stray.txt").write_text("x")
    with pytest.raises(UsageError, match="FILE-UNDECLARED"):
        pack_delivery(folder, tmp_path / "bag")
    assert not (tmp_path / "bag").exists()
    (folder / "stray.txt").unlink()
    (folder / "a.fits").write_bytes((folder / "a.fits").read_bytes().replace(b"Crab", b"Crib"))
    with pytest.raises(UsageError, match="MANIFEST-DIGEST"):
        pack_delivery(folder, tmp_path / "bag")


def edit(name, change):
    def spoil(bag):
        (bag / name).write_text(change((bag / name).read_text()))
        retag(bag)

    return spoil


def spoil_payload(bag):
    (bag / "data" / "extra.fits").write_bytes(b"x")


def spoil_tag_only(bag):
    (bag / "bag-info.txt").write_text((bag / "bag-info.txt").read_text() + "Note: x\n")


def add_link(bag):
    (bag / "note.txt").symlink_to("/etc/hostname")


def add_hard_link(bag):
    os.link(bag / "bagit.txt", bag.parent / "other-name")


def no_payload(bag):
    (bag / "data").rename(bag.parent / "moved")


DIGEST = "a" * 64
SPOILT = {
    "fetch.txt": (lambda bag: (bag / "fetch.txt").write_text("http://a/ 3 data/x\n"), "BAG-FETCH"),
    "other version": (edit("bagit.txt", lambda text: text.replace("1.0", "0.97")), "BAG-DECLARATION"),
    "wrong size": (edit("bag-info.txt", lambda text: text.replace(".2\n", ".3\n")), "BAG-OXUM"),
    "no size": (edit("bag-info.txt", lambda _: ""), "BAG-OXUM"),
    "further file": (spoil_payload, "MANIFEST-EXTRA"),
    "tag file changed": (spoil_tag_only, "MANIFEST-DIGEST"),
    "no tag manifest": (lambda bag: (bag / "tagmanifest-sha256.txt").unlink(), "MANIFEST-ABSENT"),
    "symbolic link": (add_link, "BAG-ENTRY"),
    "hard link": (add_hard_link, "BAG-ENTRY"),
    "folder": (lambda bag: (bag / "more").mkdir(), "BAG-ENTRY"),
    "no data": (no_payload, "BAG-PAYLOAD"),
    "line": (edit("manifest-sha256.txt", lambda text: text + "nonsense\n"), "MANIFEST-LINE"),
    "weak digest": (edit("manifest-sha256.txt", lambda text: text + f"{'a' * 32}  data/b\n"), "MANIFEST-LINE"),
    "lost": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  data/lost\n"), "MANIFEST-MISSING"),
    "twice": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  data/A.fits\n"), "MANIFEST-DUPLICATE"),
    "upwards": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  data/../../x\n"), "MANIFEST-PATH"),
    "absolute": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  /etc/passwd\n"), "MANIFEST-PATH"),
    "home": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  ~root/x\n"), "MANIFEST-PATH"),
    "drive": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  C:\\x\n"), "MANIFEST-PATH"),
    "escaped line end": (edit("manifest-sha256.txt", lambda text: text + f"{DIGEST}  data/a%0Ab\n"), "MANIFEST-PATH"),
}


@pytest.mark.parametrize("defect", list(SPOILT))
def test_a_spoilt_bag_is_refused(bag, defect):
    spoil, rule = SPOILT[defect]
    spoil(bag)
    assert rule in codes(bag)


def test_what_is_not_kept_is_said(bag):
    (bag / "notes.txt").write_text("x")
    (bag / "manifest-md5.txt").write_text("x")
    assert codes(bag, "warning") == {"BAG-TAG", "BAG-OTHER-DIGEST"}
    assert codes(bag) == set()


def test_a_huge_manifest_is_not_read(bag):
    with (bag / "manifest-sha256.txt").open("r+b") as stream:
        stream.truncate(65 << 20)
    retag(bag)
    assert "MANIFEST-SIZE" in codes(bag)


def test_init_writes_a_label_that_only_a_person_can_complete(tmp_path):
    folder = deliver(tmp_path / "plain")
    (folder / "delivery.yaml").unlink()
    (folder / "prose.md").write_text("x")
    path, unknown = write_label(folder)
    assert unknown == ("prose.md",)
    assert '{pattern: "a.fits", profile: time_series}' in path.read_text()
    assert codes(folder) == {"LABEL-ID"}
    with pytest.raises(UsageError, match="exists already"):
        write_label(folder)
