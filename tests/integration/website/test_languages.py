"""Pages in the reader's language; programs are answered in English whoever asks."""

import re

from tests.support.web_archive import CRAB, SERIES

FRENCH = {"HTTP_ACCEPT_LANGUAGE": "fr-CA,fr;q=0.9,en;q=0.5"}


def test_page_is_in_the_language_that_the_browser_asks_for(archive, client):
    response = client.get("/sources/", **FRENCH)
    page = response.content.decode()
    assert '<html lang="fr">' in page
    assert "Aller au contenu" in page
    assert '<script src="/words/fr.js">' in page
    assert response["Content-Language"] == "fr"
    assert {"Accept-Language", "Cookie"} <= {word.strip() for word in response["Vary"].split(",")}


def test_any_other_request_gets_english(archive, client):
    for asked in ("", "de", "fr;q=x", "*", "en-GB,fr;q=0.4", "\x00"):
        page = client.get("/sources/", HTTP_ACCEPT_LANGUAGE=asked).content.decode()
        assert '<html lang="en">' in page, asked
        assert "/words/" not in page


def test_chosen_language_is_kept_and_wins(archive, client):
    response = client.post("/language", {"language": "fr", "next": "/sources/?page=1"}, HTTP_ACCEPT_LANGUAGE="en")
    assert (response.status_code, response["Location"]) == (302, "/sources/?page=1")
    cookie = response.cookies["django_language"]
    assert (cookie.value, bool(cookie["httponly"]), cookie["samesite"]) == ("fr", True, "Lax")
    page = client.get("/sources/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert '<html lang="fr">' in page
    assert 'value="fr" lang="fr" aria-current="true"' in page


def test_choice_of_a_language_leads_nowhere_else(client, db):
    for place in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"):
        response = client.post("/language", {"language": "fr", "next": place})
        assert (response.status_code, response["Location"]) == (302, "/")


def test_only_a_form_chooses_and_only_what_there_is(client, db):
    assert client.get("/language?language=fr").status_code == 405
    client.post("/language", {"language": "xx", "next": "/"})
    assert "django_language" not in client.cookies


def test_no_cookie_without_a_choice(client, db):
    assert not client.get("/", **FRENCH).cookies


def test_words_of_scripts(client, db):
    response = client.get("/words/fr.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert "max-age=3600" in response["Cache-Control"]
    assert "Chargement des points" in response.content.decode()
    unknown = client.get("/words/xx.js")
    assert unknown.status_code == 404
    assert "not translated into &#x27;xx&#x27;" in unknown.content.decode()


def test_page_of_the_api_is_translated_but_not_what_it_describes(client, db):
    page = client.get("/api/v1/docs", HTTP_ACCEPT="text/html", **FRENCH).content.decode()
    assert '<html lang="fr">' in page
    assert '<p lang="en">Sources by name and position, page by page</p>' in page


def test_numbers_keep_their_point(archive, client):
    page = client.get(f"/sources/{CRAB}", **FRENCH).content.decode()
    assert "230.92" in page
    assert "230,92" not in page


PROTOCOLS = [
    "/api/v1/sources?limit=2",
    "/api/v1/products/nothing",
    "/api/v1/resolve?name=gal+184.6+-5.8",
    "/sky/marks.json?polygon=80+18,87+18,87+26",
    "/api/v1/upper-limits",
    "/tap/sync?LANG=ADQL&FORMAT=votable&QUERY=SELECT+TOP+1+*+FROM+integral.nothing",
    "/tap/sync?LANG=ADQL&FORMAT=csv&QUERY=SELECT+TOP+3+*+FROM+integral.sources+ORDER+BY+source_id",
    "/tap/capabilities",
    "/tap/tables",
    f"/datalink/links?ID=ivo://archipelago/products?{SERIES}",
    f"/datalink/links?ID={SERIES}",
    "/scs/sources?RA=83.6&DEC=22.0&SR=1",
    "/sia2/query?POS=CIRCLE+83.6+22+1",
    "/ssa?REQUEST=queryData&POS=83.6,22&SIZE=1",
    "/hips/list",
    "/oai?verb=Identify",
    f"/products/{SERIES}/points.csv",
    f"/products/{SERIES}/provenance.json",
    f"/sources/{CRAB}/notebook.ipynb",
]


def test_programs_read_the_same_in_every_language(archive, client):
    def ask(address, **headers):
        response = client.get(address, **headers)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        # The time of the answer is all that may differ.
        return response.status_code, response.get("Content-Type"), re.sub(rb"\d\d:\d\d:\d\d(\.\d+)?Z?", b"", body)

    for address in PROTOCOLS:
        assert ask(address, **FRENCH) == ask(address), address
    # A browser asks for HTML by name; what follows pages show in the reader's language.
    for address in ("/api/v1/resolve?name=gal+184.6+-5.8", "/api/v1/timeline?from=rev+46&to=rev+46"):
        assert ask(address, **FRENCH, HTTP_ACCEPT="text/html,*/*;q=0.8") == ask(address)
