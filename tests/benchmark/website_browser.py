"""First and largest contentful paint and weight of each page in Debian's Chromium, nothing cached.

    python tests/benchmark/website_browser.py http://127.0.0.1:8000 [PAGE ...]

Each page is opened `REPEATS` times in a new browser context; the medians are printed, with the bytes as they came over the
wire (compressed) and the number of requests. Aims: first paint within 1 s, largest within 2 s, 350 kB without the sky viewer.
"""

import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
REPEATS = 3
AIMS = {"first paint, ms": 1000.0, "largest paint, ms": 2000.0, "weight, kB": 350.0}
PAINTS = """() => new Promise((done) => {
  const first = performance.getEntriesByName('first-contentful-paint')[0];
  new PerformanceObserver((list) => {
    const largest = list.getEntries().at(-1);
    done([first?.startTime ?? null, largest?.startTime ?? null]);
  }).observe({type: 'largest-contentful-paint', buffered: true});
  setTimeout(() => done([first?.startTime ?? null, null]), 3000);
})"""


def open_page(browser: Browser, address: str) -> tuple[float, float, float, int]:
    """Open a page as a new visitor: first and largest paint (ms), kB over the wire, number of requests."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    bytes_of: list[float] = []
    session.on("Network.loadingFinished", lambda event: bytes_of.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    first, largest = page.evaluate(PAINTS)
    context.close()
    return first or float("nan"), largest or float("nan"), sum(bytes_of) / 1e3, len(bytes_of)


def main(base: str, pages: list[str]) -> None:
    """Print a line for every page, and how many miss an aim."""
    from tests.benchmark.website import find_pages

    missed = 0
    print(f"{'page':70} first paint  largest paint, ms   kB  requests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        open_page(browser, base + "/")
        for page in pages or [address for address in find_pages(base) if shown(address)]:
            found = [open_page(browser, base + page) for _ in range(REPEATS)]
            first, largest, weight = (statistics.median(run[place] for run in found) for place in range(3))
            heavy = weight > AIMS["weight, kB"] and not page.startswith(("/sky", "/hips"))
            late = first > AIMS["first paint, ms"] or largest > AIMS["largest paint, ms"]
            missed += heavy or late
            mark = "  <- aim missed" if heavy or late else ""
            print(f"{page[:70]:70} {first:11.0f} {largest:14.0f} {weight:8.1f} {found[0][3]:5}{mark}", flush=True)
        browser.close()
    print(f"{missed} pages miss an aim: {AIMS}")


def shown(address: str) -> bool:
    """Leave out files, fragments and the depths of tables, which look like their first pages."""
    return not any(part in address for part in (".json", ".png", ".ipynb", "/suggest", "&page="))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(sys.argv[1].rstrip("/"), sys.argv[2:])
