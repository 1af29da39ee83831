"""Known issues: the findings of a delivery's checks stand with the products whose files they are about."""

import pytest

from archive import models
from archive.website import known_issues
from tests.support.web_archive import CRAB, SERIES, SPECTRUM


@pytest.fixture
def findings(archive):
    known_issues._read_issues.cache_clear()
    rows = [
        {"path": "data/spectrum.fits", "rule": "FITS-CHECKSUM", "severity": "warning", "message": "<b>bad sum", "found": "x"},
        {"path": "spectrum.fits", "rule": "NOTE", "severity": "info", "message": "no matter", "found": ""},
        {"path": "other.fits", "rule": "OTHER", "severity": "error", "message": "of another file", "found": ""},
    ]  # fmt: skip
    models.Delivery.objects.filter(delivery_id="real").update(findings=rows)
    yield
    known_issues._read_issues.cache_clear()


def test_a_product_shows_the_findings_of_its_files_only(findings, text):
    page = text(f"/products/{SPECTRUM}").split('id="issues"')[1]
    assert "FITS-CHECKSUM" in page
    assert "&lt;b&gt;bad sum" in page
    assert "no matter" not in page
    assert "of another file" not in page
    assert "found nothing to warn of" in text(f"/products/{SERIES}")


def test_a_source_shows_those_of_its_products(findings, text):
    page = text(f"/sources/{CRAB}")
    assert 'href="#issues"' in page
    assert "FITS-CHECKSUM" in page.split('id="issues"')[1]
