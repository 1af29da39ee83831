"""Waivers: which rules, in which files, until when; and never silently."""

from datetime import date

import pytest
import yaml

from archive.formats import Finding, FormatError
from ingestion.label import read_label
from ingestion.validator import validate_delivery
from ingestion.waivers import Waiver, apply_waivers, parse_waivers
from tests.support.deliveries import LABEL, deliver, seal
from tests.support.fits_files import series_hdu, write

WAIVER = {"rule": "FITS-NO-CHECKSUM", "reason": "an old program wrote it", "by": "archive", "expires": "2099-12-31"}
TODAY = date(2026, 11, 21)


def label_with(tmp_path, **changes):
    (tmp_path / "delivery.yaml").write_text(yaml.safe_dump({**LABEL, **changes}))
    return read_label(tmp_path / "delivery.yaml")


def without_checksums(folder, **changes):
    deliver(folder, **changes)
    (folder / "a.fits").unlink()
    write(folder / "a.fits", series_hdu(), checksum=False)
    seal(folder)
    return validate_delivery(folder)


def test_a_waived_error_is_a_warning_that_says_why(tmp_path):
    assert without_checksums(tmp_path / "a").verdict == "invalid"
    report = without_checksums(tmp_path / "b", waivers=[WAIVER])
    assert report.verdict == "valid"
    code = next(code for code in report.codes if code.rule == "FITS-NO-CHECKSUM")
    assert code.severity == "warning"
    assert "waived until 2099-12-31 by archive: an old program wrote it" in code.examples[0].message
    assert report.as_json()["waivers"][0]["reason"] == "an old program wrote it"


def test_an_expired_waiver_does_not_count(tmp_path):
    report = without_checksums(tmp_path / "a", waivers=[{**WAIVER, "expires": date(2020, 1, 1)}])
    assert report.verdict == "invalid"
    assert {code.rule for code in report.codes} >= {"FITS-NO-CHECKSUM", "WAIVER-EXPIRED"}


def test_the_last_day_counts_and_the_pattern_is_kept():
    waiver = Waiver("FITS-CHECKSUM", "a*.fits", "why", "who", TODAY)
    found = [Finding("FITS-CHECKSUM", "error", "m", path=name) for name in ("a1.fits", "b.fits")]
    assert [one.severity for one in apply_waivers(found, (waiver,), TODAY)] == ["warning", "error"]
    assert apply_waivers([], (waiver,), TODAY)[0].rule == "WAIVER-UNUSED"


@pytest.mark.parametrize(
    ("waiver", "rule"),
    [
        ({**WAIVER, "rule": "FITS-TRUNCATED"}, "WAIVER-RULE"),
        ({**WAIVER, "reason": " "}, "WAIVER-FORM"),
        ({**WAIVER, "expires": "2026-02-30"}, "WAIVER-FORM"),
        ({**WAIVER, "expires": "never"}, "WAIVER-FORM"),
        ({**WAIVER, "more": 1}, "WAIVER-FORM"),
        ({"rule": "FITS-CHECKSUM"}, "WAIVER-FORM"),
        ("FITS-CHECKSUM", "WAIVER-FORM"),
    ],
)
def test_what_is_no_waiver_is_refused(waiver, rule):
    with pytest.raises(FormatError) as caught:
        parse_waivers([waiver])
    assert caught.value.finding.rule == rule


def test_waivers_are_a_list():
    with pytest.raises(FormatError, match="WAIVER-FORM"):
        parse_waivers({"rule": "FITS-CHECKSUM"})


def test_old_names_can_be_waived_and_unsafe_ones_cannot(tmp_path):
    deliver(tmp_path / "a", waivers=[{**WAIVER, "rule": "FILE-CASE"}])
    (tmp_path / "a" / "a.fits").rename(tmp_path / "a" / "SMC_X-1+.fits")
    seal(tmp_path / "a")
    assert validate_delivery(tmp_path / "a").verdict == "valid"
    (tmp_path / "a" / "SMC_X-1+.fits").rename(tmp_path / "a" / "S (1).fits")
    seal(tmp_path / "a")
    assert "FILE-NAME" in {code.rule for code in validate_delivery(tmp_path / "a").codes}


COMMUNITY = {
    "kind": "community",
    "creators": ["0000-0002-1825-0097"],
    "papers": ["10.1051/0004-6361:20031443"],
    "description": "What it is.",
    "licence": "CC-BY-4.0",
}


def test_a_community_product_names_authors_paper_and_licence(tmp_path):
    assert label_with(tmp_path, **COMMUNITY).kind == "community"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": "friends"}, "LABEL-KIND"),
        ({**COMMUNITY, "creators": []}, "LABEL-COMMUNITY"),
        ({**COMMUNITY, "papers": []}, "LABEL-COMMUNITY"),
        ({**COMMUNITY, "licence": "mine"}, "LABEL-COMMUNITY"),
        ({**COMMUNITY, "creators": ["0000-0002-1825-0098"]}, "LABEL-ORCID"),
        ({**COMMUNITY, "papers": ["submitted"]}, "LABEL-PAPER"),
    ],
)
def test_what_is_no_community_label_is_refused(tmp_path, changes, rule):
    with pytest.raises(FormatError) as caught:
        label_with(tmp_path, **changes)
    assert caught.value.finding.rule == rule
