"""SCS 1.03, SIA 2.0 and SSA 1.1: what is found, each standard's way of saying no, and pyvo and STILTS as clients."""

import io
import shutil
import subprocess

import astropy.units as u
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table

from archive.errors import UsageError
from tests.support import isla_archive
from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


@pytest.fixture(autouse=True)
def archive(tmp_path, request):
    request.getfixturevalue("transactional_db")
    return isla_archive.fill(tmp_path)


def rows_of(client, address):
    response = client.get(address)
    content = response.getvalue()
    assert response.status_code == 200, content
    assert response["Content-Type"] == "application/x-votable+xml"
    return parse_single_table(io.BytesIO(content)).to_table()


def test_cones_hold_the_same_sources_as_astropy(client):
    from archive.models import Source

    sources = random_sources(300)
    deliver("random", Source, sources)
    sky = SkyCoord([s["ra"] for s in sources], [s["dec"] for s in sources], unit="deg")
    for ra, dec, radius in ((0, 0, 2), (359.5, 0.3, 1.5), (10, 90, 3), (200, -89.5, 2), (120, 33, 25)):
        near = sky.separation(SkyCoord(ra, dec, unit="deg")).deg <= radius
        expected = {s["source_id"] for s, inside in zip(sources, near, strict=True) if inside}
        found = rows_of(client, f"/scs/sources?RA={ra}&DEC={dec}&SR={radius}&VERB=1")
        assert {name for name in found["source_id"] if not name.startswith("J0") or len(name) == 7} == expected


def test_every_searchable_table_says_which_columns_matter(client):
    from vo.scs.views import find_tables

    assert {"sources", "observations", "science_windows", "ibis_catalogue", "spi_grb_catalogue"} <= set(find_tables())
    for name in find_tables():
        content = client.get(f"/scs/{name}?RA=1&DEC=2&SR=0&VERB=3").getvalue()
        for ucd in (b'"ID_MAIN"', b'"POS_EQ_RA_MAIN"', b'"POS_EQ_DEC_MAIN"'):
            assert content.count(b"ucd=" + ucd) == 1, name
        assert b"<TR>" not in content
        assert (
            b"meta.main" not in content.replace(b"pos.eq", b"")
            or content.partition(b"</TABLE>")[0].count(b"meta.main") < 3
        )


@pytest.mark.parametrize(
    ("query", "words"),
    [("", "RA is missing"), ("RA=x&DEC=1&SR=1", "RA is 'x'"), ("RA=1&DEC=1&SR=181", "0 to 180"),
     ("RA=1&DEC=91&SR=1", "DEC is '91'"), ("RA=nan&DEC=1&SR=1", "RA is 'nan'"), ("RA=1&DEC=1&SR=1&VERB=9", "1, 2 or 3")],
)  # fmt: skip
def test_a_cone_search_says_no_in_an_info_named_error(client, query, words):
    response = client.get(f"/scs/sources?{query}")
    assert response.status_code == 200
    assert b'<INFO name="Error" value="' in response.content
    assert words in response.content.decode().replace("&apos;", "'")


@pytest.mark.parametrize("radius", ["1e-300", "1e-12", "1e-8", "1e-6"])
def test_the_smallest_circles_are_searched(client, radius):
    assert list(rows_of(client, f"/scs/sources?RA=83.63321&DEC=22.01446&SR={radius}")["name"]) == ["Crab"]


