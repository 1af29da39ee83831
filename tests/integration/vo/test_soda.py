"""SODA 1.0: cut-outs of mosaics, light curves and maps against the files themselves, and each way of saying no."""

import io
import warnings
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.wcs import WCS, FITSFixedWarning

from archive.formats import read_time_series
from tests.support import fits_files
from tests.support.closing_session import closing_session
from tests.support.isla_archive import DID
from vo.soda.fits_series import write_series_fits

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("vo.urls"),
    pytest.mark.usefixtures("isla_products"),
]


def cut(client, product_id, **parameters):
    response = client.get("/soda/sync", {"ID": DID + product_id, **parameters})
    content = response.getvalue()
    assert response.status_code == 200, content
    return response, content


def images(content):
    with fits.open(io.BytesIO(content), checksum=True) as hdus:
        return [(hdu.header.copy(), hdu.data.copy()) for hdu in hdus if hdu.data is not None and hdu.is_image]


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ({"CIRCLE": "83.633 22.0145 0.35"}, (7, 7)),
        ({"POS": "CIRCLE 83.633 22.0145 0.35"}, (7, 7)),
        ({"circle": "83.633 22.0145 0.0001"}, (1, 1)),
        ({"POLYGON": "83.2 21.9 84.1 21.9 84.1 22.15 83.2 22.15"}, (3, 9)),
        ({"POS": "RANGE 83.2 84.1 -Inf +Inf"}, (21, 9)),
        ({"CIRCLE": "83.633 22.0145 20"}, (21, 21)),
        ({"BAND": "3e-11 4e-11"}, (21, 21)),
    ],
)
def test_a_cut_mosaic_has_the_values_of_the_whole_at_the_same_places(client, parameters, shape):
    response, content = cut(client, "mosaic.28", **parameters)
    assert response["Content-Type"] == "application/fits"
    planes = images(content)
    assert [header["IMATYPE"] for header, _ in planes] == ["INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE"]
    original = fits_files.mosaic_hdus()
    for (header, values), whole in zip(planes, original, strict=True):
        assert values.shape == shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs, whole_wcs = WCS(header), WCS(whole.header)
        y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
        at_x, at_y = whole_wcs.all_world2pix(*wcs.all_pix2world(x, y, 0), 0)
        np.testing.assert_allclose(at_x, np.rint(at_x), atol=1e-6)
        np.testing.assert_array_equal(values, whole.data[np.rint(at_y).astype(int), np.rint(at_x).astype(int)])
        assert (header["BUNIT"], header["E_MIN"]) == (whole.header["BUNIT"], whole.header["E_MIN"])
    with fits.open(io.BytesIO(content)) as hdus:
        assert DID + "mosaic.28" in str(hdus[0].header["HISTORY"])


@pytest.mark.parametrize(
    "parameters",
    [{"CIRCLE": "183 22 1"}, {"CIRCLE": "263.633 -22.0145 5"}, {"BAND": "1e-9 2e-9"}, {"TIME": "10 20"}],
)
def test_nothing_left_of_an_image_is_no_content(client, settings, parameters):
    if "TIME" in parameters:
        from archive.models import Product

        Product.objects.filter(product_id="mosaic.28").update(tstart_mjd_tt=54544.0, tstop_mjd_tt=54545.0)
    response = client.get("/soda/sync", {"ID": DID + "mosaic.28", **parameters})
    assert (response.status_code, response.getvalue()) == (204, b"")


def test_nothing_to_cut_off_is_the_file_itself(client):
    from archive.models import ProductFile

    response, content = cut(client, "mosaic.28")
    assert len(content) == ProductFile.objects.get(product_id="mosaic.28").size_bytes
    part = client.get("/soda/sync", {"ID": DID + "mosaic.28"}, headers={"Range": "bytes=0-5"})
    assert (part.status_code, part.getvalue(), part["ETag"]) == (206, b"SIMPLE", response["ETag"])


