"""STILTS taplint on the tables of products and observations, with rows in them."""

import json
import shutil
import subprocess

import pytest

from tests.support import isla_archive
from tests.support.archive_rows import deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls"), pytest.mark.slow]


@pytest.mark.timeout(120)
def test_taplint_finds_obscore_and_obsplan_right(live_server, settings, tmp_path):
    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    settings.PUBLIC_URL = live_server.url
    isla_archive.fill(tmp_path)
    command = [stilts, "taplint", f"tapurl={live_server.url}/tap", "report=EWF", "stages=TME CAP OBS LOC"]
    report = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False).stdout
    assert "Totals: Errors: 0; Warnings: 0; Failures: 0" in report, report


def test_the_draft_for_high_energies_joins_obscore(client, tmp_path):
    isla_archive.fill(tmp_path)
    query = (
        "SELECT o.obs_publisher_did, o.em_min, o.em_max, h.energy_min, h.energy_max FROM ivoa.obscore AS o "
        "NATURAL JOIN ivoa.obscore_hea AS h WHERE o.em_min IS NOT NULL"
    )
    content = client.post("/tap/sync", {"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}).getvalue()
    rows = json.loads(content)["data"]
    assert len(rows) == 5
    for _, em_min, em_max, low, high in rows:
        assert em_min < em_max
        assert em_min * high == pytest.approx(1.239841984e-6)
        assert em_max * low == pytest.approx(1.239841984e-6)


def test_every_product_and_every_set_of_a_science_window_is_in_obscore(client, tmp_path):
    """No product is left out, not even one without a file; what each row says is in its vocabulary."""
    from archive.models import Product

    isla_archive.fill(tmp_path)
    grb = {"kind": "light_curve", "instrument": "isgri", "target_name": "GRB 221009A", "metadata": {"scw_id": "1" * 12}}
    others = [
        {"product_id": "grb", "title": "GRB", **grb},
        {"product_id": "no_file", "title": "No file", "kind": "table", "instrument": ""},
        {"product_id": "omc", "title": "OMC", "kind": "light_curve", "instrument": "omc", "energy_min_kev": 0.002066,
         "energy_max_kev": 0.00248, "target_name": "SS Cyg"},
    ]  # fmt: skip
    deliver("others", Product, others)
    query = (
        "SELECT product_id, dataproduct_type, dataproduct_subtype, calib_level, obs_publisher_did, access_url, t_exptime, "
        "s_region, s_fov, em_min, em_max, obs_id, access_estsize, t_min FROM ivoa.obscore"
    )
    content = client.post("/tap/sync", {"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}).getvalue()
    rows = json.loads(content)["data"]
    products = set(Product.objects.filter(release_to=None).values_list("product_id", flat=True))
    assert {row[0] for row in rows if row[0]} == products
    windows = {
        (product.metadata["scw_id"], product.instrument)
        for product in Product.objects.filter(release_to=None)
        if product.metadata.get("scw_id")
    }
    assert len(rows) == len(products) + len(windows)
    assert len({row[4] for row in rows}) == len(rows)
    assert {row[1] for row in rows} == {"image", "spectrum", "timeseries", "event", "measurements", None}
    assert all((row[1] is None) == (row[2] == "scw_set") for row in rows)
    assert all(row[9] < row[10] for row in rows if row[9] is not None)
    found = {row[4].partition("?")[2]: row for row in rows}
    assert found["grb"][2] == "grb_light_curve"
    assert found["no_file"][12] is None
    assert found["omc"][9:11] == pytest.approx([5e-7, 6e-7], rel=1e-3)
    (events,) = (row for key, row in found.items() if key == f"scw:{isla_archive.SCW}:isgri")
    assert events[3] == 2
    assert events[6] == 3000.0
    assert events[7].startswith("CIRCLE ICRS 83.6 22 4.15")
    assert events[8] == 29.1
    assert events[11] == isla_archive.SCW
    assert events[12] >= sum(found[name][12] for name in ("scw_events", "scw_image")) - 2
    unlogged = found[f"scw:{'1' * 12}:isgri"]  # a window that the log does not have
    assert unlogged[3] == 3
    assert unlogged[6:8] == [None, None]


@pytest.mark.parametrize("condition", ["dataproduct_type = 'image'", "target_name = 'Crab'"])
def test_sets_cost_nothing_where_a_condition_leaves_them_out(client, tmp_path, condition):
    from django.db import connection

    isla_archive.fill(tmp_path)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN SELECT * FROM ivoa.obscore WHERE {condition}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "archive_productfile" in plan  # the arm of products
    assert "archive_sciencewindow" not in plan


def test_a_place_finds_sets_and_products_by_index(client, tmp_path):
    from django.db import connection, transaction

    isla_archive.fill(tmp_path)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM ivoa.obscore WHERE _hpx BETWEEN 5 AND 500")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "archive_product_hpx" in plan
    assert "archive_scw_hpx" in plan


def test_images_are_read_from_an_index_of_theirs(client, tmp_path):
    from django.db import connection, transaction

    isla_archive.fill(tmp_path)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM ivoa.obscore WHERE dataproduct_type = 'image'")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "archive_product_images" in plan  # not if the view and migration 0013 differ by a word