def test_an_unknown_table_is_not_found(client):
    assert client.get("/scs/nothing?RA=1&DEC=1&SR=1").status_code == 404
    assert client.get("/scs/nothing/capabilities").status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("POS=CIRCLE 83.6 22 0.1", 2),
        ("POS=CIRCLE 183.6 22 0.1", 0),
        ("POS=CIRCLE 183.6 22 0.1&POS=CIRCLE 83 22 1", 2),
        ("POS=RANGE 83 84 21 23", 2),
        ("POS=RANGE 84 83 21 23", 0),
        ("POS=RANGE 350 84 -Inf %2BInf", 2),
        ("POS=POLYGON 80 20 90 20 85 25", 2),
        ("POS=POLYGON 180 20 190 20 185 25", 0),
        ("BAND=3.2e-11 4e-11", 2),
        ("BAND=1e-9 %2BInf", 0),
        ("BAND=3.5e-11", 2),
        ("CALIB=3", 1),
        ("CALIB=3&CALIB=2", 2),
        ("POL=I", 0),
        ("ID=IVO://archipelago.invalid/integral?mosaic.28", 1),
        ("COLLECTION=O'Hara", 0),
        ("INSTRUMENT=IBIS/ISGRI&DPTYPE=image", 2),
        ("maxrec=1", 1),
        ("MAXREC=0", 0),
    ],
)
def test_images_by_every_parameter(client, query, count):
    assert len(rows_of(client, f"/sia2/query?{query}")) == count


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("CIRCLE 82.5 22.0 0.2", True),
        ("CIRCLE 82.4 20.8 0.2", False),  # near the corner of the circle around it
        ("CIRCLE 83.6 22.0 0", True),
        ("POLYGON 84.5 22.9 85.0 22.9 85.0 23.4 84.5 23.4", True),
        ("POLYGON 84.7 22.9 85.0 22.9 85.0 23.4 84.7 23.4", False),
        ("CIRCLE 0 0 180", True),
    ],
)
def test_an_image_is_found_by_its_exposed_field(client, place, found):
    from archive.models import Product

    outline = "POLYGON ICRS 82.6 21.0 82.6 23.0 84.6 23.0 84.6 21.0"
    Product.objects.filter(product_id="mosaic.28").update(footprint=outline, field_of_view_deg=3.0)
    rows = rows_of(client, f"/sia2/query?POS={place}&CALIB=3")
    assert [row["dataproduct_subtype"] for row in rows] == ["mosaic"] * found


@pytest.mark.parametrize(
    "query",
    ["POS=CIRCLE 1 2", "POS=BOX 1 2 3 4", "POS=CIRCLE 1 2 nan", "POS=CIRCLE 1 99 1", "POS=RANGE 1 2 5 4", "BAND=2 1",
     "BAND=x", "TIME=1 2 3", "POL=Z", "CALIB=9", "MAXREC=-1", "RESPONSEFORMAT=csv", "POS=POLYGON 0 0 120 0 240 0"],
)  # fmt: skip
def test_an_image_search_says_no_with_status_400(client, query):
    response = client.get(f"/sia2/query?{query}")
    assert response.status_code == 400
    assert b'<INFO name="QUERY_STATUS" value="ERROR">' in response.content


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("POS=19.3,-73.4&SIZE=1", 2),
        ("POS=19.3,-73.4;ICRS", 2),
        ("POS=119.3,-73.4", 0),
        ("TARGETNAME=smc x-1", 2),
        ("PUBDID=ivo://archipelago.invalid/integral?smc_spectrum", 2),
        ("FORMAT=application/fits", 1),
        ("FORMAT=votable,native", 2),
        ("FORMAT=compliant", 1),
        ("FORMAT=graphic", 0),
        ("FORMAT=metadata", 0),
        ("BAND=/1e-20", 0),
        ("TIME=2001-01-01/2001-12-31", 0),
    ],
)
def test_spectra_by_every_parameter(client, query, count):
    address = f"/ssa?REQUEST=queryData&{query}"
    assert len(rows_of(client, address)) == count
    assert b'<INFO name="SERVICE_PROTOCOL" value="1.1">SSAP</INFO>' in client.get(address).getvalue()


def test_light_curves_are_found_like_spectra(client):
    table = rows_of(client, "/ssa/lightcurves?REQUEST=queryData")
    assert set(table["dataset_type"]) == {"TimeSeries"}
    assert len(table) == 6
    assert len(rows_of(client, "/ssa/lightcurves?REQUEST=queryData&TARGETNAME=SMC X-1&FORMAT=native")) == 1


@pytest.mark.parametrize("query", ["", "REQUEST=getData", "REQUEST=queryData&POS=x", "REQUEST=queryData&POS=1,2;GALACTIC",
     "REQUEST=queryData&BAND=2/1", "REQUEST=queryData&TIME=soon", "REQUEST=queryData&FORMAT=yaml"])  # fmt: skip
