"""How long DataLink, cone, image and spectrum searches take, in the process itself; positions never repeat."""

import itertools
import statistics
import time

import numpy as np
import pytest

from tests.support import isla_archive
from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls"), pytest.mark.slow]

DID = "ivo://archipelago.invalid/integral?"


@pytest.fixture
def archive(tmp_path, transactional_db):
    """1,000 spectra and mosaics of three files each, 2,000 sources."""
    from django.db import connection

    from archive import models

    isla_archive.fill(tmp_path)
    deliver("sources of the sky", models.Source, random_sources(2000))
    columns = ("role", "file_name", "media_type", "sha256", "size_bytes")
    files = list(models.ProductFile.objects.filter(product_id="smc_spectrum").values(*columns))
    rng = np.random.default_rng(1)
    common = {"title": "t", "instrument": "isgri", "field_of_view_deg": 20.0, "energy_min_kev": 20.0, "obs_id":
              "03200490001", "energy_max_kev": 40.0, "tstart_mjd_tt": 53000.0, "tstop_mjd_tt": 53001.0}  # fmt: skip
    products = [
        {"product_id": f"p{i}", "kind": ("mosaic", "spectrum")[i % 2], "ra": float(rng.uniform(0, 360)),
         "dec": float(rng.uniform(-60, 60)), **common}
        for i in range(1000)
    ]  # fmt: skip
    deliver("many products", models.Product, products)
    deliver("their files", models.ProductFile, [{**file, "product_id": f"p{i}"} for i in range(1000) for file in files])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def milliseconds(call, count):
    """Return median and fastest on the clock, and the median of the processor time of this process."""
    walls, cpus = [], []
    for _ in range(count):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = call()
        assert answer.startswith(b"<?xml")
        assert b'value="ERROR"' not in answer
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.process_time() - cpu))
    return statistics.median(walls), min(walls), statistics.median(cpus)


def test_searches_and_links_are_quick(client, archive):
    from urllib.parse import urlencode

    ids = [("ID", f"{DID}p{i}") for i in range(1000)]
    form = urlencode(ids)
    shift = itertools.count()

    def links():
        return client.post("/datalink/links", form, content_type="application/x-www-form-urlencoded").getvalue()

    def search(address):
        return lambda: client.get(address.format(83.6 + next(shift) * 1e-5)).getvalue()

    measured = {
        "DataLink, 1,000 identifiers": (milliseconds(links, 9), 300.0),
        "cone, 1 degree": (milliseconds(search("/scs/sources?RA={}&DEC=22&SR=1"), 21), 8.0),
        "SIA 2.0, 1 degree": (milliseconds(search("/sia2/query?POS=CIRCLE {} 22 1"), 21), 20.0),
        "SSA, 1 degree, both formats": (milliseconds(search("/ssa?REQUEST=queryData&POS={},22&SIZE=2"), 21), 20.0),
    }
    for name, ((median, fastest, cpu), limit) in measured.items():
        print(f"{name}: median {median:.1f} ms, fastest {fastest:.1f} ms, processor {cpu:.1f} ms, limit {limit:g} ms")
        # The machine may be busy with other things: the processor time is held to the limit.
        assert cpu <= limit, name
