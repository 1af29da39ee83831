#!/usr/bin/env python3
"""Ask a running archive one question of every kind and check the answers.

    python3 deploy/smoke.py https://archive.example.org
    python3 deploy/smoke.py --health http://127.0.0.1:8000      (only whether it is up; for health checks)

Needs Python's standard library only. Exit code 0 when everything is as it should be.
"""

import argparse
import contextlib
import csv
import io
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

CRAB = (83.6332, 22.0145)
"""ICRS degrees; bright in every hard X-ray map."""

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, header fields in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class UnexpectedError(Exception):
    """An answer is not what it should be; the text says how."""


class AbsentError(UnexpectedError):
    """Status 404 where something was expected."""


def ask(url: str, form: Mapping[str, str] | None = None, *, expect: int = 200) -> Answer:
    """Fetch `url` (POST where there is a form) and check the status."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, data=data, headers={"User-Agent": "archipelago-smoke"})  # noqa: S310 - the operator's own address
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - same
            answer = Answer(response.status, _lower(response.headers.items()), response.read())
    except urllib.error.HTTPError as error:
        answer = Answer(error.code, _lower(error.headers.items()), error.read())
    except OSError as error:
        raise UnexpectedError(f"{url}: no answer ({error})") from error
    if answer.status != expect:
        kind = AbsentError if answer.status == HTTPStatus.NOT_FOUND else UnexpectedError
        raise kind(f"{url}: status {answer.status}, expected {expect}: {answer.text[:300]!r}")
    return answer


def _lower(items: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in items}


def require(condition: object, sentence: str) -> None:
    """Raise `UnexpectedError` with the sentence unless the condition holds."""
    if not condition:
        raise UnexpectedError(sentence)


def check_health(base: str) -> str:
    """VOSI availability says that the service is available (VOSI 1.1 section 5)."""
    answer = ask(f"{base}/tap/availability")
    require("<html" not in answer.text.lower(), "/tap/availability is a page, expected XML")
    require("true</" in answer.text.replace(" ", ""), f"/tap/availability does not say available: {answer.text[:300]}")
    return "available"


def check_home(base: str) -> str:
    """The home page is complete, styled, and asks nothing from other hosts."""
    answer = ask(f"{base}/")
    require(answer.media_type == "text/html", f"the home page is {answer.media_type}")
    require("default-src 'self'" in answer.headers.get("content-security-policy", ""), "no content security policy")
    require("Archipelago" in answer.text, "the home page does not name Archipelago")
    styles = [part.split('"')[0] for part in answer.text.split('href="')[1:] if ".css" in part.split('"')[0]]
    require(styles, "the home page names no style sheet")
    for style in styles:
        sheet = ask(urllib.parse.urljoin(f"{base}/", style))
        require(sheet.media_type == "text/css", f"{style} is {sheet.media_type}")
    return f"{len(answer.body)} bytes, {len(styles)} style sheets"


def check_tap(base: str) -> str:
    """A synchronous query as VOTable and as CSV."""
    query = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM integral.science_windows"}
    votable = ask(f"{base}/tap/sync", query)
    require("votable" in votable.media_type or "xml" in votable.media_type, f"TAP answers {votable.media_type}")
    require('value="OK"' in votable.text, f"no QUERY_STATUS OK in {votable.text[:400]!r}")
    table = list(csv.reader(io.StringIO(ask(f"{base}/tap/sync", {**query, "RESPONSEFORMAT": "csv"}).text)))
    require(len(table) == 2 and int(table[1][0]) > 0, f"TAP counts {table}, expected one number above 0")
    return f"{table[1][0]} science windows"


def check_tap_error(base: str) -> str:
    """A wrong query is answered with a VOTable that says what is wrong, never with a page."""
    answer = ask(f"{base}/tap/sync", {"LANG": "ADQL", "QUERY": "SELECT wrong FROM"}, expect=400)
    require("xml" in answer.media_type or "votable" in answer.media_type, f"TAP's error is {answer.media_type}")
    require('value="ERROR"' in answer.text, f"no QUERY_STATUS ERROR in {answer.text[:400]!r}")
    return "refused as VOTable"


def check_hips(base: str) -> str:
    """The list of sky maps, the properties of each, and a tile."""
    records = [record for record in ask(f"{base}/hips/list").text.strip().split("\n\n") if record.strip()]
    require(records, "the list of sky maps is empty")
    for record in records:
        listed = _read_properties(record)
        path = urllib.parse.urlsplit(listed["hips_service_url"]).path.rstrip("/")
        told = _read_properties(ask(f"{base}{path}/properties").text)
        require(told.get("creator_did") == listed.get("creator_did"), f"{path}: list and properties disagree")
    tile = find_tile(f"{base}{path}", told)
    require(tile.headers.get("access-control-allow-origin") == "*", "a tile may not be read from other hosts' pages")
    return f"{len(records)} sky maps, tile of {len(tile.body)} bytes"


def find_tile(survey: str, told: Mapping[str, str]) -> Answer:
    """The first tile of the lowest order that has any sky; tiles outside the observed sky are absent."""
    form = told["hips_tile_format"].split()[0]
    suffix = {"jpeg": "jpg"}.get(form, form)
    order = int(told.get("hips_order_min", "0"))
    for ipix in range(12 * 4**order):
        url = f"{survey}/Norder{order}/Dir{ipix // 10000 * 10000}/Npix{ipix}.{suffix}"
        with contextlib.suppress(AbsentError):
            return ask(url)
    raise UnexpectedError(f"{survey}: no tile of order {order} is there")


def _read_properties(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def check_upper_limit(base: str) -> str:
    """The upper limit at the Crab is a number with a unit."""
    answer = ask(f"{base}/api/v1/upper-limits?ra={CRAB[0]}&dec={CRAB[1]}")
    require(answer.media_type == "application/json", f"the upper limit is {answer.media_type}")
    document = json.loads(answer.text)
    require(document, "the upper limit is an empty document")
    return f"{len(answer.body)} bytes of JSON"


CHECKS: Mapping[str, Callable[[str], str]] = {
    "health": check_health,
    "home": check_home,
    "tap": check_tap,
    "tap-error": check_tap_error,
    "hips": check_hips,
    "upper-limit": check_upper_limit,
}


def main() -> int:
    """Run the checks and print a line for each."""
    parser = argparse.ArgumentParser(description="Ask a running archive one question of every kind.")
    parser.add_argument("base", help="address of the archive, as https://archive.example.org")
    parser.add_argument("--health", action="store_true", help="only ask whether the archive is up")
    parser.add_argument("--skip", action="append", default=[], choices=sorted(CHECKS), help="leave a check out")
    options = parser.parse_args()
    names = ["health"] if options.health else [name for name in CHECKS if name not in options.skip]
    failed = 0
    for name in names:
        begin = time.monotonic()
        try:
            said, word = CHECKS[name](options.base.rstrip("/")), "ok"
        except (UnexpectedError, ValueError, KeyError) as error:
            said, word, failed = f"{error}", "FAILED", failed + 1
        print(f"  {name:12} {word:7} {time.monotonic() - begin:6.2f} s  {said}", flush=True)
    for name in options.skip:
        print(f"  {name:12} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
