"""Photograph every kind of page in both themes for docs/explanation/pages.md, from a running archive with simulated data only.

    ./archipelago demo --port 8210        # in a checkout without a shared data folder beside it
    python tests/browser/take_screenshots.py http://127.0.0.1:8210 [NAME ...]

Writes docs/images/pages/NAME-light.webp and NAME-dark.webp with Debian's Chromium. The pages are found by what the
archive holds, so the command works on any archive; pictures for the documentation are of simulated data, and say so.
"""

import io
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parents[2] / "docs" / "images" / "pages"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"]
WIDTH, HEIGHT, TALLEST = 1280, 860, 1500
PHONE_WIDTH = 390
QUALITY, SHOWN_WIDTH = 60, 1000
SCROLL = """async () => {
  for (let y = 0; y < 2400; y += 400) { scrollTo(0, y); await new Promise((done) => setTimeout(done, 60)); }
  scrollTo(0, 0);
}"""


def find_pages(base: str) -> dict[str, str]:
    """One address for every kind of page, by the name of its picture."""

    def first(query: str, otherwise: str = "") -> str:
        form = urllib.parse.urlencode({"LANG": "ADQL", "FORMAT": "json", "MAXREC": 1, "QUERY": query})
        with urllib.request.urlopen(f"{base}/tap/sync?{form}") as answer:
            rows = json.load(answer)["data"]
        return str(rows[0][0]) if rows else otherwise

    source = first("SELECT source_id FROM integral.source_names WHERE normalized_name = 'CRAB'")
    named = f"source_id = '{source}'"
    series = first(
        f"SELECT product_id FROM integral.products WHERE {named} AND kind = 'long_timeseries' ORDER BY product_id"
    )
    spectrum = first(
        f"SELECT product_id FROM integral.products WHERE {named} AND kind = 'spectrum' ORDER BY product_id"
    )
    window = first(
        "SELECT scw_id FROM integral.science_windows WHERE kind = 'pointing' AND obs_id <> '' ORDER BY scw_id"
    )
    observation = first(f"SELECT obs_id FROM integral.science_windows WHERE scw_id = '{window}'")
    burst = first("SELECT name FROM integral.spi_grb_catalogue ORDER BY name")
    omc = first("SELECT omc_id FROM integral.omc_catalogue ORDER BY omc_id")
    delivery = first("SELECT delivery_id FROM integral.products WHERE simulated = TRUE ORDER BY delivery_id")
    newest = first("SELECT release FROM integral.products ORDER BY release DESC")
    before = first(f"SELECT release FROM integral.products WHERE release < '{newest}' ORDER BY release DESC")
    query = urllib.parse.quote("SELECT TOP 200 ra, dec, name FROM integral.sources ORDER BY name")
    pages = {
        "home": "/",
        "search": "/search?q=83.63+22.01",
        "sources": "/sources/?sort=-flux",
        "source": f"/sources/{source}",
        "observations": "/observations/",
        "observation": f"/observations/{observation}",
        "science-window": f"/scw/{window}",
        "revolutions": "/revolutions/",
        "revolution": f"/revolutions/{int(window[:4])}",
        "proposal": f"/proposals/{first('SELECT proposal_id FROM integral.observations ORDER BY obs_id')}",
        "burst": f"/bursts/{urllib.parse.quote(burst)}" if burst else "",
        "omc": "/omc/",
        "omc-target": f"/omc/{urllib.parse.quote(omc)}" if omc else "",
        "irem": "/irem",
        "timeline": "/timeline",
        "gallery": "/gallery",
        "products": "/products/",
        "light-curve": f"/products/{series}",
        "spectrum": f"/products/{spectrum}",
        "unfolded": f"/products/{spectrum}/unfolded",
        "numbers": f"/products/{series}/points",
        "tables": "/tables/",
        "table": "/tables/integral.science_windows?near=Crab&radius=20",
        "targets": "/targets",
        "basket": "/basket",
        "quicklook": "/quicklook?where=crab",
        "sky": "/sky?ra=83.633&dec=22.0145&fov=40",
        "sky-polygon": "/sky?ra=83.633&dec=22.0145&fov=40",
        "hips": "/hips/",
        "mocs": "/mocs/?op=intersection&moc=isgri-year-2002&moc=circle+266.4+-29+20",
        "adql": f"/tap?query={query}",
        "upper-limits": "/upper-limits/?position=crab",
        "upper-limits-method": "/upper-limits/method",
        "releases": "/releases/",
        "release": f"/releases/{newest}",
        "differences": f"/releases/diff?from={before}&to={newest}",
        "deliveries": "/deliveries/",
        "delivery": f"/deliveries/{urllib.parse.quote(delivery)}",
        "api": "/api/v1/docs",
        "status": "/status",
        "usage": "/usage",
        "about": "/about",
        "feedback": "/feedback",
        "login": "/account/login",
        "not-found": "/no-such-page",
        # From here on somebody is logged in.
        "workspace": "/account/queries",
        "account": "/account",
        "contribute": "/contribute",
    }
    return {name: address for name, address in pages.items() if address}


