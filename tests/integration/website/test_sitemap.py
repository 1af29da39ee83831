"""The site map names the pages of the current release at the host that was asked."""

from urllib.parse import urlsplit

from defusedxml.ElementTree import fromstring
from django.conf import settings

from tests.support.web_archive import CRAB, SERIES

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def addresses(client, path):
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (200, "application/xml")
    found = [element.text for element in fromstring(response.content).iter(f"{NAMESPACE}loc")]
    assert {urlsplit(address).scheme for address in found} == {urlsplit(settings.PUBLIC_URL).scheme}
    return [urlsplit(address).path for address in found]


def test_every_address_of_the_map_is_there(archive, client):
    parts = addresses(client, "/sitemap.xml")
    assert parts == ["/sitemap-pages.xml", "/sitemap-sources.xml", "/sitemap-products.xml"]
    pages, sources, products = (addresses(client, part) for part in parts)
    assert f"/sources/{CRAB}" in sources
    assert f"/products/{SERIES}" in products
    pages.remove("/upper-limits/")  # no limits are built in this small archive
    for address in (*pages, sources[0], products[0]):
        assert client.get(address).status_code == 200, address
    assert f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml" in client.get("/robots.txt").content.decode()