def test_a_light_curve_is_cut_in_time_and_by_band(client):
    whole = parse_single_table(io.BytesIO(cut(client, "smc_series")[1])).to_table()
    assert len(whole) == 50
    response, content = cut(client, "smc_series", TIME="54546.1 54548.5")
    assert response["Content-Type"] == "application/x-votable+xml"
    part = parse_single_table(io.BytesIO(content)).to_table()
    assert list(part["time"]) == [54546.5, 54547.0, 54547.5, 54548.0, 54548.5]
    touching = parse_single_table(io.BytesIO(cut(client, "smc_series", TIME="54546.005")[1])).to_table()
    assert list(touching["time"]) == [54546.0]
    assert len(parse_single_table(io.BytesIO(cut(client, "smc_series", BAND="3.1e-11 5e-11")[1])).to_table()) == 50
    for nothing in ({"TIME": "-Inf 50000"}, {"BAND": "+Inf"}, {"CIRCLE": "200 10 1"}):
        assert client.get("/soda/sync", {"ID": DID + "smc_series", **nothing}).status_code == 204


@pytest.mark.parametrize("form", ["fits", "application/fits", "image/fits"])
def test_a_cut_light_curve_comes_as_fits_that_reads_back_the_same(client, tmp_path, form):
    from archive.models import Product

    response, content = cut(client, "smc_series", TIME="54546.1 54548.5", RESPONSEFORMAT=form)
    assert response["Content-Type"] == "application/fits"
    assert response["Content-Disposition"].endswith('filename="smc_series_cutout.fits"')
    (tmp_path / "cut.fits").write_bytes(content)
    (part,) = read_time_series(tmp_path / "cut.fits")
    (whole,) = read_time_series(fits_files.write(tmp_path / "whole.fits", fits_files.series_hdu(rows=50)))
    kept = (whole.time_mjd_tt > 54546.1) & (whole.time_mjd_tt < 54548.6)
    for name in ("time_mjd_tt", "half_width_d", "rate", "error"):
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[kept], rtol=1e-15)
    same = ("rate_unit", "quantity", "instrument", "energy_min_kev", "energy_max_kev", "timeref", "source_name")
    assert [getattr(part, name) for name in same] == [getattr(whole, name) for name in same]
    assert [finding for finding in part.findings if finding.severity != "info"] == []
    with fits.open(io.BytesIO(content), checksum=True) as hdus:
        assert DID + "smc_series" in str(hdus[0].header["HISTORY"])
        assert "SIMULATD" not in hdus[1].header
    Product.objects.update(simulated=True)
    with fits.open(io.BytesIO(cut(client, "smc_series", RESPONSEFORMAT=form, TIME="54546")[1])) as hdus:
        assert [hdu.header["SIMULATD"] for hdu in hdus] == [True, True]


def test_a_cut_magnitude_keeps_its_flags(tmp_path):
    from archive.models import Product

    curve = replace(
        read_time_series(fits_files.write(tmp_path / "whole.fits", fits_files.series_hdu(rows=3)))[0],
        quantity="magnitude",
        rate_unit="mag",
        problems=np.array([0, 5, 1]),
        problems_meaning="1 saturated, 4 moon",
        timeref="SOLARSYSTEM",
        half_width_d=np.full(3, np.nan),
    )
    product = Product(product_id="omc", instrument="omc", target_name="SS Cyg")
    (tmp_path / "cut.fits").write_bytes(write_series_fits(product, [curve], ["x"]))
    (read,) = read_time_series(tmp_path / "cut.fits")
    assert (read.quantity, read.rate_unit, read.instrument, read.timeref) == ("magnitude", "mag", "omc", "SOLARSYSTEM")
    assert (list(read.problems), read.problems_meaning) == ([0, 5, 1], "1 saturated, 4 moon")
    assert np.isnan(read.half_width_d).all()


