"""Unfolded spectra: page, CSV and JSON of a spectrum with RMF and ARF, and the sentence where one is missing."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from django.contrib.staticfiles import finders

from archive import models, services
from archive.api.series import METHOD
from archive.storage import store_file
from tests.support import fits_files
from tests.support.web_archive import CRAB, SERIES, SPECTRUM


@pytest.fixture
def with_area(archive, tmp_path):
    """Publish the effective area that the sample spectrum lacks."""
    stored = store_file(fits_files.write(tmp_path / "arf.fits", fits_files.arf_hdu()))
    file = {
        "product_id": SPECTRUM, "role": "arf", "file_name": "arf.fits", "media_type": "application/fits",
        "sha256": stored.sha256, "size_bytes": stored.size_bytes,
    }  # fmt: skip
    delivery = models.Delivery(
        delivery_id="area", title="Area", team="t", digest_sha256="5" * 64, received_at=datetime.now(UTC)
    )
    with services.open_publication(delivery=delivery, description="Area") as publication:
        publication.merge(models.ProductFile, [file])


def test_page_csv_and_json_have_the_same_numbers(with_area, text, client):
    document = client.get(f"/api/v1/products/{SPECTRUM}/unfolded?index=2").json()
    assert document["photon_index"] == 2.0
    assert document["index_is_fitted"] is False
    rows = list(csv.DictReader(io.StringIO(text(f"/products/{SPECTRUM}/unfolded?index=2&format=csv"))))
    assert [float(row["energy_flux [erg/(cm**2.s)]"]) for row in rows] == document["energy_flux"]
    page = text(f"/products/{SPECTRUM}/unfolded?index=2")
    assert "photon index Γ = 2.00" in page
    # Page and plot translate the words of the API, and must not drift away from them.
    assert f"Method: {METHOD}." in page
    assert METHOD in Path(str(finders.find("archive/plots.js"))).read_text(encoding="utf-8")
    assert page.count("<tr>") == len(rows) + 1
    schema = client.get("/api/v1/schema").json()
    answer = schema["paths"]["/api/v1/products/{product_id}/unfolded"]["get"]["responses"]["200"]
    jsonschema.validate(document, answer["content"]["application/json"]["schema"])
    assert client.get(f"/api/v1/products/{SPECTRUM}/unfolded").json()["index_is_fitted"] is True


def test_pages_offer_it_where_the_responses_are(with_area, text):
    for address in (f"/sources/{CRAB}", f"/products/{SPECTRUM}"):
        assert f'data-unfolded="/api/v1/products/{SPECTRUM}/unfolded"' in text(address)
        assert f'href="/products/{SPECTRUM}/unfolded"' in text(address)


def test_without_area_nothing_is_offered_and_the_address_says_why(text):
    assert "unfolded" not in text(f"/products/{SPECTRUM}")
    assert "no effective area (ARF)" in text(f"/products/{SPECTRUM}/unfolded", 404)
    assert "no effective area (ARF)" in text(f"/api/v1/products/{SPECTRUM}/unfolded", 404)
    assert "not a spectrum" in text(f"/products/{SERIES}/unfolded", 400)


def test_an_index_out_of_range_gets_a_sentence(with_area, text):
    assert "index is" in text(f"/products/{SPECTRUM}/unfolded?index=50", 400)
