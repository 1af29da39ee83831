"""pyvo against a live server on loopback."""

import pytest
import pyvo
from astropy.coordinates import SkyCoord
from pyvo.dal import DALQueryError

from tests.support import isla_archive
from tests.support.archive_rows import deliver, random_sources
from tests.support.closing_session import closing_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]
# These clients leave their sockets to the garbage collector.
UNCLOSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def public_url(settings, live_server):
    settings.PUBLIC_URL = live_server.url


@pytest.fixture
def sources():
    from archive.models import Source

    rows = random_sources(300)
    deliver("random", Source, rows)
    return rows


@pytest.mark.parametrize("base", ["/tap", "/tap/tap"])
def test_pyvo_searches_a_cone(live_server, sources, base):

    service = pyvo.dal.TAPService(live_server.url + base)
    result = service.search(
        "SELECT source_id, ra, dec FROM integral.sources "
        "WHERE 1=CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 0.0, 0.0, 2.0)) ORDER BY source_id"
    )
    sky = SkyCoord([row["ra"] for row in sources], [row["dec"] for row in sources], unit="deg")
    near = sky.separation(SkyCoord(0, 0, unit="deg")).deg <= 2
    assert list(result["source_id"]) == [row["source_id"] for row, inside in zip(sources, near, strict=True) if inside]
    assert result.fielddescs[1].unit == "deg"


def test_pyvo_reads_tables_limits_and_examples(live_server, sources):
    service = pyvo.dal.TAPService(live_server.url + "/tap")
    assert service.tables["ivoa.obscore"].columns
    assert {"integral.sources", "tap_schema.columns"} <= set(service.tables.keys())
    assert service.hardlimit >= service.maxrec > 100_000
    assert len(service.examples) > 3


def test_pyvo_shows_the_reason_of_an_error(live_server, sources):
    service = pyvo.dal.TAPService(live_server.url + "/tap")
    with pytest.raises(DALQueryError, match=r"Unknown table schema\.table"):
        service.search("select top 10 * from schema.table;")
    with pytest.raises(DALQueryError, match="did you mean ra"):
        service.search("select raa from integral.sources")


def test_pyvo_sees_that_a_result_is_cut_off(live_server, sources):
    service = pyvo.dal.TAPService(live_server.url + "/tap")
    result = service.search("select ra from integral.sources", maxrec=7)
    assert len(result) == 7
    assert result.query_status == "OVERFLOW"


@UNCLOSED
def test_pyvo_runs_jobs(live_server, sources, worker):
    service = pyvo.dal.TAPService(live_server.url + "/tap")
    job = service.submit_job("select top 3 ra, dec from integral.sources order by ra", maxrec=2)
    job.run()
    job.wait(phases=["COMPLETED", "ERROR"], timeout=30)
    assert job.phase == "COMPLETED"
    result = job.fetch_result()
    assert len(result) == 2
    assert result.query_status == "OVERFLOW"
    assert [listed.jobid for listed in service.get_job_list()] == [job.job.jobid]
    job.delete()
    assert service.get_job_list() == []
    assert len(service.run_async("select top 3 ra from integral.sources")) == 3
    with pytest.raises(DALQueryError, match="did you mean ra"):
        service.run_async("select raa from integral.sources")


@UNCLOSED
def test_astroquery_s_tapplus_runs_jobs(live_server, sources, worker):
    from astroquery.utils.tap import TapPlus

    service = TapPlus(url=live_server.url + "/tap")
    job = service.launch_job_async("select top 4 source_id from integral.sources order by source_id", verbose=False)
    assert job.get_phase() == "COMPLETED"
    assert list(job.get_results()["source_id"]) == ["J000000", "J000001", "J000002", "J000003"]
    assert len(service.launch_job("select top 4 source_id from integral.sources").get_results()) == 4


@UNCLOSED
def test_esasky_finds_catalogues_and_sources(live_server, sources):
    from astroquery.esasky import ESASkyClass
    from astroquery.utils.tap.core import TapPlus

    esasky = ESASkyClass(TapPlus(url=f"{live_server.url}/tap"))
    assert {"INTEGRAL", "INTEGRAL-ISDC", "INTEGRAL-IBIS"} <= set(esasky.list_catalogs())
    assert sorted(esasky.list_maps()) == ["INTEGRAL", "INTEGRAL-IMAGES"]
    assert esasky.list_spectra() == ["INTEGRAL"]
    place = SkyCoord(0.0, 0.0, unit="deg")
    found = esasky.query_region_catalogs(position=place, radius="2 deg", catalogs=["INTEGRAL"], row_limit=-1)[0]
    sky = SkyCoord([row["ra"] for row in sources], [row["dec"] for row in sources], unit="deg")
    assert len(found) == int((sky.separation(place).deg <= 2).sum()) > 0


@UNCLOSED
@pytest.mark.urls("archive.urls")
def test_esasky_finds_and_fetches_observations_images_and_spectra(live_server, tmp_path, monkeypatch):
    from astroquery.esasky import ESASkyClass
    from astroquery.utils.tap.core import TapPlus
    from django.db import transaction

    from archive.models import Product
    from archive.services import drop_published_tables, publish_tables

    isla_archive.fill(tmp_path)
    outline = "POLYGON ICRS 82.6 21.0 82.6 23.0 84.6 23.0 84.6 21.0"
    Product.objects.filter(product_id="mosaic.28").update(footprint=outline, field_of_view_deg=3.0)
    with transaction.atomic():  # the addresses in the views are those of this server
        drop_published_tables()
        publish_tables()
    closing_session(monkeypatch)
    esasky = ESASkyClass(TapPlus(url=f"{live_server.url}/tap"))
    near = SkyCoord(82.5, 22.0, unit="deg")
    (images,) = esasky.query_region_maps(near, "0.2 deg", missions=["INTEGRAL-IMAGES"])
    assert list(images["product_id"]) == ["mosaic.28"]  # its outline reaches into the circle, its centre does not
    assert esasky.query_region_maps(near, "0.05 deg", missions=["INTEGRAL-IMAGES"]) == []
    (fits,) = esasky.get_images(
        position=near, radius="0.2 deg", missions=["INTEGRAL-IMAGES"], download_dir=str(tmp_path)
    )["INTEGRAL-IMAGES"]
    with fits:
        assert fits[1].header["IMATYPE"] == "INTENSITY"
    (observations,) = esasky.query_region_maps(SkyCoord(83.6, 22.0, unit="deg"), "0.1 deg", missions=["INTEGRAL"])
    assert sorted(observations["observation_id"]) == ["03200490001", "03200490002"]
    (by_id,) = esasky.query_ids_maps(observation_ids=["03200490002"], missions=["INTEGRAL"])
    assert list(by_id["target_name"]) == ["Crab"]
    spectra = esasky.get_spectra(
        position=SkyCoord(19.27, -73.44, unit="deg"),
        radius="0.1 deg",
        missions=["INTEGRAL"],
        download_dir=str(tmp_path),
    )
    with spectra["INTEGRAL"][0] as spectrum:
        assert spectrum[1].header["HDUCLAS1"] == "SPECTRUM"
