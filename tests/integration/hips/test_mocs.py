"""Coverages over HTTP: names, footprints, set operations."""

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from mocpy import MOC

from hips.moc_files import decode_moc
from tests.support.archive_rows import deliver
from tests.support.png import decode_png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def get(maps, client):
    from archive.models import ScienceWindow

    rows = [
        {
            "scw_id": f"{revolution:04d}{number:04d}0010", "revolution": revolution, "kind": kind, "obs_id": obs_id,
            "ra": ra, "dec": 10.0, "tstart_mjd_tt": 52700.0 + 3 * revolution, "tstop_mjd_tt": 52700.1 + 3 * revolution,
            "good_isgri_s": 1800.0, "good_jemx1_s": jemx, "good_jemx2_s": 0.0, "good_omc_s": None,
        }
        for number, (revolution, kind, obs_id, ra, jemx) in enumerate(
            [(1, "pointing", "00200200001", 30.0, 900.0), (1, "slew", "", 100.0, 0.0),
             (250, "pointing", "00200200002", 200.0, 0.0)]
        )
    ]  # fmt: skip
    deliver("mission", ScienceWindow, rows)
    return client.get


def area(response) -> float:
    assert response.status_code == 200, response.content
    return decode_moc(response.content).sky_fraction * 41252.96


def circle(radius_deg: float) -> float:
    return 41252.96 * (1 - np.cos(np.radians(radius_deg))) / 2


def test_footprints_are_circles_around_pointings_with_good_time(get):
    one = circle(14.55)
    for name, expected in {
        "isgri-mission": 2 * one, "isgri-rev-0001": one, "isgri-year-2003": one, "isgri-year-2005": one,
        "isgri-obs-00200200002": one, "jemx-mission": circle(6.6), "jemx1-mission": circle(6.6),
        "omc-mission": 2 * circle(2.5),
    }.items():  # fmt: skip
        assert area(get(f"/mocs/{name}.fits")) == pytest.approx(expected, rel=0.01), name
    for name in ("jemx2-mission", "isgri-year-2004", "isgri-rev-0002", "isgri-obs-1"):
        response = get(f"/mocs/{name}.fits")
        assert (response.status_code, "no pointing" in response.content.decode()) == (404, True), name


def test_depth_is_a_threshold_on_the_exposure_map(get, maps):
    seconds = maps.values(maps.get("isgri-20-40-exposure"))
    response = get("/mocs/isgri-20-40-exposure-over-999ks.json")
    assert decode_moc(response.content).sky_fraction == np.isfinite(seconds).mean()
    assert "simulated" in response["Content-Disposition"]
    assert decode_moc(get("/mocs/isgri-20-40-exposure-over-1000ks.txt").content).ranges.size == 0
    assert get("/mocs/isgri-20-40-flux-over-1ks.fits").status_code == 404
    assert "names are like" in get("/mocs/nothing.fits").content.decode()


def test_formats_agree_and_mocpy_reads_them(get, tmp_path):
    fits = get("/mocs/isgri-rev-0001.fits").content
    (tmp_path / "moc.fits").write_bytes(fits)
    loaded = MOC.load(tmp_path / "moc.fits")
    assert loaded == MOC.from_string(get("/mocs/isgri-rev-0001.txt").content.decode())
    assert loaded == MOC.from_json(get("/mocs/isgri-rev-0001.json").json())


def test_square_fields_turn_with_the_spacecraft_and_spans_have_days(get):
    from archive.models import ScienceWindow

    row = {
        "scw_id": "030000000010", "revolution": 300, "kind": "pointing", "obs_id": "00300000001", "ra": 50.0, "dec": 0.0,
        "ra_z": 50.0, "dec_z": 90.0, "tstart_mjd_tt": 53600.0, "tstop_mjd_tt": 53600.1, "good_isgri_s": 1800.0,
    }  # fmt: skip
    deliver("turned", ScienceWindow, [row])
    half = np.radians(14.55)
    square = 4 * np.degrees(np.degrees(np.arcsin(np.sin(half) ** 2)))
    assert area(get("/mocs/isgri-rev-0300.fits")) == pytest.approx(square, rel=0.01)
    assert area(get("/mocs/isgri-from-2005-08-01-to-2005-09-01.fits")) == pytest.approx(square, rel=0.01)
    assert area(get("/mocs/spi-rev-0300.fits")) == pytest.approx(circle(17), rel=0.01)
    assert get("/mocs/isgri-from-2005-13-01-to-2005-09-01.fits").status_code == 400


def test_space_time_coverage_of_the_mission(get, tmp_path):
    from mocpy import STMOC

    for name in ("isgri-mission-stmoc", "isgri-rev-0001-stmoc"):
        response = get(f"/mocs/{name}.fits")
        assert response.status_code == 200
        (tmp_path / "st.fits").write_bytes(response.content)
        loaded = STMOC.load(tmp_path / "st.fits")
        assert not loaded.is_empty()
    assert loaded.max_depth == (30, 7)
    assert b"is a FITS file" in get("/mocs/isgri-mission-stmoc.txt").content
    assert get("/mocs/jemx2-mission-stmoc.fits").status_code == 404


