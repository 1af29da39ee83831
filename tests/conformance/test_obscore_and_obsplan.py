"""STILTS taplint on the tables of products and observations, with rows in them."""

import json
import shutil
import subprocess

import pytest

from tests.support import isla_archive

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
