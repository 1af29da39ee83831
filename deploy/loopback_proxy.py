"""Check what nginx itself answers: its cache, its limits, and its words when the archive is down; used by loopback.sh.

Usage: ``loopback_proxy.py http://127.0.0.1:18080``; with ``--down`` where the archive has been stopped.
"""

import http.client
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from smoke import UnexpectedError, ask, require

DIALECTS = {
    "/": ("text/html", "<h1>"),
    "/tap/sync": ("application/x-votable+xml", 'value="ERROR"'),
    "/api/v1/sources": ("application/json", '"ServiceUnavailable"'),
    "/hips/list": ("text/plain", "not reachable"),
}
"""What the words of nginx must be: media type and a mark in the text."""


def check_cache(base: str) -> str:
    """A file of a map version is fetched from the archive once."""
    url = find_version_file(base)
    first = ask(url)
    second = ask(url)
    require("immutable" in first.headers.get("cache-control", ""), f"{url} is not marked immutable")
    require(second.headers.get("x-cache") == "HIT", f"{url} asked twice: nginx says {second.headers.get('x-cache')}")
    require(first.body == second.body, f"{url}: the copy differs")
    return "second answer from nginx's cache"


def find_version_file(base: str) -> str:
    """Address of the properties of the first sky map, under the version served now."""
    listed = ask(f"{base}/hips/list").text
    survey = next(line for line in listed.splitlines() if line.startswith("hips_service_url")).rsplit("/", 1)[1].strip()
    page = ask(f"{base}/hips/").text
    version = page.split("/hips/v/", 1)[1].split("/", 1)[0].split('"', 1)[0]
    return f"{base}/hips/v/{version}/{survey}/properties"


def check_too_large(base: str) -> str:
    """A request above the limit is refused in the client's own language, before it is sent."""
    parts = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.putrequest("POST", "/tap/sync")
    connection.putheader("Content-Length", str(65 * 1024 * 1024))
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    require(answer.status == http.client.REQUEST_ENTITY_TOO_LARGE, f"65 MB to TAP: status {answer.status}")
    require('value="ERROR"' in text, f"65 MB to TAP: {text[:200]!r}")
    return "65 MB to TAP refused as VOTable"


def check_quiet(base: str) -> str:
    """Nginx does not tell its version."""
    server = ask(f"{base}/").headers.get("server", "")
    require("/" not in server, f"the Server header is {server!r}")
    return f"Server: {server}"


def check_down(base: str) -> str:
    """Without the archive each kind of client gets words that it can read, and when to come back."""
    for path, (media_type, mark) in DIALECTS.items():
        answer = ask(f"{base}{path}", expect=503)
        require(answer.media_type == media_type, f"{path}: {answer.media_type}, expected {media_type}")
        require(mark in answer.text, f"{path}: no {mark} in {answer.text[:200]!r}")
        require(answer.headers.get("retry-after") == "30", f"{path}: no Retry-After")
    return ", ".join(f"{path} {media_type}" for path, (media_type, _) in DIALECTS.items())


def main() -> int:
    """Run the checks and print a line for each."""
    base = sys.argv[1]
    checks = [check_down] if "--down" in sys.argv else [check_cache, check_too_large, check_quiet]
    failed = 0
    for check in checks:
        try:
            print(f"  {check.__name__.removeprefix('check_'):12} ok      {check(base)}", flush=True)
        except (UnexpectedError, OSError, IndexError, StopIteration) as error:
            failed += 1
            print(f"  {check.__name__.removeprefix('check_'):12} FAILED  {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
