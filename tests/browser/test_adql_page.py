"""The ADQL page: a mistake shown at its place, completion, jobs, plot, upload; and without JavaScript."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUERY = "SELECT TOP 120 source_id, ra, dec\nFROM integral.sources ORDER BY source_id"
TABLE = "name,ra,dec\na,83.6,22.0\nb,10.0,-20.0\n"


def open_ready(open_page, address="/tap", **options):
    page = open_page(address, **options)
    page.locator("html[data-adql=ready]").wait_for(state="attached")
    return page


def test_from_an_error_to_a_job_and_its_plot(open_page, worker):
    page = open_ready(open_page, forgiven="status of 400")
    page.fill("#adql", QUERY.replace("FROM", "FORM"))
    page.get_by_role("button", name="Run", exact=True).click()
    error = page.locator("#adql-error")
    error.get_by_text("expected FROM").wait_for()
    assert error.locator("pre").inner_text().splitlines()[0] == "2 | FORM integral.sources ORDER BY source_id"
    assert page.evaluate("getSelection().toString() || document.activeElement.id") in {"integral", "adql"}
    start, end = page.evaluate("[adql.selectionStart, adql.selectionEnd]")
    assert page.input_value("#adql")[start:end] == "integral"
    page.fill("#adql", QUERY)
    page.get_by_text(re.compile(r"Estimate: \d+ rows?, less than a second")).wait_for()
    page.get_by_role("button", name="Run as a job").click()
    page.locator("tr[data-phase=COMPLETED]").wait_for()
    assert error.is_hidden()
    page.get_by_role("button", name="Show: job of").click()
    page.get_by_role("heading", name="120 rows").wait_for()
    page.locator("#adql-plot canvas").wait_for()
    assert page.locator("#result-body tbody tr").count() == 50
    page.get_by_role("button", name="Next rows").click()
    page.get_by_text("Rows 51 to 100 of 120").wait_for()
    page.select_option("#plot-y", label="ra")
    assert "120 points" in page.inner_text("#plot-note")
    # The address is the link to share: it brings back query, rows and plot.
    page.goto(page.url)
    page.locator("#adql-plot canvas").wait_for()
    assert page.input_value("#adql") == QUERY
    page.get_by_role("button", name="Remove: job of").click()
    page.locator("#adql-jobs").wait_for(state="hidden")


def test_words_are_completed_by_keyboard_and_inserted_from_the_tree(open_page):
    page = open_ready(open_page, forgiven="status of 400")
    page.fill("#adql", "SELECT * FROM integral.sources AS s WHERE s.")
    page.keyboard.press("Control+Space")
    page.locator("#adql-words li").first.wait_for()
    page.keyboard.type("de")
    page.keyboard.press("Enter")
    assert page.input_value("#adql").endswith("s.dec")
    page.keyboard.type(" > 0 ord")
    page.get_by_role("option", name="ORDER BY").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#adql-words").is_hidden()
    page.fill("#tree-filter", "isgri_20_60_cps")
    page.get_by_role("button", name="isgri_20_60_cps", exact=True).first.click()
    assert page.input_value("#adql").endswith("isgri_20_60_cps")


def test_a_table_of_ones_own_is_joined(open_page):
    page = open_ready(open_page)
    page.locator("#adql-more summary").click()
    page.set_input_files("#adql-file", {"name": "mine.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    page.fill("#adql", "SELECT name, ra FROM TAP_UPLOAD.mine ORDER BY name")
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name="2 rows").wait_for()
    assert page.locator("#result-body tbody tr").first.inner_text().split() == ["a", "83.6"]


def test_without_javascript_rows_errors_and_uploads_work(open_page):
    page = open_page("/tap", java_script_enabled=False, forgiven="status of 400")
    page.fill("#adql", "SELECT TOP 3 name FORM integral.sources")
    page.get_by_role("button", name="Run", exact=True).click()
    assert page.locator("#adql-error pre").inner_text().splitlines()[1].endswith("^")
    page.fill("#adql", "SELECT TOP 3 name, ra FROM integral.sources")
    page.get_by_role("button", name="Run", exact=True).click()
    assert page.locator("#result-body tbody tr").count() == 3
    page.locator("#adql-more summary").click()
    page.set_input_files("#adql-file", {"name": "mine.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    page.fill("#adql", "SELECT name, ra FROM TAP_UPLOAD.mine ORDER BY name")
    page.get_by_role("button", name="Run with the table").click()
    assert page.locator("tbody tr").count() == 2
