"""The archive as it is served, granian, workers and database: STILTS, with chunked uploads, and TapPlus find it right."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = [
    # astroquery leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

MATCH = (
    "SELECT u.mark, s.source_id FROM TAP_UPLOAD.mine AS u JOIN integral.sources AS s "
    "ON 1=CONTAINS(POINT(s.ra, s.dec), CIRCLE(u.ra, u.dec, 0.001)) ORDER BY u.mark"
)


@pytest.fixture(autouse=True)
def _collect_sockets():
    """Let astroquery's sockets go while the filter above holds, not at the end of the session."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def served():
    """Serve an archive of its own in a directory that the database's user can reach; yield its address."""
    data = Path(tempfile.mkdtemp(prefix="served-", dir=os.environ["ARCHIPELAGO_TEST_DATA"]))
    data.chmod(0o711)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"DATABASE_URL", "ARCHIPELAGO_PUBLIC_URL"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in own},
        "DJANGO_SETTINGS_MODULE": "archive.settings",
        "ARCHIPELAGO_SECRET_KEY": "served",
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
        "ARCHIPELAGO_DATA": str(data),
    }
    archive = [sys.executable, "-m", "archive.cli"]
    subprocess.run([*archive, "migrate", "--verbosity", "0"], cwd="/", env=environment, check=True)
    subprocess.run([*archive, "shell", "-c", FILL], cwd="/", env=environment, check=True, capture_output=True)
    with (data / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [*archive, "serve", "--port", str(port), "--job-workers", "1"],
            cwd="/", env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await_answer(f"http://127.0.0.1:{port}/tap/availability", server, data / "serve.log")
        yield f"http://127.0.0.1:{port}/tap"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        shutil.rmtree(data, ignore_errors=True)


FILL = (
    "from tests.support.archive_rows import deliver, random_sources; from archive.models import Source; "
    "deliver('random', Source, random_sources(100))"
)


def await_answer(address, server, log):
    import time

    import requests

    until = time.monotonic() + 90
    while time.monotonic() < until and server.poll() is None:
        try:
            if requests.get(address, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def upload(served, tmp_path_factory):
    """Write three places of sources as a VOTable."""
    from astropy.io.votable import from_table, writeto
    from astroquery.utils.tap import TapPlus

    query = "SELECT TOP 3 source_id, ra, dec FROM integral.sources ORDER BY source_id"
    table = TapPlus(url=served).launch_job(query).get_results()
    table["mark"] = [1, 2, 3]
    path = tmp_path_factory.mktemp("upload") / "mine.vot"
    writeto(from_table(table["mark", "ra", "dec"]), str(path))
    return path, list(table["source_id"])


@pytest.mark.timeout(200)
def test_taplint_finds_nothing_in_any_stage(served):
    stilts = need_stilts()
    command = [stilts, "taplint", f"tapurl={served}", "report=EWF", "maxrepeat=10"]
    report = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False).stdout
    assert "Totals: Errors: 0; Warnings: 0; Failures: 0" in report, report


@pytest.mark.timeout(100)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_stilts_matches_an_upload(served, upload, mode):
    path, wanted = upload
    words = [need_stilts(), "tapquery", f"tapurl={served}", f"sync={str(mode == 'sync').lower()}", f"adql={MATCH}"]
    words += ["nupload=1", f"upload1={path}", "upname1=mine", "ufmt1=votable", "ofmt=csv"]
    words += ["poll=100"] if mode == "async" else []
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert [line.split(",")[1] for line in done.stdout.splitlines()[1:]] == wanted, done.stderr


@pytest.mark.timeout(100)
@pytest.mark.parametrize("mode", ["launch_job", "launch_job_async"])
def test_tapplus_matches_an_upload(served, upload, mode):
    from astroquery.utils.tap import TapPlus

    path, wanted = upload
    job = getattr(TapPlus(url=served), mode)(MATCH, upload_resource=str(path), upload_table_name="mine")
    assert list(job.get_results()["source_id"]) == wanted


@pytest.mark.timeout(100)
@pytest.mark.parametrize("mode", ["run_sync", "run_async"])
def test_pyvo_matches_an_upload(served, upload, mode):
    import pyvo

    path, wanted = upload
    assert list(getattr(pyvo.dal.TAPService(served), mode)(MATCH, uploads={"mine": str(path)})["source_id"]) == wanted


def need_stilts():
    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    return stilts
