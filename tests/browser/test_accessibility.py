"""WCAG 2.2 AA by axe-core on every page type, both themes; every page on a phone; facets with JavaScript off."""

import shutil
import subprocess
from pathlib import Path

import pytest

from archive.assets import find_npm
from tests.support.web_archive import CRAB, OBS, SCW, SERIES, SPECTRUM

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOCK = Path(__file__).parent / "axe"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = (
    "/", "/sources/", f"/sources/{CRAB}", "/observations/", f"/observations/{OBS}", f"/scw/{SCW}", "/products/",
    f"/products/{SERIES}", f"/products/{SPECTRUM}", f"/products/{SERIES}/points", "/tables/", "/tables/integral.products",
    "/tables/integral.science_windows?near=Crab&radius=20", "/basket", "/api/v1/docs", "/releases/", "/releases/diff",
    "/deliveries/", "/about", "/status", "/search?q=gal+184.6+-5.8", "/revolutions/", "/revolutions/46", "/sky", "/tap",
    "/hips/", "/upper-limits/", "/account/login", "/usage", "/feedback", "/no-such-page", "/quicklook?where=crab",
    "/timeline", "/timeline?from=rev+46&to=rev+46", "/gallery", "/omc/",
)  # fmt: skip
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture(scope="session")
def axe(request):
    """The text of axe-core, installed from its own lock."""
    work = Path(request.config.cache.mkdir("axe"))
    script = work / "node_modules" / "axe-core" / "axe.min.js"
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(LOCK / name, work / name)
    if not script.exists():
        command = [*find_npm(print), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install axe-core: {done.stderr.strip().splitlines()[-1:]}")
    return script.read_text(encoding="utf-8")


@pytest.mark.timeout(600)  # 40 pages, each checked twice
def test_axe_finds_no_violation_on_any_page_in_either_theme(chromium, site, axe):
    # axe is put into the page by the browser's debugger, past the content security policy.
    # Without transitions the colours of a theme are there at once.
    context = chromium.new_context(reduced_motion="reduce", bypass_csp=True, viewport={"width": 1280, "height": 900})
    page, found = context.new_page(), []
    for address in PAGES:
        page.emulate_media(color_scheme="light")
        page.goto(site + address)
        if address in {"/sky", "/hips/"}:
            page.locator(".aladin-container canvas").first.wait_for()
            page.wait_for_timeout(500)
        page.evaluate(axe)
        found += _violations(page, address, "light", {"type": "tag", "values": RULES})
        # The themes differ in colours only; what else axe checks has been checked.
        page.emulate_media(color_scheme="dark")
        found += _violations(page, address, "dark", {"type": "rule", "values": ["color-contrast"]})
    context.close()
    assert not found, "\n".join(map(str, found))


def _violations(page, address, theme, run_only):
    result = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", run_only)
    assert result["passes"]
    return [(address, theme, v["id"], node["html"][:160]) for v in result["violations"] for node in v["nodes"][:3]]


def test_every_page_fits_a_phone(chromium, site):
    context = chromium.new_context(**PHONE)
    page, wide = context.new_page(), []
    for address in PAGES:
        page.goto(site + address)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            wide.append((address, over))
    context.close()
    assert wide == []


def test_without_javascript_search_facets_table_and_basket_work(chromium, site):
    context = chromium.new_context(java_script_enabled=False, **PHONE)
    page = context.new_page()
    page.goto(site + "/tables/integral.products")
    page.locator("input[name=kind][value=spectrum]").check()
    page.get_by_role("button", name="Apply").first.click()
    assert "kind=spectrum" in page.url
    assert page.locator("tbody tr").count() >= 1
    page.get_by_role("button", name="into the basket").click()
    page.wait_for_url("**/basket")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="One tar").click()
    assert waiting.value.suggested_filename == "archipelago.tar"
    context.close()
