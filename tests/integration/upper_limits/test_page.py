"""The page and the command."""

import html
import io
import json
import re

import pytest
from django.core.management import call_command

from archive.errors import StorageError, UnavailableError

pytestmark = pytest.mark.django_db


def test_the_form_is_there_before_anything_is_asked(client, limits):
    page = client.get("/upper-limits/")
    assert page.status_code == 200
    assert 'name="position"' in page.content.decode()
    assert "40-100" in page.content.decode()


def test_a_result_says_simulated_beside_every_number(client, limits):
    page = client.get("/upper-limits/", {"position": "Crab", "band": "20-40", "confidence": "0.95"})
    text = page.content.decode()
    assert page.status_code == 200
    row = re.search(r'<th scope="row">isgri</th>(.*?)</tr>', text, re.DOTALL)[1]
    assert row.count('class="limits-simulated">simulated<') == 6
    assert "detection" in row
    assert "<svg" in text
    assert "one-sided" in text
    assert "10 E^-2.1" in text
    assert f"version={limits.name}" in html.unescape(text)


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"position": "no such source"}, 404, "no source in the archive is called"),
        ({"position": "<script>alert(1)</script>"}, 404, "&lt;script&gt;"),
        ({"position": "10 95"}, 400, "not on the sky"),
        ({"position": "Crab", "confidence": "2"}, 400, "strictly between 0 and 1"),
        ({"position": "Crab", "band": "<b>"}, 400, "there is no band"),
    ],
)
def test_errors_are_sentences_on_the_page(client, limits, parameters, status, words):
    page = client.get("/upper-limits/", parameters)
    assert page.status_code == status
    assert words in page.content.decode()
    assert "<script>alert" not in page.content.decode()


def test_numbers_code_and_answers_are_the_same_in_every_language(client, limits):
    query = {"position": "120 -30"}
    english, french = (client.get("/upper-limits/", query, headers={"accept-language": one}) for one in ("en", "fr"))
    assert (english["Content-Language"], french["Content-Language"]) == ("en", "fr")
    code, numbers = r'<pre id="limits-python">(.*?)</pre>', r'<td class="num nowrap">([^<]*)'
    for pattern in (code, numbers):
        found, same = (re.findall(pattern, page.content.decode(), re.DOTALL) for page in (english, french))
        assert found == same
        assert found
    answers = [
        client.get("/api/v1/upper-limits", {**query, "format": "csv"}, headers={"accept-language": one}).getvalue()
        for one in ("en", "fr")
    ]
    assert answers[0] == answers[1]


def test_outside_coverage_is_said(client, limits):
    assert "outside coverage" in client.get("/upper-limits/", {"position": "315 -41"}).content.decode()


def test_the_page_without_maps_says_so(client, db, roots):
    page = client.get("/upper-limits/")
    assert page.status_code == 503
    assert "no sky maps" in page.content.decode()


MODELS = (
    {},
    {"crab": "spi-broken", "flux_band": "17-60", "index": "1.7", "sigma": "2"},
    {"model": "bknpower", "index": "1.5", "break_kev": "35", "index2": "2.5"},
    {"model": "cutoffpl", "index": "1.2", "cutoff_kev": "50"},
    {"model": "bbody", "kt_kev": "8"},
    {"model": "grbm", "alpha": "-1", "beta": "-2.3", "epeak_kev": "60"},
    {"nh": "2e23", "flux_band": "3-10"},
)


