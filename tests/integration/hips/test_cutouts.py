"""Cut-outs against the arrays they come from."""

import io

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from cdshealpix.nested import lonlat_to_healpix
from mocpy import MOC

from hips.cutouts import PROJECTIONS
from tests.support.archive_rows import deliver
from tests.support.png import decode_png

CUT = "/api/v1/cutout?survey=isgri-20-40-flux"


@pytest.fixture
def get(maps, client):
    return client.get


def read(response):
    assert response.status_code == 200, response.content
    with fits.open(io.BytesIO(response.content)) as file:
        file.verify("exception")
        return file[0].header, file[0].data


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize(("ra", "dec"), [(83.63, 22.01), (0.0, -89.5), (359.9, 41.8)])
def test_every_pixel_is_the_pixel_of_the_map_under_it(get, maps, projection, ra, dec):
    header, data = read(get(f"{CUT}&ra={ra}&dec={dec}&size=20&pixels=150&projection={projection}"))
    values = maps.values(maps.get("isgri-20-40-flux"))
    wcs = WCS(header)
    y, x = np.mgrid[0:150, 0:150]
    lon, lat = wcs.all_pix2world(x, y, 0)
    known = np.isfinite(lon)
    sky = SkyCoord(lon[known], lat[known], unit="deg")
    pixels = lonlat_to_healpix(sky.ra, sky.dec, depth=9).astype(np.int64)
    expected, found = values[pixels], data[known]
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    beyond = np.isnan(found) & ~np.isnan(expected)  # folded back by the projection
    assert (same | beyond).all()
    assert same.mean() == 1 if projection in {"TAN", "SIN", "ARC", "ZEA", "STG", "AIR"} else same.mean() > 0.05
    assert header["SIMULATD"] is True
    assert header["BUNIT"] == "mCrab"


def test_circle_has_nothing_around_it(get):
    header, data = read(get("/api/v1/cutout?SURVEY=isgri-20-40-flux&POS=CIRCLE 83.63 22.01 3&PIXELS=101"))
    y, x = np.mgrid[0:101, 0:101]
    lon, lat = WCS(header).all_pix2world(x, y, 0)
    inside = SkyCoord(lon, lat, unit="deg").separation(SkyCoord(83.63, 22.01, unit="deg")).deg <= 3
    assert np.isnan(data[~inside]).all()
    assert np.isfinite(data[inside]).all()
    same = read(get("/api/v1/cutout?CIRCLE=83.63 22.01 3&survey=isgri-20-40-flux&pixels=101"))[1]
    np.testing.assert_array_equal(same, data)


def test_polygon_has_nothing_around_it_whichever_way_it_turns(get):
    corners = [(80.0, 20.0), (86.0, 21.0), (84.0, 25.0), (82.0, 22.0)]  # one corner points inwards
    text = " ".join(f"{ra} {dec}" for ra, dec in corners)
    header, data = read(get(f"{CUT}&POS=POLYGON {text}&pixels=120"))
    y, x = np.mgrid[0:120, 0:120]
    lon, lat = WCS(header).all_pix2world(x, y, 0)
    exact = MOC.from_polygon_skycoord(SkyCoord(corners, unit="deg"), max_depth=14)
    inside = exact.contains_lonlat(lon.ravel() * u.deg, lat.ravel() * u.deg).reshape(120, 120)
    assert (np.isfinite(data) == inside).mean() > 0.995
    turned = " ".join(f"{ra} {dec}" for ra, dec in corners[::-1])
    np.testing.assert_array_equal(read(get(f"{CUT}&polygon={turned}&pixels=120"))[1], data)


def test_range_is_a_box_in_right_ascension_and_declination(get):
    header, data = read(get(f"{CUT}&pos=RANGE 355 10 -3 4&pixels=150"))
    y, x = np.mgrid[0:150, 0:150]
    lon, lat = WCS(header).all_pix2world(x, y, 0)
    inside = ((lon >= 355) | (lon <= 10)) & (lat >= -3) & (lat <= 4)
    assert (np.isfinite(data) == inside).all()


