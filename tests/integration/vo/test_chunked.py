"""Requests that come in chunks without a length, as Java's clients send uploads."""

import io
from urllib.parse import urlencode

import pytest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


def ask(body):
    from archive.wsgi import application

    seen = {}
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/tap/sync",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    answer = application(environ, lambda status, headers, *_: seen.update(status=status, headers=dict(headers)))
    content = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return seen["status"], content


def test_a_chunked_body_is_read():
    form = {"QUERY": "SELECT COUNT(*) AS n FROM tap_schema.schemas", "RESPONSEFORMAT": "csv"}
    status, content = ask(urlencode(form).encode())
    assert status.startswith("200")
    assert content.startswith(b"n\n")


def test_too_long_a_chunked_body_is_refused(monkeypatch):
    monkeypatch.setattr("archive.wsgi.MOST_CHUNKED_BYTES", 1000)
    status, content = ask(b"x" * 200_000)
    assert status.startswith("413")
    assert b"more than 1000 bytes" in content


def test_the_status_is_there_before_the_answer_is_read():
    """Granian takes it when the application returns; inside of a generator it would be too late, and 200."""
    from archive.wsgi import application

    started = []
    body = b"REQUEST=doQuery&LANG=ADQL&QUERY=SELECT"
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/tap/sync",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    answer = application(environ, lambda status, _: started.append(status))
    assert started == ["400 Bad Request"]
    assert b"QUERY_STATUS" in b"".join(answer)