def test_localisation_is_cut_at_its_credible_level(get, client):
    from tests.unit.hips.test_regions import write_skymap

    def ask(**fields):
        sent = SimpleUploadedFile("event.fits", write_skymap(UNIQ=np.array([4, 5]), PROBDENSITY=density))
        return client.post("/api/v1/moc", {"moc": "upload", "format": "info", "upload": sent} | fields)

    density = np.array([0.8, 0.2]) * 12 / (4 * np.pi)
    answer = ask(credible="0.7").json()
    assert answer["sky_fraction"] == pytest.approx(1 / 12)
    assert answer["probability"] == pytest.approx(0.8)
    assert ask().json()["probability"] == pytest.approx(1.0)
    both = ask(moc=["upload", "0/1"], op="intersection", credible="1").json()
    assert both["probability"] == pytest.approx(0.2)
    assert b"credible is" in ask(credible="90").content
    moc = SimpleUploadedFile("moc.txt", b"3/5")
    answer = client.post("/api/v1/moc", {"moc": "upload", "upload": moc, "credible": "0.5"})
    assert (answer.status_code, b"a MOC came" in answer.content) == (400, True)


def test_set_operations(get, client):
    address = "/api/v1/moc?moc=isgri-mission&moc=jemx-mission&op="
    whole = get(address + "union&format=info").json()
    both = get(address + "intersection&format=info").json()
    rest = get(address + "difference&format=info").json()
    assert whole["area_deg2"] == pytest.approx(2 * circle(14.55), rel=0.01)
    assert both["area_deg2"] == pytest.approx(circle(6.6), rel=0.01)
    assert rest["area_deg2"] == pytest.approx(whole["area_deg2"] - both["area_deg2"])
    assert get("/api/v1/moc?op=intersection&moc=0/0-11&moc=3/5 7&format=ascii").content == b"3/5 7"
    assert get("/api/v1/moc?moc=3/5 7&format=ascii&order=0").content == b"0/0"
    upload = SimpleUploadedFile("event.fits", get("/mocs/jemx-mission.fits").content)
    answer = client.post(
        "/api/v1/moc", {"op": "intersection", "moc": ["upload", "isgri-mission"], "format": "info", "upload": upload}
    )
    assert answer.json()["area_deg2"] == both["area_deg2"]


@pytest.mark.parametrize(("query", "words"), [
    ("", "0 MOCs"), ("op=xor&moc=0/1", "op is"), ("moc=0/1&format=gif", "format is"), ("moc=0/1&order=x", "order is"),
    ("moc=0/99", "0 to 11"), ("moc=upload", "POST"), ("mocs=0/1", "no parameter"), ("moc=0/1" + "&moc=0/1" * 16, "1 to 16"),
])  # fmt: skip
def test_bad_requests_get_a_sentence(get, query, words):
    response = get(f"/api/v1/moc?{query}")
    assert response.status_code == 400
    assert words in response.content.decode()


def test_page_lists_maps_and_footprints(get):
    text = get("/mocs/").content.decode()
    assert "/mocs/isgri-20-40-exposure-over-100ks.fits" in text
    assert "isgri-year-2003" in text
    assert "isgri-rev-0001" in text


def test_page_combines_coverages(get):
    page = get("/mocs/", {"op": "intersection", "moc": ["isgri-mission", "circle 30 10 5", ""]})
    body = page.content.decode()
    assert page.status_code == 200
    query = "op=intersection&amp;moc=isgri-mission&amp;moc=circle+30+10+5"
    assert all(f"/api/v1/moc?{query}&amp;format={kind}" in body for kind in ("fits", "json", "ascii", "info", "png"))
    assert "Area" in body
    result = get(f"/api/v1/moc?{query}".replace("&amp;", "&"))
    assert area(result) == pytest.approx(circle(5), rel=0.01)
    picture = get(f"/api/v1/moc?{query}&format=png".replace("&amp;", "&"))
    indices, _ = decode_png(picture.content)
    assert (indices == 2).sum() / (indices > 0).sum() == pytest.approx(circle(5) / 41252.96, rel=0.05)


@pytest.mark.parametrize(
    ("moc", "words"),
    [("circle 30 95 5", "dec from -90"), ("circle 30 10 0", "radius"), ("circle 30 10", "There is no MOC"),
     ("nothing", "There is no MOC")],
)  # fmt: skip
def test_page_says_what_is_wrong_with_a_coverage(get, moc, words):
    page = get("/mocs/", {"moc": ["isgri-mission", moc]})
    assert page.status_code == 400
    assert words in page.content.decode()
    response = get("/api/v1/moc", {"moc": ["isgri-mission", moc]})
    assert response.status_code in {400, 404}
    assert words in response.content.decode()


def test_page_of_an_empty_archive(client, settings, tmp_path):
    from hips import services

    settings.MAPS_ROOT = tmp_path
    services.forget_everything()
    text = client.get("/mocs/").content.decode()
    assert "No sky maps are published" in text
    assert "no pointings" in text
    assert client.get("/mocs/isgri-mission.fits").status_code in {404, 503}