def test_band_and_time_choose_the_map(get):
    one = read(get("/api/v1/cutout?BAND=3.1e-11 6.2e-11&TIME=55000&ra=10&dec=5&size=5"))[0]
    assert one["SURVEY"] == "isgri-20-40-flux"
    assert get("/api/v1/cutout?BAND=5e-7&ra=10&dec=5").status_code == 404
    assert get("/api/v1/cutout?TIME=40000 41000&ra=10&dec=5").status_code == 404
    assert read(get("/api/v1/cutout?TIME=-Inf +Inf&ID=isgri-20-40-flux&ra=10&dec=5"))[0]["NAXIS"] == 2


def test_size_follows_the_map_unless_pixels_are_given(get):
    _, data = read(get(f"{CUT}&ra=10&dec=5&size=5"))
    assert data.shape == (44, 44)  # 5 degrees in pixels of 6.87 arcmin
    assert read(get(f"{CUT}&ra=10&dec=5&size=100"))[1].shape == (874, 874)


def test_png_shows_the_same_with_north_up(get):
    _, data = read(get(f"{CUT}&ra=83&dec=22&size=6&pixels=64"))
    response = get(f"{CUT}&ra=83&dec=22&size=6&pixels=64&format=png&min=-3&max=3&stretch=linear&colormap=grey")
    assert response["Content-Type"] == "image/png"
    grey = decode_png(response.content)[0]
    values = data[::-1]
    inside = (values > -3) & (values < 3)
    assert np.corrcoef(grey[inside], values[inside])[0, 1] > 0.999


@pytest.mark.django_db(transaction=True)
def test_a_name_is_as_good_as_a_position(get):
    from archive.models import Source, SourceName

    deliver("s", Source, [{"source_id": "J1", "name": "Crab", "ra": 83.63, "dec": 22.01}])
    deliver("n", SourceName, [{"source_id": "J1", "name": "Crab", "normalized_name": "CRAB"}])
    np.testing.assert_array_equal(
        read(get(f"{CUT}&name=crab&size=3"))[1], read(get(f"{CUT}&ra=83.63&dec=22.01&size=3"))[1]
    )
    assert get(f"{CUT}&name=nobody").status_code == 404


@pytest.mark.parametrize(("query", "status", "words"), [
    ("", 400, "found nothing"), ("&ra=10", 400, "dec is"), ("&ra=400&dec=0", 400, "not on the sky"),
    ("&ra=1&dec=1&size=0", 400, "size is 0"), ("&ra=1&dec=1&size=150", 400, "TAN takes"),
    ("&ra=1&dec=1&size=nan", 400, "size is"), ("&ra=1&dec=1&pixels=5000", 400, "1 to 2048"),
    ("&ra=1&dec=1&pixels=1e3", 400, "whole number"), ("&ra=1&dec=1&projection=XYZ", 400, "expected one of"),
    ("&ra=1&dec=1&format=gif", 400, "fits or png"), ("&ra=1&dec=1&ra=2", 400, "more than once"),
    ("&RA=1&ra=1&dec=1", 400, "more than once"), ("&foo=1", 400, "no parameter"),
    ("&pos=BOX 1 2 3 4", 400, "CIRCLE ra dec radius"), ("&polygon=1 2 3 4", 400, "3 to 100 corners"),
    ("&polygon=0 0 120 0 240 0", 400, "hemisphere"), ("&pos=RANGE 1 2 5 4", 400, "RANGE ra1"),
    ("&ra=1&dec=1&band=x", 400, "band is"), ("&ra=1&dec=1&time=5 4", 400, "time is"),
    ("&ra=1&dec=1&band=1 2", 404, "nothing of this band"), ("&ra=1&dec=1&id=a", 400, "two names"), ("&pos=CIRCLE 1 2 nan", 400, "CIRCLE ra dec"),
    ("&circle=1 2 3&ra=5", 400, "Say once"), ("&circle=1 2 3&size=3", 400, "leave size"),
    ("&ra=1&dec=1&colormap=jet&format=png", 400, "colour map"),
])  # fmt: skip
def test_bad_requests_get_a_sentence(get, query, status, words):
    response = get(CUT + query)
    assert response.status_code == status
    assert words in response.content.decode()


def test_unknown_survey_is_not_found(get):
    assert get("/api/v1/cutout?survey=nothing&ra=1&dec=1").status_code == 404