def fill_basket(page: Page, base: str) -> None:
    """Put what the source page has into the basket first."""
    page.goto(base + find_pages(base)["source"])
    page.get_by_role("button", name="All into the basket").click()
    page.wait_for_url("**/basket")


def look_up_targets(page: Page, _: str) -> None:
    """Look a list up, so that the picture shows answers."""
    page.fill("#targets", "Crab\nCyg X-1\n83.70 22.05\ngal 0 0\nno such thing\n12 95\n")
    page.get_by_role("button", name="Look them up").click()
    page.get_by_role("region", name="Targets").wait_for()


def run_query(page: Page, _: str) -> None:
    """Run the query of the address; its rows and plot are part of the page."""
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("#adql-plot canvas").wait_for()


def search_polygon(page: Page, base: str) -> None:
    """Search a polygon; its observations stand below the map."""
    wait_for_sky(page, base)
    page.fill("#polygon-text", "78 17, 89 17, 89 27, 78 27")
    page.get_by_role("button", name="Search the polygon").click()
    page.locator(".sky-found table").first.wait_for()


def save_query(page: Page, base: str) -> None:
    """Open an account, log in where there is one, and save a query."""
    name, password = "visitor", "seventeen coded masks"
    page.goto(f"{base}/account/signup")
    for field in ("password1", "password2"):
        page.fill(f"[name={field}]", password)
    page.fill("[name=username]", name)
    page.get_by_role("button", name="Open the account").click()
    if page.locator(".form-error").count():
        page.goto(f"{base}/account/login")
        page.fill("[name=login]", name)
        page.fill("[name=password]", password)
        page.locator("main").get_by_role("button", name="Log in").click()
    page.goto(f"{base}/account/queries")
    page.locator("details", has=page.locator("#query-title")).locator("summary").first.click()
    page.fill("#query-title", "Pointings within 10 degrees of the Crab")
    page.fill(
        "#query-text",
        "SELECT scw_id, tstart_mjd_tt, good_isgri_s FROM integral.science_windows "
        "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(83.633, 22.0145, 10)) ORDER BY tstart_mjd_tt",
    )
    page.locator("form[action$=save] button").click()
    page.goto(f"{base}/account/queries")


def wait_for_sky(page: Page, _: str) -> None:
    """Give the sky view its tiles."""
    page.locator(".aladin-container canvas").first.wait_for()
    page.wait_for_timeout(4000)


STEPS: dict[str, Callable[[Page, str], None]] = {
    "targets": look_up_targets,
    "adql": run_query,
    "sky": wait_for_sky,
    "sky-polygon": search_polygon,
    "workspace": save_query,
    "hips": wait_for_sky,
}


def shoot(page: Page, base: str, name: str, address: str) -> bytes:
    """Open a page, let what it draws be drawn, and take its upper part."""
    page.goto(base + address)
    page.wait_for_load_state("networkidle")
    if name in STEPS:
        STEPS[name](page, base)
    # Plots are drawn when they come into view.
    page.evaluate(SCROLL)
    page.wait_for_load_state("networkidle")
    tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    size = page.viewport_size or {"width": WIDTH}
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": max(HEIGHT, tall)})


def save(picture: bytes, name: str) -> int:
    """Write a picture as WebP; its bytes."""
    path = OUT / f"{name}.webp"
    taken = Image.open(io.BytesIO(picture)).convert("RGB")
    shown = (
        taken.resize((SHOWN_WIDTH, taken.height * SHOWN_WIDTH // taken.width)) if taken.width > SHOWN_WIDTH else taken
    )
    shown.save(path, "WEBP", quality=QUALITY, method=6)
    return path.stat().st_size


def main(base: str, names: list[str]) -> None:
    """Take all pictures, or those named."""
    OUT.mkdir(parents=True, exist_ok=True)
    pages, total = find_pages(base), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, reduced_motion="reduce"
            )
            page = context.new_page()
            fill_basket(page, base)
            for name in names or pages:
                total += save(shoot(page, base, name, pages[name]), f"{name}-{scheme}")
            context.close()
        phone = browser.new_context(viewport={"width": PHONE_WIDTH, "height": HEIGHT}, is_mobile=True, has_touch=True)
        french = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="fr-FR", reduced_motion="reduce"
        )
        for name in ("home", "source") if not names else ():
            total += save(shoot(phone.new_page(), base, name, pages[name]), f"{name}-phone")
            total += save(shoot(french.new_page(), base, name, pages[name]), f"{name}-french")
        browser.close()
    print(f"{len(names or pages)} pages, {total / 1e6:.1f} MB in {OUT}")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2:])
