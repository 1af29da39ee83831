"""HiPS over HTTP."""

import io

import numpy as np
import pytest
from astropy.io import fits
from mocpy import MOC

from hips.properties import parse_properties
from hips.tiles import tile_positions
from tests.support.png import decode_png

FLUX = "/hips/isgri-20-40-flux"


@pytest.fixture
def get(maps, client):
    return client.get


def test_fits_tile_is_the_slice_of_the_array(get, maps):
    values = maps.values(maps.get("isgri-20-40-flux"))
    response = get(f"{FLUX}/Norder3/Dir0/Npix271.fits")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/fits"
    with fits.open(io.BytesIO(response.content)) as file:
        data = file[0].data
    np.testing.assert_array_equal(data[::-1], values[271 * 4096 + tile_positions(64)])


def test_versioned_path_gives_the_same_bytes_for_ever(get):
    plain = get(f"{FLUX}/Norder3/Dir0/Npix5.png")
    versioned = get("/hips/v/v1/isgri-20-40-flux/Norder3/Dir0/Npix5.png")
    assert plain.content == versioned.content
    assert plain["ETag"] == versioned["ETag"]
    assert "immutable" in versioned["Cache-Control"]
    assert "immutable" not in plain["Cache-Control"]


@pytest.mark.parametrize("path", ["Norder3/Dir0/Npix5.png", "Norder3/Allsky.fits", "properties", "Moc.fits"])
def test_headers_suit_viewers_on_other_sites(get, client, path):
    response = get(f"{FLUX}/{path}")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert int(response["Content-Length"]) == len(response.content)
    head = client.head(f"{FLUX}/{path}")
    assert head.content == b""
    assert head["Content-Length"] == response["Content-Length"]
    assert head["ETag"] == response["ETag"]
    again = get(f"{FLUX}/{path}", headers={"if-none-match": f'"other", W/{response["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == response["ETag"]


def test_etag_changes_with_survey_format_and_style(get):
    tags = {
        get(path)["ETag"]
        for path in (
            f"{FLUX}/Norder3/Dir0/Npix5.png", f"{FLUX}/Norder3/Dir0/Npix5.fits", f"{FLUX}/Norder3/Dir0/Npix6.fits",
            f"{FLUX}/Norder3/Dir0/Npix5.png?colormap=ember", "/hips/isgri-20-40-exposure/Norder3/Dir0/Npix5.png",
        )
    }  # fmt: skip
    assert len(tags) == 5


def test_repeated_slashes_are_tolerated(get):
    plain = get(f"{FLUX}/Norder3/Dir0/Npix5.png").content
    assert get(f"{FLUX}//Norder3//Dir0/Npix5.png").content == plain
    assert get("/hips//isgri-20-40-flux//Norder3/Dir0/Npix5.png").content == plain


@pytest.mark.parametrize(("path", "words"), [
    (f"{FLUX}/Norder3/Dir0/Npix768.png", "numbered 0 to 767"),
    (f"{FLUX}/Norder4/Dir0/Npix5.png", "orders 0 to 3"),
    (f"{FLUX}/Norder3/Dir0/Npix5.tsv", "formats are fits, png, jpg"),
    (f"{FLUX}/Norder3/Dir0/Npixabc.png", "A HiPS has no"),
    (f"{FLUX}/Norder3/Dir0/Npix{'9' * 60}.png", "A HiPS has no"),
    (f"{FLUX}/Norder1/Dir0/Npix20.png", "outside the observed sky"),
    (f"{FLUX}/Norder2/Dir10000/Npix5.png", "lies in Dir0"),
    (f"{FLUX}/../../etc/passwd", ""),
    ("/hips/nothing/properties", "no HiPS 'nothing'"),
    ("/hips/v/v9/isgri-20-40-flux/properties", "no map version 'v9'"),
    ("/hips/v/..%2f..%2fetc/isgri-20-40-flux/properties", ""),
    (f"{FLUX}/Norder4/Allsky.png", "no Allsky"),
])  # fmt: skip
def test_what_is_not_there_is_a_short_404(get, path, words):
    response = get(path)
    assert response.status_code == 404
    text = response.content.decode()
    assert words in text
    assert "Traceback" not in text


@pytest.mark.parametrize(("query", "words"), [
    ("colormap=jet", "no colour map"), ("min=abc", "finite number"), ("max=nan", "finite number"),
    ("min=5&max=1", "lower to a higher"), ("stretch=cube", "no stretch"), ("min=1e400", "finite number"),
])  # fmt: skip
def test_wrong_style_is_a_400_in_one_sentence(get, query, words):
    response = get(f"{FLUX}/Norder3/Dir0/Npix5.png?{query}")
    assert response.status_code == 400
    assert words in response.content.decode()


def test_only_reading_is_allowed(maps, client):
    assert client.post(f"{FLUX}/properties").status_code == 405
    response = client.options(f"{FLUX}/properties")
    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == "*"


def test_properties_and_moc_tell_the_same(get, maps, tmp_path):
    values = parse_properties(get(f"{FLUX}/properties").content.decode())
    assert values["hips_order"] == "3"
    assert "simulated" in values["obs_title"]
    array = maps.values(maps.get("isgri-20-40-flux"))
    fraction = np.isfinite(array).mean()
    assert float(values["moc_sky_fraction"]) == pytest.approx(fraction, rel=1e-5)
    (tmp_path / "Moc.fits").write_bytes(get(f"{FLUX}/Moc.fits").content)
    moc = MOC.load(tmp_path / "Moc.fits", format="fits")
    assert moc.sky_fraction == pytest.approx(fraction)


def test_list_names_every_survey_and_each_answers(get):
    text = get("/hips/list").content.decode()
    records = [parse_properties(part) for part in text.split("\n\n")]
    assert len(records) == 4
    for record in records:
        path = record["hips_service_url"].removeprefix("http://testserver")
        assert parse_properties(get(f"{path}/properties").content.decode())["creator_did"] == record["creator_did"]


def test_every_tile_of_the_hierarchy_is_there_or_outside_the_sky(get, maps):
    array = maps.values(maps.get("isgri-20-40-flux"))
    for order in range(4):
        seen = np.isfinite(array).reshape(12 * 4**order, -1).any(axis=1)
        status = [get(f"{FLUX}/Norder{order}/Dir0/Npix{ipix}.png").status_code for ipix in range(seen.size)]
        assert status == [200 if value else 404 for value in seen]


def test_metadata_names_the_maps_by_digest(get, maps):
    with fits.open(io.BytesIO(get("/hips/isgri-20-40-significance/metadata.fits").content)) as file:
        header = file[0].header
    assert header["SIMULATE"] == "simulated"
    assert header["MAP2"] == "isgri-20-40-variance"
    assert header["SHA2"] == maps.sha256["isgri-20-40-variance"]


def test_archive_without_maps_says_so(client, maps, monkeypatch):
    from archive import selectors
    from hips import services

    monkeypatch.setattr(selectors, "current_map_version", lambda: None)
    services.forget_everything()
    response = client.get(f"{FLUX}/properties")
    assert response.status_code == 503
    assert "No sky maps are published" in response.content.decode()


def test_damaged_map_is_an_error_not_a_wrong_tile(client, maps):
    path = maps.path / "isgri-20-40-flux.npy"
    path.write_bytes(path.read_bytes()[:-4096])
    response = client.get(f"{FLUX}/Norder3/Dir0/Npix5.png")
    assert response.status_code == 500
    assert "damaged" in response.content.decode()


def test_preview_shows_the_whole_sky(get):
    picture, _ = decode_png(get(f"{FLUX}/preview.png").content)
    assert picture.shape == (320, 640)
    assert picture[0, 0] == 0
    assert picture[160, 320] > 0


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/hips/", "/hips/isgri-20-40-flux/", "/hips/v/v1/isgri-20-40-exposure/"])
def test_page_names_the_map_and_says_simulated(get, path):
    response = get(path)
    assert response.status_code == 200
    page = response.content.decode()
    assert "simulated" in page
    assert "/api/v1/cutout?survey=" in page
    assert "Observed sky" in page
    assert "Aladin Lite in a page" in page
    for link in ("properties", "Moc.fits", "/hips/list"):
        assert link in page
    assert "http://www" not in page


@pytest.mark.django_db
def test_files_and_errors_are_the_same_in_every_language(maps, client):
    for path in (f"{FLUX}/properties", "/hips/list", f"{FLUX}/Moc.fits", "/hips/none/properties"):
        english, french = (client.get(path, headers={"accept-language": one}) for one in ("en", "fr"))
        assert (english.status_code, english.content) == (french.status_code, french.content), path


@pytest.mark.django_db
def test_page_of_an_archive_without_maps_says_so(client, maps, monkeypatch):
    from archive import selectors
    from hips import services

    monkeypatch.setattr(selectors, "current_map_version", lambda: None)
    services.forget_everything()
    response = client.get("/hips/")
    assert response.status_code == 503
    assert "No sky maps are published" in response.content.decode()


@pytest.mark.django_db
def test_version_without_a_map_to_show_says_so(client, maps, settings, monkeypatch):
    from archive import selectors
    from archive.skymaps import write_version
    from hips import services

    variance = maps.get("isgri-20-40-variance")
    version = write_version(settings.MAPS_ROOT, "bare", [(variance, maps.values(variance))])
    monkeypatch.setattr(selectors, "current_map_version", lambda: version)
    services.forget_everything()
    assert "holds no flux" in client.get("/hips/").content.decode()
    assert client.get("/hips/list").content == b""


@pytest.mark.django_db(transaction=True)
def test_version_is_served_only_when_a_release_has_it(get, settings):
    from datetime import UTC, datetime

    from archive.models import Release
    from tests.integration.hips.conftest import write_maps

    write_maps(settings.MAPS_ROOT, "v0", order=6)
    address = "/hips/v/v0/isgri-20-40-flux/properties"
    assert get(address).status_code == 404
    Release.objects.create(number=7, name="2026.7", published_at=datetime.now(UTC), description="", map_version="v0")
    assert get(address).status_code == 200
