"""The small archive of the website tests."""

import pytest

from tests.support.tap_worker import closed_pools
from tests.support.web_archive import fill_archive

__all__ = ["archive", "closed_pools", "text"]


@pytest.fixture
def archive(db, tmp_path, settings):
    """Fill the archive; gives the bytes of its light-curve file."""
    settings.FILES_ROOT = tmp_path / "files"
    settings.MAPS_ROOT = tmp_path / "maps"
    return fill_archive(tmp_path, map_order=4)


@pytest.fixture
def text(archive, client):
    """Fetch a page, check its status, give its text."""

    def fetch(address, status=200, **headers):
        response = client.get(address, **headers)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        assert response.status_code == status, (address, response.status_code, body[:400])
        return body.decode()

    return fetch
