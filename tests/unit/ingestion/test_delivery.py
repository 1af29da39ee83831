import pytest
import yaml

from archive.formats import FormatError
from ingestion.delivery import check_manifest, check_names
from ingestion.label import Pattern, read_label

GOOD = {
    "delivery_format": 1,
    "delivery_id": "test-1",
    "title": "Test",
    "team": "tests",
    "simulated": False,
    "licence": "CC0-1.0",
    "files": [{"pattern": "*.fits", "profile": "time_series"}],
}


def label(tmp_path, **changes):
    path = tmp_path / "delivery.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return read_label(path)


def test_good_label(tmp_path):
    read = label(tmp_path)
    assert (read.delivery_id, read.simulated, read.patterns) == ("test-1", False, (Pattern("*.fits", "time_series"),))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"delivery_format": 2}, "LABEL-FORMAT"),
        ({"delivery_id": "../x"}, "LABEL-ID"),
        ({"delivery_id": 7}, "LABEL-ID"),
        ({"simulated": "perhaps"}, "LABEL-SIMULATED"),
        ({"title": ""}, "LABEL-TEXT"),
        ({"files": []}, "LABEL-FILES"),
        ({"files": [{"pattern": 3}]}, "LABEL-FILES"),
        ({"release_type": "destroy"}, "LABEL-RELEASE-TYPE"),
        ({"release_type": "withdraw"}, "LABEL-SUPERSEDES"),
        ({"release_type": "supersede", "supersedes": "test-1"}, "LABEL-SUPERSEDES"),
        ({"release_type": "withdraw", "supersedes": "test-0"}, "LABEL-REASON"),
        ({"sofware": {"OSA": "11.2"}}, "LABEL-UNKNOWN"),
        ({"software": ["OSA"]}, "LABEL-VERSIONS"),
        ({"instruments": ["JEM-X"]}, "LABEL-INSTRUMENT"),
        ({"expected_rows": {"sources": "many"}}, "LABEL-COUNT"),
        ({"files": [{"pattern": "*", "profile": "arf", "count": -1}]}, "LABEL-COUNT"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, changes, rule):
    with pytest.raises(FormatError, match=rule):
        label(tmp_path, **changes)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("title: [unclosed", "LABEL-SYNTAX"),
        ("- a list", "LABEL-SYNTAX"),
        ("title: only", "LABEL-KEY"),
        ("a: &a [x, x]\nb: [*a, *a]", "LABEL-ALIAS"),
        ("a: !!python/object/apply:os.system ['true']", "LABEL-SYNTAX"),
        ("x" * 1_100_000, "LABEL-SIZE"),
        ("title: one\ntitle: two", "LABEL-SYNTAX"),
    ],
)
def test_hostile_labels_are_refused(tmp_path, text, rule):
    path = tmp_path / "delivery.yaml"
    path.write_text(text)
    with pytest.raises(FormatError, match=rule):
        read_label(path)


def names_found(tmp_path, profile_of, **changes):
    return sorted(
        (finding.rule, finding.path)
        for finding in check_names(label(tmp_path, **changes), list(profile_of), profile_of)
    )


def test_every_file_has_one_pattern_and_its_profile(tmp_path):
    assert names_found(tmp_path, {"a.fits": "time_series"}) == []
    two = [{"pattern": "*.fits", "profile": "time_series"}, {"pattern": "a*", "profile": "time_series"}]
    assert names_found(tmp_path, {"a.fits": "time_series"}, files=two) == [("FILE-OVERLAP", "a.fits")]
    assert names_found(tmp_path, {"a.fits": "mosaic"}) == [("FILE-PROFILE", "a.fits")]
    assert names_found(tmp_path, {"a.fits": None}) == [("FILE-PROFILE", "a.fits")]
    assert names_found(tmp_path, {"a.fits": "time_series", "note.txt": None}) == [("FILE-UNDECLARED", "note.txt")]
    assert names_found(tmp_path, {}) == [("FILE-ABSENT", "delivery.yaml")]
    assert names_found(tmp_path, {"A b.fits": "time_series"}) == [("FILE-NAME", "A b.fits")]


def test_manifest(tmp_path):
    path = tmp_path / "manifest-sha256.txt"
    assert [finding.rule for finding in check_manifest(path, {})] == ["MANIFEST-ABSENT"]
    path.write_text(f"{'a' * 64}  a.fits\n{'b' * 64}  gone.fits\nnonsense\n")
    found = {
        (finding.rule, finding.path) for finding in check_manifest(path, {"a.fits": "c" * 64, "extra.fits": "d" * 64})
    }
    assert found == {
        ("MANIFEST-LINE", "manifest-sha256.txt"),
        ("MANIFEST-DIGEST", "a.fits"),
        ("MANIFEST-EXTRA", "extra.fits"),
        ("MANIFEST-MISSING", "gone.fits"),
    }


def test_a_name_and_a_pattern_that_claim_one_file_overlap(tmp_path):
    entries = [{"pattern": one, "profile": "arf"} for one in ("a.fits", "*.fits", "[cd].dat", "e.dat")]
    names = ["a.fits", "b.fits", "c.dat", "e.dat", "f.dat"]
    found = check_names(label(tmp_path, files=entries), names, dict.fromkeys(names, "arf"))
    assert [(one.rule, one.path) for one in found] == [("FILE-OVERLAP", "a.fits"), ("FILE-UNDECLARED", "f.dat")]
