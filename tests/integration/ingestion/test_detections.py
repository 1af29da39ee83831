"""Source lists of OSA in the archive: published, found by ObsCore, shown on a page, given back byte for byte."""

import pytest
from django.db import connection

from tests.unit.ingestion.test_detections import grouping, jemx, mosaic_list, write

pytestmark = pytest.mark.django_db


def test_lists_are_published_found_and_given_back(client, settings, tmp_path):
    from ingestion.services import run_ingestion

    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    folder = tmp_path / "lists"
    folder.mkdir()
    write(folder / "isgri_mosa_res.fits", grouping(), mosaic_list())
    sent = write(folder / "jmx1_srcl_res.fits", jemx()).read_bytes()
    report = run_ingestion(folder)
    assert report.state == "published", report.findings
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT obs_publisher_did, dataproduct_type, instrument_name, s_ra FROM ivoa.obscore"
            " WHERE dataproduct_type = 'measurements' ORDER BY 1"
        )
        rows = cursor.fetchall()
    assert [row[1] for row in rows] == ["measurements", "measurements"]
    product_id = "jmx1_srcl_res_010200200010"
    assert rows[1][0].endswith(product_id)
    assert rows[1][3] == pytest.approx(84.31, abs=0.01)
    page = client.get(f"/products/{product_id}").content.decode()
    assert "Source list jemx1 20-80 keV science window 010200200010" in page
    assert "JMX1-SRCL-RES" in page
    answer = client.get(f"/products/{product_id}/files/jmx1_srcl_res.fits")
    assert b"".join(answer.streaming_content) == sent
