"""Pages described for search engines."""

import json
import re

import pytest

from tests.support.web_archive import CRAB, HOSTILE, HOSTILE_ID, SERIES, SPECTRUM


def described(html):
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def test_a_product_is_a_dataset_with_its_files(text):
    (found,) = described(text(f"/products/{SPECTRUM}"))
    assert (found["@context"], found["@type"]) == ("https://schema.org/", "Dataset")
    assert found["identifier"].startswith("ivo://")
    assert 50 <= len(found["description"]) <= 5000  # what search engines ask
    names = {file["name"]: file for file in found["distribution"]}
    assert set(names) == {"spectrum.fits", "rmf 1.fits"}
    assert re.fullmatch(r"[0-9a-f]{64}", names["rmf 1.fits"]["sha256"])
    assert names["rmf 1.fits"]["contentUrl"].endswith("/files/rmf%201.fits")


@pytest.mark.parametrize(
    ("address", "kind", "word"),
    [
        ("/", "DataCatalog", "Archipelago"),
        ("/releases/", "Dataset", "release"),
        (f"/sources/{CRAB}", "Dataset", "Crab"),
    ],
)
def test_other_pages(text, address, kind, word):
    (found,) = described(text(address))
    assert found["@type"] == kind
    assert word in found["name"]


def test_simulated_sources_say_so_and_lists_say_nothing(text):
    (found,) = described(text("/sources/J120000.0-450000"))
    assert "simulated" in found["name"]
    assert found["description"].startswith("SIMULATED")
    assert described(text("/sources/")) == []


def test_search_engines_read_english_whoever_asks(archive, client):
    address = f"/products/{SPECTRUM}"
    french = client.get(address, HTTP_ACCEPT_LANGUAGE="fr").content.decode()
    assert described(french) == described(client.get(address).content.decode())


def test_a_hostile_name_stays_a_text(text):
    page = text(f"/sources/{HOSTILE_ID}")
    (found,) = described(page)
    assert HOSTILE in found["name"]
    assert HOSTILE not in page


@pytest.mark.parametrize(
    ("address", "picture"),
    [
        ("/", "/coverage.png"),
        (f"/sources/{CRAB}", f"/sources/{CRAB}/sky.png"),
        (f"/products/{SERIES}", f"/preview/{SERIES}"),
    ],
)
def test_shared_links_have_a_picture_that_is_there(text, client, settings, address, picture):
    page = text(address)
    assert f'<meta property="og:image" content="{settings.PUBLIC_URL}{picture}">' in page
    assert "simulated data" in page.split('property="og:image:alt" content="')[1].split('"')[0]
    assert client.get(picture)["Content-Type"] == "image/png"
