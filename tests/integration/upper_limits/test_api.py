"""The API over HTTP on a real database: formats, order, status of every row, and hostile input."""

import csv
import io
import json
import math

import numpy as np
import pytest
from astropy.io.votable import parse_single_table

from tests.integration.upper_limits.conftest import CRAB, publish
from upper_limits.statistics import bayesian_upper_limit

URL = "/api/v1/upper-limits"
pytestmark = pytest.mark.django_db


def ask(client, query="", **parameters):
    response = client.get(URL + query, parameters) if not query else client.get(URL + query)
    return response, json.loads(response.getvalue())


def test_one_position_gives_every_band_with_its_ingredients(client, limits):
    response, answer = ask(client, ra=120.0, dec=-30.0)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["X-Map-Version"] == answer["map_version"] == limits.name
    assert answer["sides"] == "one"
    assert answer["confidence"] == pytest.approx(0.99865, abs=1e-5)
    assert "ndtri" in answer["formula"]["upper_limit"]
    assert answer["simulated"] is True
    assert [row["band"] for row in answer["results"]] == ["20-40", "40-100"]
    described = {column["name"] for column in answer["columns"]}
    for row in answer["results"]:
        assert set(row) == described
        error = math.sqrt(row["variance"] * (row["noise_factor"] * row["k_sys"]) ** 2 + row["bright_term"] ** 2)
        assert row["flux_error"] == pytest.approx(error)
        limit = bayesian_upper_limit(row["flux"], error, confidence=answer["confidence_one_sided"])
        assert row["upper_limit"] == row["upper_limit_mcrab"] == pytest.approx(float(limit))
        assert row["status"] == "limit"
        assert row["unit"] == "mCrab"
        assert row["simulated"] is True
        assert row["exposure_s"] > 0
        assert 1.0 <= row["k_sys"] < 1.7
    # 1 mCrab in 20-40 keV is 7.95e-12 erg cm-2 s-1 for 10 E^-2.1, the default model
    first = answer["results"][0]
    assert first["upper_limit_erg"] / first["upper_limit"] == pytest.approx(7.95e-12, rel=1e-3)


@pytest.mark.parametrize(
    "name", ["Crab", "crab", "m 1", "05 34 31.92 +22 00 52.2", "83.633 22.0145", "gal 184.5574 -5.7844"]
)
def test_names_and_positions_in_any_notation_find_the_planted_source(client, limits, name):
    _, answer = ask(client, name=name)
    row = answer["results"][0]
    assert (row["ra"], row["dec"]) == pytest.approx(CRAB, abs=1e-3)
    assert row["status"] == "detection"
    assert row["flux"] == pytest.approx(1000.0, abs=6 * row["flux_error"])
    assert row["upper_limit"] > row["flux"]


def test_a_list_keeps_its_order_and_says_what_is_wrong_row_by_row(client, limits):
    positions = [
        {"ra": 120.0, "dec": -30.0, "label": "good"},
        {"ra": 315.0, "dec": -41.0, "label": "never observed"},
        {"ra": 10.0, "dec": 91.0},
        {"ra": None, "dec": 0.0},
        {"ra": "abc", "dec": 0.0},
        {"ra": True, "dec": 0.0},
        [1e308, 0.0],
        {"name": "no such source"},
        "Crab",
        17,
    ]
    response = client.post(URL, {"positions": positions, "band": "20-40"}, content_type="application/json")
    answer = json.loads(response.getvalue())
    assert [row["status"] for row in answer["results"]] == [
        "limit", "outside coverage", *["bad position"] * 6, "detection", "bad position",
    ]  # fmt: skip
    assert [row["index"] for row in answer["results"]] == list(range(10))
    assert answer["results"][0]["name"] == "good"
    messages = [row["message"] for row in answer["results"]]
    assert messages[1] == "never observed in this band"
    assert messages[2] == "dec is 91.0; expected -90 to 90 degrees"
    assert "no source in the archive is called 'no such source'" in messages[7]
    assert all(messages[number] for number in (1, 2, 3, 4, 5, 6, 7, 9))
    assert answer["results"][2]["upper_limit"] is None


