"""astroquery's own remote tests of its INTEGRAL module, unmodified, against this server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import isla_archive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls"), pytest.mark.slow]

KEYS = {
    "ISLA_TAP_SERVER": "tap",
    "ISLA_DATA_SERVER": "data?",
    "ISLA_LOGIN_SERVER": "login",
    "ISLA_LOGOUT_SERVER": "logout",
    "ISLA_SERVLET": "tap/sync/?PHASE=RUN",
    "ISLA_TARGET_RESOLVER": "servlet/target-resolver?TARGET_NAME={}&RESOLVER_TYPE={}&FORMAT=json",
}


@pytest.fixture(autouse=True)
def closed_pools():
    yield
    from vo.tap.executor import close_pools

    close_pools()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("astroquery", ["released", "next"])
def test_astroquery_passes_its_own_remote_tests(live_server, settings, tmp_path, astroquery):
    python = sys.executable if astroquery == "released" else os.environ.get("ARCHIPELAGO_ASTROQUERY_PYTHON")
    if python is None:
        pytest.skip(
            "ARCHIPELAGO_ASTROQUERY_PYTHON names no environment with a pre-release (docs/how-to/use-astroquery.md)"
        )
    settings.PUBLIC_URL = live_server.url
    isla_archive.fill(tmp_path)
    (tmp_path / "astropy").mkdir()
    lines = [f'{key} = "{live_server.url}/tap/{path}"' for key, path in KEYS.items()]
    (tmp_path / "astropy" / "astroquery.cfg").write_text("\n".join(["[esa.integral]", *lines, ""]))
    ask = "import importlib.resources as r; print(r.files('astroquery').joinpath('esa/integral/tests/test_isla_remote.py'))"
    source = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "test_isla_remote.py").write_text(Path(source).read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    remote_data: asks a server\n")
    options = ["-q", "-p", "no:django", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    if python != sys.executable:
        options.append("--remote-data=any")  # of pytest-remotedata, which the other environment has
    run = subprocess.run(
        [python, "-m", "pytest", *options, "test_isla_remote.py"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path),
            "TZ": "UTC",
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "12 passed" in run.stdout, run.stdout[-6000:]