@pytest.mark.parametrize("parameters", MODELS)
def test_every_number_of_the_table_is_recomputed_by_the_code_on_the_page(
    client, limits, monkeypatch, capsys, parameters
):
    from archive.templatetags.archive_tags import duration, fixed, sig

    page = client.get("/upper-limits/", {"position": "120 -30", **parameters}).content.decode()
    code = html.unescape(re.search(r'<pre id="limits-python">(.*?)</pre>', page, re.DOTALL)[1])

    def urlopen(url):
        return io.BytesIO(client.get(url.removeprefix("http://testserver")).getvalue())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    exec(compile(code, "snippet", "exec"), {})  # noqa: S102 - the page's own snippet, asserting inside
    blocks = re.split(r"(?m)^(?=isgri )", capsys.readouterr().out)[1:]
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)[1]
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL) if "<th" in row]
    assert len(blocks) == len(rows) == 2
    for block, row in zip(blocks, rows, strict=True):
        assert " limit simulated" in block or " detection simulated" in block
        made = {name: float(value) for name, value in re.findall(r"    (\w+) (\S+)\n", block)}
        cells = [
            re.sub(r"<span class=.limits-simulated.>.*?</span>", "", cell)
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        ]
        text = [html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in cells][2:]
        assert text == [
            sig(made["upper_limit_mcrab"], 4),
            sig(made["upper_limit_erg"], 3),
            f"{sig(made['flux'], 4)} ± {sig(made['flux_error'], 3)} mCrab",
            fixed(made["significance"], 1),
            sig(made["sensitivity"], 3),
            duration(made["exposure_s"]),
            f"{fixed(made['k_sys'], 2)} × {fixed(made['noise_factor'], 2)}",
        ]


def test_permanent_link_gives_the_same_page_after_a_new_release(client, limits, roots):
    from tests.integration.upper_limits.conftest import publish
    from upper_limits.services import build_current_store

    page = client.get("/upper-limits/", {"position": "120 -30"}).content.decode()
    link = html.unescape(re.search(r'<pre id="limits-link">(.*?)</pre>', page)[1]).removeprefix("http://testserver")
    row = re.search(r"<tbody>.*?</tbody>", page, re.DOTALL)[0]
    publish(seed=4)
    build_current_store()
    assert re.search(r"<tbody>.*?</tbody>", client.get(link).content.decode(), re.DOTALL)[0] == row


def test_the_command_builds_once_lists_and_verifies(roots, db):
    from tests.integration.upper_limits.conftest import publish

    with pytest.raises(UnavailableError, match="no sky maps"):
        call_command("upper-limits", "build")
    publish(seed=5)
    out = io.StringIO()
    call_command("upper-limits", "build", stdout=out)
    assert "is ready: 2 bands" in out.getvalue()
    again = io.StringIO()
    call_command("upper-limits", "build", stdout=again)
    assert again.getvalue().count("\n") == 1
    names = io.StringIO()
    call_command("upper-limits", "list", stdout=names)
    (name,) = names.getvalue().split()
    manifest = roots.LIMITS_ROOT / name / "manifest.json"
    assert json.loads(manifest.read_text())["map_version"] == name
    manifest.write_text("{")
    with pytest.raises(StorageError, match="1 versions of the store are damaged"):
        call_command("upper-limits", "verify", stdout=io.StringIO())


def test_the_page_draws_the_maps_around_a_position_and_names_bright_neighbours(client, limits):
    page = html.unescape(client.get("/upper-limits/", {"position": "88 23"}).content.decode())
    assert page.count('href="data:image/png;base64,') == 3
    assert "Crab" in re.search(r"<strong>Near bright sources\.</strong>(.*?)</p>", page, re.DOTALL)[1]
    assert re.search(r"mCrab, 4\.\d° away", page)
    assert "<title>Crab</title>" in page
    other = re.search(r'href="(\?[^"]*map=isgri:40-100[^"]*)"', page)[1]
    page = client.get(f"/upper-limits/{other}").content.decode()
    assert '<strong aria-current="true">isgri 40–100 keV</strong>' in page
    assert "No source above 100 mCrab within 12°" in client.get("/upper-limits/?position=200 40").content.decode()


def test_a_map_that_is_not_there_is_refused_and_no_coverage_has_no_maps(client, limits):
    page = client.get("/upper-limits/", {"position": "88 23", "map": "osse:1-2"})
    assert page.status_code == 400
    assert "bands that saw this position are isgri:20-40, isgri:40-100" in page.content.decode()
    outside = client.get("/upper-limits/", {"position": "315 -41.8"})
    assert outside.status_code == 200
    assert "outside coverage" in outside.content.decode()
    assert "Around the position" not in outside.content.decode()
