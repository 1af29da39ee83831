"""The search box: one hit is a page, several a list, nothing a sentence."""

import pytest

from tests.support.web_archive import CRAB, OBS, SCW, SERIES


@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("Crab", f"/sources/{CRAB}"),
        ("  ngc1952", f"/sources/{CRAB}"),
        ("psr b0531+21", f"/sources/{CRAB}"),
        (CRAB, f"/sources/{CRAB}"),
        (OBS, f"/observations/{OBS}"),
        (SCW, f"/scw/{SCW}"),
        (f"{SCW}.001", f"/scw/{SCW}"),
        ("rev 46", "/revolutions/46"),
        ("0046", "/revolutions/46"),
        ("0046007", "/observations/?proposal=0046007"),
        (SERIES, f"/products/{SERIES}"),
    ],
)
def test_one_hit_leads_to_its_page(archive, client, typed, page):
    response = client.get("/search", {"q": typed})
    assert (response.status_code, response.headers.get("Location")) == (302, page)


@pytest.mark.parametrize("typed", ["83.63 22.01", "05 34 32 +22 00 52", "gal 184.5575 -5.7844"])
def test_a_position_lists_what_lies_around(text, client, typed):
    page = client.get("/search", {"q": typed}).content.decode()
    assert "Read as a position" in page
    for wanted in (f"/sources/{CRAB}", f"/observations/{OBS}", f"/products/{SERIES}"):
        assert wanted in page


def test_the_radius_is_part_of_the_address(archive, client):
    near = client.get("/search", {"q": "83.63 24.01", "radius": "1"}).content.decode()
    far = client.get("/search", {"q": "83.63 24.01", "radius": "150", "unit": "arcmin"}).content.decode()
    assert f"/sources/{CRAB}" not in near
    assert f"/sources/{CRAB}" in far


def test_a_name_of_two_sources_lists_both(archive, client):
    page = client.get("/search", {"q": "double NAME"}).content.decode()
    assert "Cyg X-1" in page
    assert "Cyg X-3" in page


def test_the_beginning_of_a_name_lists_what_begins_so(archive, client):
    page = client.get("/search", {"q": "Cyg X"}).content.decode()
    assert "Cyg X-1" in page
    assert "the beginning of a name" in page


def test_a_misspelt_name_is_not_found_but_suggested(archive, client):
    response = client.get("/search", {"q": "Crabb"})
    assert response.status_code == 404
    page = response.content.decode()
    assert "Did you mean" in page
    assert f"/sources/{CRAB}" in page


def test_a_time_finds_the_science_windows_of_that_day(archive, client):
    assert SCW in client.get("/search", {"q": "2003-02-20"}).content.decode()
    page = client.get("/search", {"q": "2010-01-01"}).content.decode()
    assert "No science window of this archive covers that time" in page
    assert "the nearest in time" in page


def test_an_absent_identifier_says_so(archive, client):
    for typed in ("999999999990", "99999999999", "rev 3000", "9999999", "Planet X"):
        response = client.get("/search", {"q": typed})
        assert response.status_code == 404, typed


def test_suggestions_come_one_per_source(archive, client):
    page = client.get("/search/suggest", {"q": "cy"}).content.decode()
    assert page.count("<option") == 2


def test_suggest_names_ignores_empty_text(archive):
    from archive.selectors import suggest_names

    assert suggest_names("  ") == []
    assert [name.name for name in suggest_names("Crba")] == ["Crab"]
