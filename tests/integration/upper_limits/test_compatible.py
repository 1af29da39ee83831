"""The records of other servers, key by key, as their public clients read them; and what regions say."""

import csv
import io
import json
import re

import numpy as np
import pytest
from astropy.io import fits
from mocpy import MOC

from archive.healpix import pixels_nested
from tests.integration.upper_limits.conftest import CRAB

pytestmark = pytest.mark.django_db

HILIGT_KEYS = [
    "_mission",
    "_instrum",
    "_obsid",
    "_filt",
    "_label",
    "_ra",
    "_dec",
    "_start_date",
    "_end_date",
    "_elow",
    "_ehigh",
    "_exptime",
    "_src_counts",
    "_bck_counts",
    "_eef",
    "_crate",
    "_crate_err",
    "_crate_flux",
    "_crate_flux_err",
    "_ul",
    "_ul_flux",
    "_ulsig",
    "_model",
    "_image",
    "_expmap",
    "_bkgimage",
    "_status",
]
HILIGT = "/ULSservice_passthru"


def hiligt(client, ra, dec, form, **more):
    return client.get(HILIGT, {"mission": "Integral", "ra": ra, "dec": dec, "FORMAT": form, **more})


def test_hiligt_json_is_a_rate_or_a_limit_for_each_band(client, limits):
    (seen, _), (dark, _) = (hiligt(client, *at, "JSON", label="a b").json() for at in (CRAB, (120.0, -30.0)))
    assert set(HILIGT_KEYS) <= set(seen)
    assert (seen["_status"], seen["_label"], seen["_ulsig"]) == ("Ok", "a b", "2")
    assert (seen["_elow"], seen["_ehigh"]) == (20.0, 40.0)
    assert float(seen["_crate"]) > 900
    assert float(seen["_crate_flux"]) == pytest.approx(1000 * 7.95e-12, rel=0.05)
    assert seen["_ul"] is None
    dark = next(r for at in np.linspace(-30, -20, 20) for r in hiligt(client, 120.0, at, "JSON").json() if r["_ul"])
    assert dark["_crate"] is None
    assert float(dark["_ul_flux"]) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", dark["_start_date"])


def test_hiligt_csv_has_a_title_a_header_and_cells_to_read(client, limits):
    body = hiligt(client, *CRAB, "csv").content.decode()
    assert body.startswith("Integral: soft 20-40 keV in mCrab")
    assert "SIMULATED" in body.splitlines()[0]
    (row,) = csv.DictReader(io.StringIO("\n".join(body.splitlines()[1:])))
    assert list(row) == [
        "Start_date", "soft_crate", "soft_flux", "medium_crate", "medium_flux", "hard_crate", "hard_flux", "exposure",
    ]  # fmt: skip
    assert re.fullmatch(r"[\d.e+-]+ \+/- [\d.e+-]+", row["soft_crate"])


def test_hiligt_without_data_and_of_other_missions_is_what_clients_expect(client, limits):
    assert hiligt(client, 315.0, -41.0, "csv").content.decode().endswith("No data found for this position\r\n")
    assert hiligt(client, 315.0, -41.0, "JSON").content == b""
    other = client.get(HILIGT, {"mission": "XMMpnt", "ra": 1, "dec": 2, "FORMAT": "JSON"})
    assert (other.status_code, other.content) == (200, b"")
    assert hiligt(client, "x", 2, "JSON").status_code == 400


@pytest.mark.parametrize("path", ["/nxsa-sl/servlet/get-uls", "/servlet/get-uls"])
def test_rapidxmm_takes_lists_parted_by_semicolons(client, limits, path):
    records = client.get(path, {"ra": "120;315;130", "dec": "-30;-41;-30"}).json()
    assert [record["ra"] for record in records] == [120.0, 130.0]
    record = records[0]
    assert record["band6_ul_sigma1"] < record["band6_ul_sigma2"] < record["band6_ul_sigma3"]
    assert {"id", "npixel", "nside", "obsid", "obstype", "start_date", "start_timestamp", "instrum", "filt"} <= set(
        record
    )
    assert record["band6_src_counts"] is None
    assert client.get(path, {"ra": "315", "dec": "-41"}).json() == []
    assert client.get(path, {"ra": "1;2", "dec": "1"}).status_code == 400


def test_erosita_answers_pixels_and_lists_in_their_order(client, limits):
    pixel = int(pixels_nested(16, np.array([120.0]), np.array([-30.0]))[0])
    dark = int(pixels_nested(16, np.array([315.0]), np.array([-41.0]))[0])
    (record,) = client.get(f"/erosita-ul/ULbyHP/021/{pixel}").json()["021"]
    assert {"Exposure", "UL_B", "UL_S", "Flag_pos", "healpix"} <= set(record)
    assert record["healpix"] == pixel
    assert client.get(f"/erosita-ul/ULbyHP/021/{dark}").json() == {"021": []}
    many = client.post("/erosita-ul/ULbyHPlist/20-40/", json.dumps([pixel]), content_type="application/json").json()
    assert many["20-40"] == [record]
    assert client.get(f"/erosita-ul/ULbyHP/024/{pixel}").status_code == 404
    asked = [
        {"ra": 120.0, "dec": -30.0, "band": "021", "dr_survey": "DR1_eRASS1"},
        {"ra": 315.0, "dec": -41.0, "band": "022"},
        {"ra": "?", "dec": 0, "band": "021"},
        {"ra": CRAB[0], "dec": CRAB[1], "band": "021"},
    ]
    answer = client.post("/erodat/upperlimit/service_multi", json.dumps(asked), content_type="application/json").json()
    assert answer["error"] is None
    assert [one["status"] for one in answer["limits"]] == ["limit", "outside coverage", "bad position", "detection"]
    assert answer["limits"][3]["UL_B"] > 50 * answer["limits"][3]["UL_S"]
    too_many = client.post(
        "/erodat/upperlimit/service_multi", json.dumps([{}] * 10_001), content_type="application/json"
    )
    assert too_many.status_code == 413


