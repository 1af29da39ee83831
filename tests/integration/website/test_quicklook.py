"""The quick-look form: what fits place, interval and band, and what is wrong with a form."""

import pytest

from tests.support.web_archive import CRAB, SERIES, SPECTRUM

pytestmark = pytest.mark.django_db


def test_a_source_has_its_image_light_curve_spectrum_limits_and_a_link_to_mmoda(text):
    page = text("/quicklook?where=crab&from=2003-01-01&to=2030-01-01")
    assert f"/sources/{CRAB}" in page
    assert f"/api/v1/products/{SERIES}/light-curve" in page
    assert f"/api/v1/products/{SPECTRUM}/spectrum" in page
    assert f"/soda/sync?ID={SERIES}&amp;TIME=52640.000743%20" in page
    assert "/api/v1/cutout?survey=isgri" in page
    assert "https://www.astro.unige.ch/mmoda/?instrument=isgri" in page
    assert "T1=2003-01-01" in page


def test_a_position_finds_the_same_products(text):
    assert f"/products/{SERIES}" in text("/quicklook?where=83.633+22.0145")


def test_products_outside_the_interval_are_left_out(text):
    page = text("/quicklook?where=crab&from=1990-01-01&to=1990-02-01")
    assert f"/products/{SERIES}" not in page
    # The spectrum of the small archive says no times: it is shown rather than left out without a word.
    assert f"/products/{SPECTRUM}" in page
    nothing = text("/quicklook?where=10+80")
    assert "No light curve or spectrum of this place fits" in nothing


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("where=nowhere-at-all", 404, "no source in the archive is called"),
        ("where=crab&from=yesterday", 400, "yesterday"),
        ("where=crab&from=2004-01-01&to=2003-01-01", 400, "to must be later than from"),
        ("where=crab&band=7", 400, "band is"),
        ("where=crab&bin=7", 400, "bin is"),
        ("where=0046", 400, "where is"),
        ("where=%3Cscript%3E", 404, "&lt;script&gt;"),
    ],
)
def test_a_bad_form_gets_a_sentence(text, query, status, sentence):
    page = text(f"/quicklook?{query}", status)
    assert sentence in page
    assert "<script>" not in page.replace("<script type", "")
