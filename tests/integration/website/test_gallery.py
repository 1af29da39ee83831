"""The gallery of products and the workflow behind each."""

import json
import re

from astropy.io import fits

from archive import models
from archive.website import workflow
from archive.website.views import gallery
from archive.website.workflow import MAX_HISTORY, _notes_of, read_workflows
from tests.support.web_archive import SERIES, SPECTRUM

URL = "http://127.0.0.1:8000"


def test_the_gallery_shows_what_each_product_was_made_of(text):
    page = text("/gallery")
    assert f'src="/preview/{SPECTRUM}"' in page
    assert "How it was made" in page
    assert "oda_api" in page
    assert "<script>alert" not in page


def test_filters_choose_and_an_empty_gallery_says_what_to_do(text):
    assert SERIES not in text("/gallery?kind=spectrum")
    assert SPECTRUM in text("/gallery?kind=spectrum&origin=real")
    assert "No product fits" in text("/gallery?origin=simulated&target=nothing")
    assert "kind is" in text("/gallery?kind=cake", 400)
    assert "origin is" in text("/gallery?origin=moon", 400)
    assert SPECTRUM in text("/gallery?delivery=real")


def test_pages_of_the_gallery_hold_every_product_once(text, monkeypatch):
    monkeypatch.setattr(gallery, "PAGE_SIZE", 1)
    seen, address = [], "/gallery"
    while address:
        page = text(address)
        seen += re.findall(r'<h2><a href="/products/([^"]+)"', page)
        found = re.search(r'rel="next" href="(\?[^"]+)"', page)
        address = f"/gallery{found[1].replace('&amp;', '&')}" if found else ""
    assert len(seen) == len(set(seen)) == models.Product.objects.filter(release_to=None).count()


def test_provenance_is_prov_json(text):
    document = json.loads(text(f"/products/{SPECTRUM}/provenance.json"))
    product = document["entity"]["archive:product"]
    assert product["prov:location"].endswith(f"/products/{SPECTRUM}")
    assert product["archive:simulated"] is False
    used = document["wasGeneratedBy"]["_:g1"]
    assert used == {"prov:entity": "archive:product", "prov:activity": "archive:making"}
    for member in document["hadMember"].values():
        assert len(document["entity"][member["prov:entity"]]["archive:sha256"]) == 64
    for usage in document["used"].values():
        assert usage["prov:entity"] in document["entity"]
    assert "no product" in text("/products/nothing/provenance.json", 404)


def test_inputs_lead_to_the_science_windows_that_are_held(archive):
    product = models.Product.objects.get(product_id=SERIES, release_to=None)
    product.metadata = {
        "inputs": ["004600070010.001", "a.fits"],
        "time_resolution_s": 100.0,
        "bands_kev": [[20.0, 40.0]],
    }
    found = read_workflows([product], {}, URL)[SERIES]
    assert [(i.label, i.link) for i in found.inputs[-2:]] == [("004600070010.001", "/scw/004600070010"), ("a.fits", "")]
    assert ("time bin", "100 s") in found.parameters
    assert ("energy bands", "20–40 keV") in found.parameters


def test_keywords_and_history_are_read_and_what_is_cut_is_said():
    header = fits.Header([("CREATOR", "ii_spectra 5.1", "program"), ("EXPOSURE", 12.5), ("NAXIS", 2)])
    for number in range(MAX_HISTORY + 3):
        header["HISTORY"] = f"step {number}"
    notes = _notes_of([("SPECTRUM", header), ("OTHER", header)])
    assert [(card.hdu, card.keyword, card.value) for card in notes.cards] == [
        ("SPECTRUM", "CREATOR", "ii_spectra 5.1"),
        ("SPECTRUM", "EXPOSURE", "12.5"),
    ]
    assert len(notes.history) == MAX_HISTORY
    assert notes.note == "3 lines of history more are in the file."


def test_the_page_of_a_product_says_how_it_was_made(text):
    page = text(f"/products/{SPECTRUM}")
    assert 'id="made"' in page
    assert "keywords of the file that say how" in page
    assert "disp.get_product(" in page
    assert f"{SPECTRUM}/provenance.json" in page


def test_a_file_without_readable_headers_is_named(archive):
    file = models.ProductFile(size_bytes=1, sha256="0" * 64)
    assert "could not be read" in workflow.read_notes(file).note
    file.size_bytes = workflow.MAX_NOTED_BYTES + 1
    assert "not read" in workflow.read_notes(file).note
