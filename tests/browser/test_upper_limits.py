"""Upper limits in a real browser: from a name to the plot and the file, and a list from the form to its answer."""

import csv
import os
from pathlib import Path

import pytest

from tests.support.tap_worker import running_worker

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("ARCHIPELAGO_SHOTS")
"""Folder for pictures of the pages; none are taken without it."""


@pytest.fixture
def limits(site, settings, tmp_path):
    from upper_limits.services import build_current_store

    settings.LIMITS_ROOT = tmp_path / "upper_limits"
    build_current_store()


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_from_a_name_to_the_plot_and_the_file(open_page, limits):
    page = open_page("/upper-limits/")
    page.fill("#limits-position", "crab")
    page.get_by_role("button", name="Compute limits").click()
    page.wait_for_url("**position=crab*")
    rows = page.locator("tbody tr:has(th)")
    assert rows.count() >= 1
    shown = rows.first.locator("td").nth(2).inner_text()
    figure = page.locator("figure.limits-plot svg").first
    assert figure.is_visible()
    assert figure.locator("g title").count() == rows.count()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").first.click()
    lines = waiting.value.path().read_text().splitlines()
    table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert len(table) == rows.count()
    assert shown.split()[0].startswith(f"{float(table[0]['upper_limit_mcrab']):.4g}"[:3])
    assert waiting.value.suggested_filename.endswith(".csv")
    shoot(page, "result")


def test_from_a_list_to_its_answer(open_page, limits, tmp_path):
    content = tmp_path / "list.csv"
    content.write_text("ra,dec,label\n83.633,22.0145,Crab\n10,95,off the sky\n120,-30,empty\n")
    page = open_page("/upper-limits/")
    shoot(page, "form")
    page.set_input_files("input[name=file]", content)
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/api/v1/upper-limits/jobs/*")
    assert "This address stays" in page.inner_text("main")
    shoot(page, "job-waiting")
    with running_worker():
        link = page.get_by_role("link", name="Download 3 rows")
        link.wait_for(timeout=20_000)
    shoot(page, "job")
    with page.expect_download() as waiting:
        link.click()
    lines = waiting.value.path().read_text().splitlines()
    table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [row["name"] for row in table] == ["Crab", "off the sky", "empty"]
    assert table[1]["status"] == "bad position"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone(open_page, site, limits, scheme):
    page = open_page("/", viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for name, address in (("form", "/upper-limits/"), ("result", "/upper-limits/?position=crab")):
        page.goto(site + address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        shoot(page, f"{name}-360-{scheme}")
    if SHOTS:
        page.set_viewport_size({"width": 1280, "height": 900})
        shoot(page, f"result-{scheme}")
