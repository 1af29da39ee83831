"""Search pages over published tables: every table, state in the address, facets, keyset pages, hostile state."""

import html
import re

import numpy as np
import pytest
from django.db import connection

from archive.healpix import unit_vector
from archive.models import Source
from archive.selectors import current_rows, within_cone
from archive.website.searches import SEARCHES
from tests.support.web_archive import CRAB, OBS, SERIES
from vo.adql.parser import parse_query

SOURCES = "/tables/integral.sources"


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_every_table_has_a_search_page_whose_key_is_unique(text, name):
    page = text(f"/tables/{name}")
    assert "/tap/sync?" in page
    with connection.cursor() as cursor:
        key = ", ".join(SEARCHES[name].key)
        cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM {name} GROUP BY {key} HAVING count(*) > 1) d")
        assert cursor.fetchone() == (0,)


def ids(page):
    return [html.unescape(found) for found in re.findall(r'<td><a class="mono" href="/sources/([^"]+)"', page)]


@pytest.mark.parametrize("sort", ["source_id", "-name", "ra", "-error_radius_deg", "isdc_class", "simulated"])
def test_pages_forth_and_back_show_every_row_once(text, sort):
    seen, address, pages = [], f"{SOURCES}?size=40&sort={sort}", []
    while address:
        page = text(address)
        pages.append(ids(page))
        seen += pages[-1]
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = SOURCES + html.unescape(found[1]) if found else ""
    assert len(seen) == len(set(seen)) == current_rows(Source).count()
    back = re.search(r'rel="prev" href="([^"]+)"', page)
    assert ids(text(SOURCES + html.unescape(back[1]))) == pages[-2]


def test_filters_and_facets_count_alike(text):
    page = text(f"{SOURCES}?simulated=true")
    assert "<strong>1</strong> row" in page
    assert re.search(r'value="false"> <span>false</span> <span class="count">130<', page)
    assert "simulated = TRUE" in html.unescape(page)
    assert CRAB in text(f"{SOURCES}?name=crab&near=83.6+22&radius=2")
    assert CRAB in text(f"{SOURCES}?near=ngc1952")
    assert "No row fits" in text(f"{SOURCES}?near=Crab&ra=200..300")
    assert SERIES in text("/tables/integral.products?kind=long_timeseries&kind=spectrum")
    assert OBS in text("/tables/integral.science_windows?tstart_mjd_tt=2003-01-01..2004-01-01&cols=obs_id")
    assert "No row fits" in text("/tables/integral.science_windows?tstart_mjd_tt=2030-01-01")


def test_adql_of_a_page_is_what_the_page_asked(text):
    page = text(f"{SOURCES}?near=Crab&radius=30&simulated=false&sort=-name&cols=name,ra,dec&ra=80..90&name=a")
    query = html.unescape(re.search(r'<pre id="adql-export">(.*?)</pre>', page, re.DOTALL)[1])
    assert query.startswith(
        "SELECT source_id, name, ra, dec\nFROM integral.sources\nWHERE name ILIKE '%a%' AND ra >= 80.0"
    )
    assert query.endswith("ORDER BY name DESC")
    parse_query(query)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("nocolumn=1", "no column"), ("ra=abc", "expected a number"), ("ra=5..1", "first end"), ("ra=..", "at least one end"),
        ("sort=-x", "expected a column"), ("cols=name,evil", "evil"), ("page=AAAA", "not a page"),
        ("near=notasource999", "no source"), ("simulated=maybe", "true or false"), ("isdc_class=1;drop", "whole number"),
        ("name=a%5Cb", "backslash"), ("near=2003-01-01", "expected a position"), ("size=5", "from 10 to 1000"),
        ("page=WyJhIiwic291cmNlX2lkIiwxXQ", "not a page"), ("name=a&name=b", "2 times"), ("ra=nan", "expected a number"),
        ("isdc_class=(empty)", "whole number"), ("simulated=(empty)", "true or false"),
    ],
)  # fmt: skip
def test_forged_state_gets_a_sentence(text, query, word):
    assert word in html.unescape(text(f"{SOURCES}?{query}", 400 if "notasource" not in query else 404))


def test_hostile_text_stays_text(text):
    page = text(SOURCES + "?name=%3Cscript%3E&cols=name")
    assert "<script>alert" not in page
    text(SOURCES + "?name=%27%3B+DROP+TABLE+x%3B--")


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(83.6, 22.0, 0.5), (0.0, 90.0, 20.0), (359.99, -0.01, 45.0), (180.0, -45.0, 60.0)]
)
def test_prefilter_of_cones_loses_no_row(archive, ra, dec, radius):
    near = set(within_cone(current_rows(Source), ra, dec, radius).values_list("source_id", flat=True))
    place, limit = np.stack(unit_vector(ra, dec)), 4 * np.sin(np.radians(radius / 2)) ** 2
    every = current_rows(Source).values_list("source_id", "x", "y", "z")
    assert near == {name for name, *xyz in every if sum((a - b) ** 2 for a, b in zip(xyz, place, strict=True)) <= limit}


def test_the_form_of_a_search_sends_what_the_page_understands(text):
    page = text("/tables/integral.products")
    form = page.split('<form method="get" class="search-page">')[1].split("</form>")[0]
    names = set(re.findall(r'<input[^>]* name="([^"]+)"', form))
    query = "&".join(f"{name}=" for name in sorted(names - {"kind", "instrument", "band", "simulated", "release"}))
    assert "Crab" in text(f"/tables/integral.products?{query}&kind=spectrum")


def test_filters_in_use_are_in_the_language_of_the_page_and_addresses_are_not(archive, client):
    address = "/tables/integral.products?band=(empty)&band=(none)&title=Crab&near=Crab&radius=2"
    page = html.unescape(client.get(address, HTTP_ACCEPT_LANGUAGE="fr").content.decode())
    assert all(words in page for words in ("à moins de 2° de Crab", "title contient Crab", "band: (vide), (aucun)"))
    assert 'value="(empty)" checked' in page
    assert 'value="(none)" checked' in page