def test_csv_and_votable_hold_the_same_table_as_json(client, limits):
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50)
    body = "ra,dec,label\n" + "".join(
        f"{a!r},{d!r},\"p<{i}>, 'x'\"\n" for i, (a, d) in enumerate(zip(ra.tolist(), dec.tolist(), strict=True))
    )
    answers = {
        name: client.post(f"{URL}?format={name}", body, content_type="text/csv") for name in ("json", "csv", "votable")
    }
    rows = json.loads(answers["json"].getvalue())["results"]
    assert len(rows) == 100
    table = parse_single_table(io.BytesIO(answers["votable"].getvalue())).to_table()
    lines = list(csv.DictReader(io.StringIO(answers["csv"].getvalue().decode())))
    for row, line, record in zip(rows, lines, table, strict=True):
        assert list(row) == list(line) == table.colnames
        assert row["name"] == line["name"] == record["name"]
        assert row["status"] == line["status"] == record["status"]
        expected = math.nan if row["upper_limit"] is None else row["upper_limit"]
        assert float(line["upper_limit"] or "nan") == pytest.approx(expected, nan_ok=True)
        assert float(np.ma.filled(record["upper_limit"], np.nan)) == pytest.approx(expected, nan_ok=True)
        assert line["simulated"] == "true"
        assert bool(record["simulated"])
    assert str(table["ra"].unit) == "deg"
    assert answers["csv"]["Content-Disposition"] == 'attachment; filename="upper-limits.csv"'
    by_accept = client.get(URL, {"ra": 1, "dec": 2}, headers={"Accept": "text/csv"})
    assert by_accept["Content-Type"].startswith("text/csv")


def test_a_list_gives_what_single_requests_give(client, limits):
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 20).tolist(), rng.uniform(-90, 90, 20).tolist()
    together = json.loads(client.post(URL, {"ra": ra, "dec": dec}, content_type="application/json").getvalue())[
        "results"
    ]
    query = "?ra=" + ";".join(map(str, ra)) + "&dec=" + ";".join(map(str, dec))
    assert ask(client, query)[1]["results"] == together
    for number in range(20):
        for one, same in zip(
            ask(client, ra=ra[number], dec=dec[number])[1]["results"], together[2 * number :], strict=False
        ):
            assert {**one, "index": 0} == {**same, "index": 0}


def test_choices_change_what_they_should(client, limits):
    place = {"ra": 120.0, "dec": -30.0, "band": "20_40", "instrument": "ISGRI"}
    default = ask(client, **place)[1]["results"][0]
    ninety = ask(client, **place, confidence=0.9)[1]["results"][0]
    central = ask(client, **place, confidence=0.8, sides="two")[1]["results"][0]
    assert ninety["upper_limit"] < default["upper_limit"]
    assert central["upper_limit"] == pytest.approx(ninety["upper_limit"])
    steep = ask(client, **place, model="powerlaw", index=3, flux_band="40-100")[1]
    row = steep["results"][0]
    assert row["upper_limit_erg"] / row["upper_limit"] == pytest.approx(4.61e-12, rel=1e-3)
    assert (row["erg_min_kev"], row["erg_max_kev"]) == (40.0, 100.0)
    assert steep["model"] == {"name": "powerlaw", "index": 3.0}
    other = ask(client, **place, crab="9.7*E**-2.1")[1]["results"][0]
    assert other["upper_limit_mcrab"] == pytest.approx(default["upper_limit_mcrab"] / 0.97)
    assert ask(client, **place, sigma=3)[1]["results"][0]["upper_limit"] == pytest.approx(default["upper_limit"])


HOSTILE = [
    ({}, "no position was given"),
    ({"ra": "1"}, "do not pair"),
    ({"ra": "1;2", "dec": "3"}, "found 2 and 1"),
    ({"ra": "nan", "dec": "0"}, "not a finite number"),
    ({"ra": "inf", "dec": "0"}, "not a finite number"),
    ({"ra": "1e999", "dec": "0"}, "not a finite number"),
    ({"ra": "-5", "dec": "0"}, "expected 0 to 360"),
    ({"ra": "10", "dec": "-91"}, "expected -90 to 90"),
    ({"ra": "ten", "dec": "0"}, "expected a number"),
    ({"ra": "1", "dec": "2", "confidence": "0"}, "strictly between 0 and 1"),
    ({"ra": "1", "dec": "2", "confidence": "1"}, "strictly between 0 and 1"),
    ({"ra": "1", "dec": "2", "confidence": "nan"}, "finite number"),
    ({"ra": "1", "dec": "2", "confidence": ["0.9", "0.95"]}, "given 2 times"),
    ({"ra": "1", "dec": "2", "confidence": "0.9", "sigma": "3"}, "give one of them"),
    ({"ra": "1", "dec": "2", "sigma": "40"}, "at most 8"),
    ({"ra": "1", "dec": "2", "sigma": "2", "sides": "two"}, "one-sided"),
    ({"ra": "1", "dec": "2", "sides": "three"}, "'one' or 'two'"),
    ({"ra": "1", "dec": "2", "threshold": "-1"}, "threshold"),
    ({"ra": "1", "dec": "2", "power": "1"}, "power"),
    ({"ra": "1", "dec": "2", "band": "1-2"}, "there are 20-40, 40-100 keV"),
    ({"ra": "1", "dec": "2", "instrument": "omc"}, "there are isgri"),
    ({"ra": "1", "dec": "2", "model": "magic"}, "expected one of powerlaw"),
    ({"ra": "1", "dec": "2", "model": "cutoffpl", "index": "1"}, "takes the parameters"),
    ({"ra": "1", "dec": "2", "index": "1e5"}, "no measurable flux"),
    ({"ra": "1", "dec": "2", "crab": "lobster"}, "expected one of"),
    ({"ra": "1", "dec": "2", "flux_band": "100-20"}, "two energies"),
    ({"ra": "1", "dec": "2", "format": "exe"}, "expected one of json"),
    ({"ra": "1", "dec": "2", "radius": "5"}, "no parameter 'radius'"),
    ({"position": "95.0 100.0"}, "not on the sky"),
    ({"position": "\x00\x01"}, "printable"),
    ({"name": "x" * 5000}, "printable characters"),
]