def test_a_region_says_how_deep_and_how_much_of_it(client, limits):
    url = "/api/v1/upper-limits/region"
    cone = client.get(url, {"ra": CRAB[0], "dec": CRAB[1], "radius": 10, "band": "20-40", "flux": 8}).json()["results"][
        0
    ]
    assert cone["area_deg2"] == pytest.approx(312, rel=0.05)
    assert cone["observed_deg2"] == pytest.approx(cone["area_deg2"])
    assert 0 < cone["area_below_deg2"] < cone["observed_deg2"]
    assert cone["deepest"] < cone["median"]
    assert (cone["max_ra"], cone["max_dec"]) == pytest.approx(CRAB, abs=1.0)
    moc = client.get(url, {"moc": "3/704-767", "band": "20-40"}).json()["results"][0]
    assert moc["observed_deg2"] == 0.0
    assert moc["deepest"] is None
    for bad in ({"moc": "x"}, {"ra": 1, "dec": 95, "radius": 1}, {"ra": 1, "dec": 1}):
        assert client.get(url, bad).status_code == 400


def test_coverage_at_a_depth_and_a_sensitivity_image_agree(client, limits):
    one = {"band": "20-40", "sigma": 5}
    moc = MOC.from_json(client.get("/api/v1/upper-limits/coverage", {**one, "depth": 8.0}).json())
    assert 0 < moc.sky_fraction < 11 / 12
    whole = client.get("/api/v1/upper-limits/coverage", {**one, "depth": 1e6, "format": "fits"})
    assert whole.content.startswith(b"SIMPLE")
    place = {"ra": 120.0, "dec": -30.0, "size": 4, "pixels": 3}
    response = client.get("/api/v1/upper-limits/sensitivity", {**one, **place})
    with fits.open(io.BytesIO(response.content)) as hdus:
        image, header = hdus[0].data, hdus[0].header
    row = json.loads(client.get("/api/v1/upper-limits", {"ra": 120, "dec": -30, "band": "20-40"}).getvalue())[
        "results"
    ][0]
    assert image[1, 1] == pytest.approx(5 * row["flux_error"], rel=1e-5)
    assert header["SIMULATD"] is True
    assert client.get("/api/v1/upper-limits/coverage", {"depth": 1}).status_code == 400


@pytest.mark.parametrize(
    ("address", "query", "words"),
    [
        ("region", "ra=1&dec=2&radius=1&fluxes=8", "there is no parameter 'fluxes'; there are instrument, band"),
        ("region", "moc=3/704&radius=1", "both were given"),
        ("region", "ra=1&RA=2&dec=2&radius=1", "ra is given 2 times; expected once"),
        ("coverage", "band=20-40&depth=8&radius=5", "there is no parameter 'radius'"),
        ("sensitivity", "band=20-40&ra=1&dec=2&depth=8", "there is no parameter 'depth'"),
        ("sensitivity", "band=20-40&ra=1&dec=2&pixels=3.5", "pixels is 3.5; expected a whole number"),
    ],
)
def test_regions_refuse_what_they_would_not_heed(client, limits, address, query, words):
    answer = client.get(f"/api/v1/upper-limits/{address}?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_rapidxmm_records_have_the_keys_and_types_of_its_answers(client, limits):
    (record,) = client.get("/servlet/get-uls", {"ra": "120.0000000001", "dec": "-30"}).json()
    numbers = ["id", "npixel", "nside", "ra", "dec", "start_timestamp"]
    numbers += [f"band{band}_ul_sigma{sigma}" for band in (6, 7) for sigma in (1, 2, 3)]
    assert all(isinstance(record[name], int | float) for name in numbers)
    assert all(
        isinstance(record[name], str) for name in ("obsid", "obstype", "start_date", "end_date", "instrum", "filt")
    )
    kinds = ("exposure", "src_counts", "bck_counts", "ul_sigma1", "ul_sigma2", "ul_sigma3", "flags")
    wanted = {f"band{band}_{kind}" for band in (6, 7, 8) for kind in kinds} | {"eef", "area_ratio"}
    assert wanted <= set(record)


def test_one_position_of_erodat_is_answered_in_the_shape_of_many(client, limits):
    asked = [{"ra": 120.0, "dec": -30.0, "band": "021", "dr_survey": "DR1_eRASS1"}]
    many = client.post("/erodat/upperlimit/service_multi", json.dumps(asked), content_type="application/json").json()
    assert many["error"] is None
    (record,) = many["limits"]
    assert {"Exposure", "UL_B", "UL_S", "Flag_pos", "field", "healpix", "de_sky"} <= set(record)
    assert isinstance(record["UL_B"], float)
