"""Pages are compressed; streams, files and pictures go out as they are."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from archive.website.compression import compress_pages
from tests.support.web_archive import CRAB

LONG = b"<p>integral</p>" * 100


def sent(rf, response, accepted="gzip"):
    return compress_pages(lambda _: response)(rf.get("/", headers={"accept-encoding": accepted}))


def test_a_page_of_the_archive_is_compressed_and_the_same(archive, client):
    address = f"/sources/{CRAB}"
    plain, packed = client.get(address), client.get(address, headers={"accept-encoding": "gzip, br"})
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content) / 3
    assert "Accept-Encoding" in packed["Vary"]
    assert "Accept-Encoding" in plain["Vary"]


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/json", "image/svg+xml"])
def test_what_is_ready_as_a_whole_is_compressed(rf, media_type):
    response = sent(rf, HttpResponse(LONG, content_type=media_type, headers={"ETag": '"a"'}))
    assert gzip.decompress(response.content) == LONG
    assert response["ETag"] == 'W/"a"'
    assert len(sent(rf, HttpResponse(LONG, content_type=media_type), "identity").content) == len(LONG)


@pytest.mark.parametrize(
    "response",
    [
        StreamingHttpResponse(iter([LONG]), content_type="application/json"),
        HttpResponse(LONG, content_type="image/png"),
        HttpResponse(LONG, content_type="application/fits"),
        HttpResponse(LONG, content_type="application/x-tar"),
        HttpResponse(LONG, content_type="application/x-votable+xml"),
        HttpResponse(LONG, content_type="application/json", headers={"Accept-Ranges": "bytes"}),
        HttpResponse(LONG, content_type="application/json", status=206, headers={"Content-Range": "bytes 0-9/99"}),
        HttpResponse(b"short", content_type="text/html"),
    ],
    ids=["stream", "png", "fits", "tar", "votable", "file", "range", "short"],
)
def test_the_rest_goes_out_as_it_is(rf, response):
    answer = sent(rf, response)
    assert answer is response
    assert "Content-Encoding" not in answer
    assert b"".join(answer) in {LONG, b"short"}


def test_scripts_are_compressed_and_keep_their_conditions_and_ranges(client):
    address = "/static/archive/archive.css"
    plain, packed = client.get(address), client.get(address, headers={"accept-encoding": "gzip"})
    content = b"".join(plain)
    assert "Content-Encoding" not in plain
    assert gzip.decompress(packed.content) == content
    assert int(packed["Content-Length"]) == len(packed.content) < len(content) / 2
    assert packed["Content-Type"] == plain["Content-Type"]
    assert plain["Vary"] == packed["Vary"] == "Accept-Encoding"
    same = {"accept-encoding": "gzip", "if-none-match": packed["ETag"]}
    assert client.get(address, headers=same).status_code == 304
    part = client.get(address, headers={"accept-encoding": "gzip", "range": "bytes=0-9"})
    assert (part.status_code, b"".join(part)) == (206, content[:10])
    head = client.head(address, headers={"accept-encoding": "gzip"})
    assert (head.status_code, b"".join(head)) == (200, b"")