@pytest.mark.parametrize(("parameters", "words"), HOSTILE)
def test_bad_requests_get_one_clear_sentence(client, limits, parameters, words):
    response = client.get(URL, parameters)
    error = json.loads(response.content)["error"]
    assert response.status_code == 400
    assert error["fault"] == "UsageFault"
    assert words in error["message"]
    assert "\n" not in error["message"]


@pytest.mark.parametrize("parameters", [{"name": "no such source"}, {"ra": 1, "dec": 2, "version": "../../etc"}])
def test_what_does_not_exist_is_404(client, limits, parameters):
    response = client.get(URL, parameters)
    assert response.status_code == 404
    assert json.loads(response.content)["error"]["fault"] == "NotFoundFault"


BODIES = [
    (b"{", "application/json", "not JSON"),
    (b"[" * 100_000, "application/json", "not JSON"),
    (b"3", "application/json", "neither an object nor a list"),
    (b'{"positions": 5}', "application/json", "positions is not a list"),
    (b'{"ra": [1, 2], "dec": [1]}', "application/json", "do not pair"),
    (b'{"ra": [1], "dec": [1], "label": [1, 2]}', "application/json", "label is not a list of 1"),
    (b'{"positions": [[1, 2]], "band": {"a": 1}}', "application/json", "not a number, a text"),
    (b'{"positions": []}', "application/json", "no position was given"),
    (b"\n", "text/csv", "must name the columns ra and dec"),
    (b"a,b\n1,2\n", "text/csv", "must name the columns ra and dec"),
    (b"ra,dec\n1,2,3\n", "text/csv", "line 2 of the CSV has 3 fields"),
    (b"ra,dec\n\xff\xfe,2\n", "text/csv", "not UTF-8"),
    (b'ra,dec\n1,"2\n', "text/csv", "cannot be read"),
    (b"<a/>", "text/xml", "the list of positions cannot be read"),
]


@pytest.mark.parametrize(("body", "content_type", "words"), BODIES)
def test_bad_bodies_get_one_clear_sentence(client, limits, body, content_type, words):
    response = client.post(URL, body, content_type=content_type)
    assert response.status_code == 400
    assert words in json.loads(response.content)["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"ra,dec\n" + b"1,2\n" * 1_000_001, "at most 1000000"),
        (b"name\n" + b"Crab\n" * 1_001, "1001 names"),
        (b"ra,dec\n" + b" " * (64 * 2**20), "larger than 64 MiB"),
    ],
    ids=["positions", "names", "bytes"],
)
def test_too_much_is_413_and_says_the_limit(client, limits, body, words):
    response = client.post(URL, body, content_type="text/csv")
    assert response.status_code == 413
    assert words in json.loads(response.content)["error"]["message"]


def test_without_maps_or_store_the_service_says_what_is_missing(client, db, roots):
    response = client.get(URL, {"ra": 1, "dec": 2})
    assert response.status_code == 503
    assert "no sky maps" in json.loads(response.content)["error"]["message"]
    publish(seed=2)
    response = client.get(URL, {"ra": 1, "dec": 2})
    assert response.status_code == 503
    assert "not built yet" in json.loads(response.content)["error"]["message"]


def test_a_damaged_store_is_refused_and_the_previous_one_served(client, limits, roots):
    from upper_limits import services

    publish(seed=3)
    newer = services.build_current_store()
    services._opened.clear()
    array = newer.path / "total-0.npy"
    array.write_bytes(array.read_bytes()[:-100])
    _, answer = ask(client, ra=120.0, dec=-30.0)
    assert answer["map_version"] == limits.map_version
    assert "damaged" in answer["notices"][0]
    assert f"from version {limits.name}" in answer["notices"][0]
    services.build_current_store()
    assert ask(client, ra=120.0, dec=-30.0)[1]["map_version"] == newer.map_version
    # the old one stays addressable
    assert ask(client, ra=120.0, dec=-30.0, version=limits.name)[1]["map_version"] == limits.map_version
    services._opened.clear()
