"""Sessions of requests that end every connection, so that a live server's thread gives its database back."""

import requests


def closing_session(monkeypatch) -> requests.Session:
    """Session whose every connection ends with its response; pyvo uses it too.

    A client that only *asks* for the end may send its next request into a connection that Django's server is closing: it
    does not say ``Connection: close`` itself. It speaks HTTP/1.0 here, whose connections end without a word.
    """
    session = requests.Session()
    session.headers["Connection"] = "close"
    monkeypatch.setattr("django.core.servers.basehttp.ServerHandler.http_version", "1.0")
    monkeypatch.setattr("pyvo.dal.query.use_session", lambda _session: session)
    return session
