"""The JSON API gives the numbers that the pages draw."""

import html
import re

import numpy as np
import pytest

from archive import models, services
from tests.support.web_archive import CRAB, SERIES, SOURCE_COUNT, SPECTRUM


def test_root_names_its_endpoints(archive, client):
    document = client.get("/api/v1/").json()
    assert document["release"].endswith(".2")
    assert client.get(document["endpoints"]["sources"]).status_code == 200


def test_sources_page_by_page(archive, client):
    names, page = [], ""
    while page is not None:
        document = client.get("/api/v1/sources", {"size": "50", "page": page}).json()
        names += [row["source_id"] for row in document["sources"]]
        page = document["next_page"]
    assert len(names) == len(set(names)) == document["total"] == SOURCE_COUNT + 1


def test_source_with_names_and_products(archive, client):
    document = client.get(f"/api/v1/sources/{CRAB}").json()
    assert document["names"][0] == "Crab"
    assert (document["ra"], document["dec"]) == (83.63322, 22.01446)
    assert {product["product_id"] for product in document["products"]} == {SERIES, SPECTRUM}
    assert document["simulated"] is False


def test_cone_gives_separations(archive, client):
    (found,) = client.get("/api/v1/sources", {"ra": "83.63322", "dec": "23.01446", "radius": "1.5"}).json()["sources"]
    assert found["separation_deg"] == pytest.approx(1.0, abs=1e-9)


def test_light_curve_is_that_of_the_file(archive, client):
    document = client.get(f"/api/v1/products/{SERIES}/light-curve").json()
    first, second = document["curves"]
    assert (first["energy_min_kev"], second["energy_max_kev"], first["unit"]) == (20.0, 100.0, "ct/s")
    assert first["time_mjd_tt"][:2] == [54544.0, 54544.5]
    assert len(first["value"]) == len(first["error"]) == 50


def test_bins_are_weighted_means(archive, client):
    document = client.get(f"/api/v1/products/{SERIES}/light-curve", {"bin_d": "5"}).json()
    curve = document["curves"][0]
    assert sum(curve["points"]) == 50
    values = np.linspace(1, 2, 50)
    times = 54544.0 + 0.5 * np.arange(50)
    inside = np.floor(times / 5) == np.floor(times[0] / 5)
    assert curve["value"][0] == pytest.approx(values[inside].mean(), rel=1e-6)
    assert curve["error"][0] == pytest.approx(0.1 / np.sqrt(inside.sum()), rel=1e-6)


def test_spectrum_is_rate_per_channel_width(archive, client):
    document = client.get(f"/api/v1/products/{SPECTRUM}/spectrum").json()
    width = np.subtract(document["energy_max_kev"], document["energy_min_kev"])
    assert document["has_energies"]
    assert document["rate_per_kev"] == pytest.approx((np.array(document["rate"]) / width).tolist())
    assert document["units"]["rate_per_kev"] == "ct/s/keV"
    assert document["exposure_s"] == 1000.0


def test_product_names_its_files_with_digests(archive, client):
    document = client.get(f"/api/v1/products/{SPECTRUM}").json()
    assert [file["role"] for file in document["files"]] == ["science", "rmf"]
    for file in document["files"]:
        assert client.get(file["url"])["ETag"] == f'"{file["sha256"]}"'


def test_resolve(archive, client):
    assert client.get("/api/v1/resolve", {"name": "ngc 1952"}).json()["source"]["source_id"] == CRAB
    assert client.get("/api/v1/resolve", {"name": "gal 0 0"}).json()["ra"] == pytest.approx(266.40499, abs=1e-4)


@pytest.mark.parametrize(
    ("address", "status", "fault"),
    [
        ("/api/v1/sources/none", 404, "NotFoundFault"),
        ("/api/v1/products/none", 404, "NotFoundFault"),
        (f"/api/v1/products/{SPECTRUM}/light-curve", 400, "UsageFault"),
        (f"/api/v1/products/{SERIES}/spectrum", 400, "UsageFault"),
        (f"/api/v1/products/{SERIES}/light-curve?bin_d=0", 400, "UsageFault"),
        (f"/api/v1/products/{SERIES}/light-curve?bin_d=nan", 400, "UsageFault"),
        ("/api/v1/resolve?name=Planet+X", 404, "NotFoundFault"),
        ("/api/v1/resolve?name=double+name", 400, "UsageFault"),
        ("/api/v1/resolve?name=rev+3", 400, "UsageFault"),
        ("/api/v1/resolve?name=", 400, "UsageFault"),
        ("/api/v1/sources?ra=1", 400, "UsageFault"),
        ("/api/v1/sources?page=x", 400, "UsageFault"),
    ],
)
def test_bad_input_is_one_sentence_in_json(archive, client, address, status, fault):
    response = client.get(address)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["fault"] == fault
    assert len(error["message"]) > 20


def test_products_of_a_source_come_page_by_page(archive, client):
    delivery = models.Delivery.objects.get(delivery_id="real")
    more = models.Delivery(
        delivery_id="more", title="More", team="t", digest_sha256="4" * 64, received_at=delivery.received_at
    )
    rows = [
        {"product_id": f"p{n:03d}", "kind": "spectrum", "title": f"P {n}", "instrument": "spi", "source_id": CRAB}
        for n in range(25)
    ]
    with services.open_publication(delivery=more, description="More products") as publication:
        publication.merge(models.Product, rows)
    found, page = [], ""
    while page is not None:
        document = client.get(f"/api/v1/sources/{CRAB}", {"size": "10", "page": page}).json()
        assert document["product_total"] == 27
        found += [product["product_id"] for product in document["products"]]
        page = document["next_page"]
    assert len(found) == len(set(found)) == 27
    # None of the new ones has a file: the page draws what can be drawn and shows no error.
    page = client.get(f"/sources/{CRAB}").content.decode()
    assert f"/api/v1/products/{SPECTRUM}/spectrum" in page
    assert "/api/v1/products/p001/spectrum" not in page
    assert "no science file" in client.get("/products/p001").content.decode()


def test_every_page_links_a_call_that_answers(text, client):
    from tests.integration.website.test_pages import PAGES

    for address in {*PAGES, "/timeline", "/irem", "/usage", "/deliveries/", "/tables/"}:
        if address in {"/about", "/sky"}:  # words alone; the cut-out of the map is linked beside it
            continue
        found = re.search(r'<link rel="alternate" href="([^"]+)">', text(address))
        assert found, address
        assert client.get(html.unescape(found[1])).status_code in {200, 303}, (address, found[1])