@pytest.mark.parametrize(
    ("query", "status", "begins"),
    [
        ("", 400, "UsageError: the parameter ID is missing"),
        ("ID=nope", 404, "Error: There is no product 'nope'"),
        ("ID=%3Cb%3E", 404, "Error: There is no product '<b>'"),
        ("ID=smc_spectrum&TIME=1 2", 400, "UsageError: smc_spectrum is of the kind spectrum"),
        ("ID=mosaic.28&ID=smc_series", 400, "MultiValuedParamNotSupported: ID has 2 values"),
        ("ID=mosaic.28&CIRCLE=1 2 3&circle=1 2 4", 400, "MultiValuedParamNotSupported: CIRCLE has 2 values"),
        ("ID=mosaic.28&CIRCLE=1 2 3&POS=CIRCLE 1 2 3", 400, "MultiValuedParamNotSupported: POS and CIRCLE"),
        ("ID=mosaic.28&CIRCLE=1 2", 400, "UsageError: CIRCLE is '1 2'"),
        ("ID=mosaic.28&CIRCLE=1 2 0", 400, "UsageError: CIRCLE has the radius 0"),
        ("ID=mosaic.28&CIRCLE=1 2 nan", 400, "UsageError: CIRCLE is '1 2 nan'"),
        ("ID=mosaic.28&CIRCLE=1 Inf 2", 400, "UsageError: CIRCLE is '1 Inf 2'"),
        ("ID=mosaic.28&CIRCLE=400 2 1", 400, "UsageError: CIRCLE names 400 2"),
        ("ID=mosaic.28&POLYGON=1 2 3 4", 400, "UsageError: POLYGON is '1 2 3 4'"),
        ("ID=mosaic.28&POLYGON=1 2 3 4 5 6 7", 400, "UsageError: POLYGON is"),
        ("ID=mosaic.28&POS=BOX 1 2 3 4", 400, "UsageError: POS is 'BOX 1 2 3 4'"),
        ("ID=mosaic.28&POS=RANGE 1 2 5 4", 400, "UsageError: POS is 'RANGE 1 2 5 4'"),
        ("ID=mosaic.28&POS=RANGE 1 2", 400, "UsageError: POS is 'RANGE 1 2'"),
        ("ID=mosaic.28&BAND=2 1", 400, "UsageError: BAND is '2 1'"),
        ("ID=mosaic.28&BAND=1 2 3", 400, "UsageError: BAND is '1 2 3'"),
        ("ID=smc_series&TIME=soon", 400, "UsageError: TIME is 'soon'"),
        ("ID=mosaic.28&POL=I", 400, "UsageError: POL is given"),
        ("ID=smc_series&RESPONSEFORMAT=csv", 400, "UsageError: RESPONSEFORMAT 'csv'"),
        (
            "ID=mosaic.28&RESPONSEFORMAT=votable",
            400,
            "UsageError: RESPONSEFORMAT 'votable' is not offered for mosaic.28",
        ),
        (f"ID=mosaic.28&POLYGON={'1 2 ' * 1001}", 400, "UsageError: POLYGON has 1001 vertices"),
        ("ID=ivo://archipelago.invalid/P/INTEGRAL/x&CIRCLE=1 2 3", 503, "ServiceUnavailable: No sky maps"),
    ],
)
def test_a_cut_out_says_no_in_plain_text(client, query, status, begins):
    from hips.services import forget_everything

    forget_everything()
    response = client.get(f"/soda/sync?{query}")
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/plain")
    assert response.content.decode().startswith(begins)


def test_a_withdrawn_product_is_gone_with_the_reason(client):
    from archive.models import Product, Release, Withdrawal

    row = Product.objects.get(product_id="smc_series")
    row.release_to = Release.objects.order_by("-number").first()
    row.save()
    Withdrawal.objects.create(release=row.release_to, delivery=row.delivery, reason="Wrong times.")
    for address in ("/soda/sync?ID=smc_series", "/votable/smc_series"):
        response = client.get(address)
        assert response.status_code == 410
        assert "Wrong times." in response.content.decode()


def test_other_methods_are_refused_and_post_works(client):
    assert client.delete("/soda/sync").status_code == 405
    assert client.post("/soda/sync", {"ID": "mosaic.28", "CIRCLE": "83.6 22 0.1"}).status_code == 200


def test_pyvo_cuts_what_it_found(live_server, settings, monkeypatch):
    settings.PUBLIC_URL = live_server.url
    closing_session(monkeypatch)
    (found,) = pyvo.dal.SIA2Service(f"{live_server.url}/sia2").search(calib_level=3)
    place = SkyCoord(83.633, 22.0145, unit="deg")
    circle = (place.ra.deg, place.dec.deg, 0.35) * u.deg
    for more in ({}, {"band": (3.1e-11, 4e-11) * u.m}):
        with found.processed(circle=circle, **more) as stream:
            content = stream.read()
        assert [values.shape for _, values in images(content)] == [(7, 7)] * 4
