"""Polygons of the sky view: the marks of the viewer, and the way without JavaScript."""

import json
from urllib.parse import parse_qs, urlsplit

from tests.support.web_archive import CRAB, OBS

AROUND = "80 18, 87 18, 87 26, 80 26"


def test_a_polygon_marks_what_lies_in_it(text):
    found = json.loads(text(f"/sky/marks.json?polygon={AROUND}"))
    assert [row[0] for row in found["observations"]][-1] == OBS
    assert found["observation_total"] == len(found["observations"])
    assert [row[0] for row in found["sources"]] == [CRAB]
    assert "POLYGON(" in parse_qs(urlsplit(found["links"][0][1]).query)["QUERY"][0]
    # The circle around this triangle holds the Crab, the triangle does not.
    assert json.loads(text("/sky/marks.json?polygon=80 18, 87 18, 87 20"))["source_total"] == 0


def test_a_polygon_that_cannot_be_gets_a_sentence(text):
    assert "3 to 100 positions" in text("/sky/marks.json?polygon=1 2", 400)
    assert "3 to 100 positions" in text("/sky/polygon?polygon=x", 400)


def test_without_javascript_the_form_leads_to_the_query(archive, client):
    response = client.get("/sky/polygon", {"polygon": AROUND})
    assert response.status_code == 302
    query = parse_qs(urlsplit(response["Location"]).query)["QUERY"][0]
    assert "FROM integral.observations" in query
    assert "CONTAINS(POINT(ra, dec), POLYGON(80.000000, 18.000000" in query
