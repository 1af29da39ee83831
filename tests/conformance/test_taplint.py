"""STILTS taplint on a live server: the stages that ask the sync service and its metadata."""

import shutil
import subprocess

import pytest

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls"), pytest.mark.slow]

# UPL needs a server that takes chunked requests, as granian with archive.wsgi does; Django's test server does not.
STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS LOC EXA"


@pytest.mark.timeout(300)
def test_taplint_finds_no_error_and_no_warning(live_server, settings, worker):
    from archive.models import Source

    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    settings.PUBLIC_URL = live_server.url
    deliver("random", Source, random_sources(100))
    command = [stilts, "taplint", f"tapurl={live_server.url}/tap", "report=EWF", "maxrepeat=10", f"stages={STAGES}"]
    report = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False).stdout
    assert "Totals: Errors: 0; Warnings: 0; Failures: 0" in report, report
