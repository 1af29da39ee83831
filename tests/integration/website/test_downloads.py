"""Files: whole, in ranges, resumed, checked."""

import base64
import hashlib

import pytest

from tests.support.web_archive import SERIES, SPECTRUM

ADDRESS = f"/products/{SERIES}/files/series.fits"


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_file_with_all_that_a_client_needs_to_check_it(archive, client):
    response = client.get(ADDRESS)
    content = body(response)
    digest = hashlib.sha256(archive)
    assert content == archive
    assert response["ETag"] == f'"{digest.hexdigest()}"'
    assert response["Content-Length"] == str(len(archive))
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/fits"
    assert response["Content-Disposition"].startswith('attachment; filename="series.fits"')
    assert response["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def test_head_gives_the_headers_only(archive, client):
    response = client.head(ADDRESS)
    assert (response.status_code, body(response)) == (200, b"")
    assert response["Content-Length"] == str(len(archive))


@pytest.mark.parametrize(
    ("header", "part"),
    [("bytes=0-99", slice(0, 100)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None)), ("bytes=5-5", slice(5, 6)), ("bytes=10-999999999", slice(10, None))],
)  # fmt: skip
def test_a_range(archive, client, header, part):
    response = client.get(ADDRESS, headers={"Range": header})
    content = body(response)
    assert response.status_code == 206
    assert content == archive[part]
    assert response["Content-Length"] == str(len(content))
    start = archive.index(content) if part.start is None or part.start >= 0 else len(archive) + part.start
    assert response["Content-Range"].endswith(f"/{len(archive)}")
    assert response["Content-Range"].startswith("bytes ")
    assert start >= 0


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "pages=1-2", "bytes=9-3", "bytes=-", "bytes=x-1", "nonsense"])
def test_other_ranges_get_the_whole_file(archive, client, header):
    response = client.get(ADDRESS, headers={"Range": header})
    assert (response.status_code, len(body(response))) == (200, len(archive))


@pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=-0"])
def test_a_range_beyond_the_file_is_refused(archive, client, header):
    response = client.get(ADDRESS, headers={"Range": header})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(archive)}")


def test_a_resumed_download_joins_only_the_same_content(archive, client):
    etag = client.get(ADDRESS)["ETag"]
    same = client.get(ADDRESS, headers={"Range": "bytes=100-", "If-Range": etag})
    other = client.get(ADDRESS, headers={"Range": "bytes=100-", "If-Range": '"older"'})
    assert (same.status_code, other.status_code) == (206, 200)
    assert body(other) == archive


def test_an_unchanged_file_is_not_sent_again(archive, client):
    etag = client.get(ADDRESS)["ETag"]
    assert client.get(ADDRESS, headers={"If-None-Match": f'"x", {etag}'}).status_code == 304


def test_a_name_with_blanks_arrives(archive, client):
    response = client.get(f"/products/{SPECTRUM}/files/rmf 1.fits")
    assert response.status_code == 200
    assert "filename=\"rmf_1.fits\"; filename*=UTF-8''rmf%201.fits" in response["Content-Disposition"]


def test_a_damaged_file_is_not_sent(archive, client, settings):
    digest = hashlib.sha256(archive).hexdigest()
    path = settings.FILES_ROOT / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(archive[:-1])
    response = client.get(ADDRESS)
    assert response.status_code == 500
    assert "is damaged" in body(response).decode()


def test_a_file_can_only_be_read(archive, client):
    response = client.post(ADDRESS)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