def test_a_spectrum_search_says_no_with_status_200(client, query):
    response = client.get(f"/ssa?{query}")
    assert response.status_code == 200
    assert b'<INFO name="QUERY_STATUS" value="ERROR">' in response.content


def test_texts_in_adql_stay_texts():
    from vo.sia.query import write_image_query

    assert "obs_collection = 'x'' OR 1=1 --'" in write_image_query({"COLLECTION": ("x' OR 1=1 --",)})
    with pytest.raises(UsageError, match="201 times"):
        write_image_query({"TARGET": ("a",) * 201})


def test_pyvo_is_a_client_of_all_three(live_server, settings):
    settings.PUBLIC_URL = live_server.url
    place = SkyCoord(83.63, 22.01, unit="deg")
    (source,) = pyvo.dal.SCSService(f"{live_server.url}/scs/sources?").search(place, 0.1)
    assert (source.id, round(source.pos.ra.deg, 2)) == ("J053432.0+220052", 83.63)
    service = pyvo.dal.SIA2Service(f"{live_server.url}/sia2")
    images = service.search(pos=(place, 1 * u.deg), band=(28 * u.keV, 40 * u.keV))
    assert {image.instrument_name for image in images} == {"IBIS/ISGRI"}
    smc = SkyCoord(19.3, -73.4, unit="deg")
    spectra = pyvo.dal.SSAService(f"{live_server.url}/ssa").search(pos=smc, diameter=1 * u.deg)
    assert {spectrum.title for spectrum in spectra} == {"Test smc_spectrum"}
    assert {spectrum.format: spectrum.getdataurl().rpartition("/")[2] for spectrum in spectra} == {
        "application/fits": "spe.fits",
        "application/x-votable+xml": "smc_spectrum",
    }
    curves = pyvo.dal.SSAService(f"{live_server.url}/ssa/lightcurves").search(pos=smc, diameter=1 * u.deg)
    assert [curve.format for curve in curves] == ["application/fits", "application/x-votable+xml"]
    with pytest.raises(pyvo.DALQueryError, match=r"SR is '400\.0'"):
        pyvo.dal.SCSService(f"{live_server.url}/scs/sources?").search(place, 400.0)


def test_stilts_reads_all_three_and_finds_their_documents_valid(live_server, settings, tmp_path):
    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    settings.PUBLIC_URL = live_server.url
    for kind, address, lon, lat in (
        ("cone", "scs/sources?", 83.6, 22.0),
        ("sia2", "sia2/query", 83.6, 22.0),
        ("ssa", "ssa", 19.3, -73.4),
    ):
        options = [
            f"serviceurl={live_server.url}/{address}",
            f"servicetype={kind}",
            f"lon={lon}",
            f"lat={lat}",
            "radius=1",
        ]
        target = tmp_path / f"{kind}.csv"
        run = subprocess.run([stilts, "cone", *options, f"out={target}"], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert len(target.read_text().splitlines()) >= 2
    for address in (
        "scs/sources?RA=83&DEC=22&SR=9&VERB=3",
        "sia2/query",
        "ssa?REQUEST=queryData",
        "ssa/lightcurves?REQUEST=queryData",
        "scs/sources?RA=x",
        "scs/products?RA=83&DEC=22&SR=9",
    ):
        run = subprocess.run(
            [stilts, "votlint", f"votable={live_server.url}/{address}"], capture_output=True, text=True, check=False
        )
        assert not run.stdout.strip(), run.stdout


@pytest.mark.parametrize("base", ["/datalink", "/sia2", "/ssa", "/scs/sources"])
def test_capabilities_name_the_standard_and_their_own_address(client, base):
    response = client.get(f"{base}/capabilities")
    assert response["Content-Type"] == "text/xml"
    content = response.getvalue().decode()
    assert f"{base}/capabilities</accessURL>" in content
    assert content.count('standardID="ivo://ivoa.net/std/') == 2
    assert client.get(f"{base}/capabilities", headers={"If-None-Match": response["ETag"]}).status_code == 304
