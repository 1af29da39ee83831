"""Time the pages of a full-size simulated mission; docs/performance.md says how it is run.

    python tests/benchmark/website.py fill                       # 1,000,000 product rows, 20,000,000 light-curve points
    python tests/benchmark/website.py measure http://127.0.0.1:8000

`fill` needs an archive that holds the simulated mission of 200,000 science windows; its rows are labelled simulated.
"""

import base64
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

PRODUCTS, CURVES, POINTS = 1_000_000, 2_000, 10_000
VERSION_COLUMNS = {"id", "release_from", "release_to", "delivery", "simulated", "hpx", "x", "y", "z"}
REPEATS, USERS, PAGES_PER_USER = 20, 100, 10


def fill() -> None:
    """Copy the products of the mission to a million rows; two thousand of them get a file of ten thousand points."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
    import django

    django.setup()
    from archive import models, services
    from archive.storage import store_file
    from tests.support import fits_files

    files, now = [], datetime.now(UTC)
    kept = [column.name for column in models.Product._meta.concrete_fields if column.name not in VERSION_COLUMNS]
    found = models.Product.objects.filter(release_to=None, source_id__gt="", x__isnull=False)
    templates = list(found.exclude(product_id__startswith="bench-").values(*kept))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(CURVES):
            name = f"bench-{number:07d}"
            path = Path(folder) / f"{name}.fits"
            fits_files.write(path, fits_files.series_hdu(rows=POINTS, NUMBER=number))
            stored = store_file(path)
            models.StoredFile.objects.get_or_create(
                sha256=stored.sha256, defaults={"size_bytes": stored.size_bytes, "stored_at": now}
            )
            files.append(
                {
                    "product_id": name,
                    "role": "science",
                    "file_name": path.name,
                    "media_type": "application/fits",
                    "sha256": stored.sha256,
                    "size_bytes": stored.size_bytes,
                }
            )
            path.unlink()
    delivery = models.Delivery(
        delivery_id="benchmark-products",
        title="Rows of the benchmark",
        team="benchmark",
        simulated=True,
        digest_sha256="0" * 64,
        received_at=now,
    )
    begin = time.monotonic()
    with services.open_publication(delivery=delivery, description="Rows of the benchmark (simulated)") as publication:
        publication.merge(models.Product, make_rows(templates))
        publication.merge(models.ProductFile, files)
    print(f"{PRODUCTS:,} products, {len(files):,} files published in {time.monotonic() - begin:.0f} s")


def make_rows(templates: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows like those of the mission's light curves and spectra, spread over the sky around their sources."""
    for number in range(PRODUCTS):
        row = dict(templates[number % len(templates)])
        shift = 0.05 * (number // len(templates) % 100)
        row |= {"product_id": f"bench-{number:07d}", "dec": max(-89.0, row["dec"] - shift)}
        if number < CURVES:
            row |= {"kind": "light_curve", "sample_count": POINTS}
        yield row


def fetch(address: str) -> tuple[int, float, int]:
    """Fetch a page: status, seconds, bytes."""
    begin = time.perf_counter()
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, time.perf_counter() - begin, len(body)


def measure(base: str) -> None:
    """Time every kind of page, then let a hundred users browse at once."""
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    pages = sys.argv[3:] or find_pages(base)
    for page in pages:
        found = [fetch(base + page) for _ in range(REPEATS)]
        times = np.array([seconds for _, seconds, _ in found]) * 1e3
        print(
            f"{page[:70]:70} {found[0][0]}  median {np.median(times):6.1f}  p95 {np.percentile(times, 95):6.1f} ms"
            f"  {found[0][2] / 1e3:6.1f} kB"
        )
    browse(base, pages)


PAGES = (
    "/", "/timeline", "/about", "/status", "/releases/", "/usage", "/tables/", "/sources/", "/sources/?sort=-products",
    "/sources/?ra=83.63&dec=22.01&radius=20&sort=-flux", "/observations/", "/observations/?sort=-exposure", "/observations/?target=Crab",
    "/revolutions/", "/products/", "/products/?sort=-time", "/products/?kind=spectrum&instrument=isgri", "/irem",
    "/tables/integral.observations", "/tables/integral.observations?sort=-exposure_s",
    "/tables/integral.science_windows", "/tables/integral.science_windows?sort=-tstart_mjd_tt",
    "/tables/integral.science_windows?near=Crab&radius=10", "/tables/integral.science_windows?near=Crab&radius=10&sort=-good_isgri_s",
    "/tables/integral.science_windows?tstart_mjd_tt=2010-01-01..2010-03-01",
    "/tables/integral.products", "/tables/integral.products?sort=-exposure_s", "/tables/integral.products?sort=tstart_mjd_tt",
    "/tables/integral.products?kind=spectrum&sort=-product_id", "/tables/integral.products?instrument=isgri&kind=light_curve",
    "/tables/integral.products?near=Crab&radius=5", "/tables/integral.products?near=Crab&radius=5&sort=-product_id",
    "/tables/integral.products?title=crab", "/tables/integral.product_files", "/tables/integral.sources?sort=-ra",
    "/search?q=83.63+22.01", "/search?q=cyg", "/search?q=2010-01-01", "/search/suggest?q=cy", "/quicklook?where=crab", "/sky",
    "/sky/marks.json", "/upper-limits/?position=crab",
)  # fmt: skip
"""One of every kind of page and order that a reader may ask for."""


def name_pages(first: Callable[[str], str]) -> list[str]:
    """Pages of single things, those with the most rows; `first` gives the first value of a query."""
    most = "SELECT source_id FROM integral.products WHERE source_id <> '' GROUP BY source_id ORDER BY COUNT(*) DESC"
    source, window = first(most), first("SELECT scw_id FROM integral.science_windows ORDER BY scw_id DESC")
    return [
        f"/sources/{source}",
        f"/sources/{source}/notebook.ipynb",
        f"/sources/{source}/sky.png",
        f"/observations/{first('SELECT obs_id FROM integral.observations ORDER BY obs_id DESC')}",
        f"/scw/{window}",
        f"/revolutions/{int(window[:4])}",
        f"/proposals/{first('SELECT proposal_id FROM integral.observations ORDER BY obs_id DESC')}",
        "/products/bench-0000007",
        "/products/bench-0000007/points",
    ]


def deep_pages(first: Callable[[str], str]) -> list[str]:
    """Pages from the middle and the end of a million rows, as their readers come to them: by the mark of a page."""
    found = []
    for table, key, columns in (
        ("integral.products", "product_id", ("product_id", "tstart_mjd_tt", "exposure_s", "target_name", "ra")),
        ("integral.science_windows", "scw_id", ("scw_id", "tstart_mjd_tt", "good_isgri_s")),
    ):
        middle = first(f"SELECT {key} FROM {table} WHERE {key} > '{MIDDLE[key]}' ORDER BY {key}")
        for column in columns:
            value = first(f"SELECT {column} FROM {table} WHERE {key} = '{middle}'")
            number = column not in {key, "target_name"}
            if value == "None":
                continue
            values = [float(value) if number else value] + ([middle] if column != key else [])
            for sort in (column, f"-{column}"):
                mark = json.dumps(["a", sort, *values], separators=(",", ":"))
                found.append(
                    f"/tables/{table}?sort={sort}&page={base64.urlsafe_b64encode(mark.encode()).decode().rstrip('=')}"
                )
    return found


MIDDLE = {"product_id": "bench-0500000", "scw_id": "1200"}


def find_pages(base: str) -> list[str]:
    """One address for every kind of page, and the depths of the large tables, found by TAP."""

    def first(query: str) -> str:
        form = urllib.parse.urlencode({"LANG": "ADQL", "FORMAT": "json", "MAXREC": 1, "QUERY": query})
        with urllib.request.urlopen(f"{base}/tap/sync?{form}") as answer:
            return str(json.load(answer)["data"][0][0])

    return [*name_pages(first), *PAGES, *deep_pages(first)]


def browse(base: str, pages: list[str]) -> None:
    """Let `USERS` users fetch pages at the same time."""
    found: list[tuple[int, float, int]] = []
    refused: Counter[str] = Counter()

    def user(number: int) -> None:
        for step in range(PAGES_PER_USER):
            page = pages[(number + step) % len(pages)]
            answer = fetch(base + page)
            found.append(answer)
            if answer[0] != 200:
                refused[f"{answer[0]} {page}"] += 1

    threads = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begin
    times = [seconds for _, seconds, _ in found]
    bad = sum(status != 200 for status, _, _ in found)
    print(
        f"{USERS} users, {len(found)} pages in {elapsed:.1f} s, {len(found) / elapsed:.0f} pages/s, "
        f"median {statistics.median(times) * 1e3:.0f} ms, errors {bad}"
    )
    for page, count in refused.most_common(20):
        print(f"   {count} times {page}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.argv[1:2] == ["fill"]:
        fill()
    else:
        measure(sys.argv[2].rstrip("/"))
