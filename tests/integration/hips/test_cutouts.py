"""Cut-outs against the arrays they come from."""

import io

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from cdshealpix.nested import lonlat_to_healpix

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
    zenithal = projection in {"TAN", "SIN", "ARC", "ZEA", "STG"}
    assert same.mean() == 1 if zenithal else same.mean() > 0.1
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
    ("&pos=BOX 1 2 3 4", 400, "CIRCLE ra dec radius"), ("&pos=CIRCLE 1 2 nan", 400, "CIRCLE ra dec"),
    ("&circle=1 2 3&ra=5", 400, "Say once"), ("&circle=1 2 3&size=3", 400, "leave size"),
    ("&ra=1&dec=1&colormap=jet&format=png", 400, "colour map"),
])  # fmt: skip
def test_bad_requests_get_a_sentence(get, query, status, words):
    response = get(CUT + query)
    assert response.status_code == status
    assert words in response.content.decode()


def test_unknown_survey_is_not_found(get):
    assert get("/api/v1/cutout?survey=nothing&ra=1&dec=1").status_code == 404
