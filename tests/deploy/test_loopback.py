"""The deployment comes up, answers, is backed up and restored, and goes down: deploy/loopback.sh."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.deploy, pytest.mark.slow]

LIMIT_S = 840


@pytest.fixture(scope="module")
def debian():
    """Debian, where the packages are there or can be installed."""
    if not Path("/etc/debian_version").exists():
        pytest.skip("deploy/loopback.sh needs Debian's packages, and this is another system")
    absent = [name for name in ("redis-server", "nginx") if not shutil.which(name, path="/usr/bin:/usr/sbin")]
    if absent and os.geteuid() != 0:
        pytest.skip(f"{', '.join(absent)} not installed, and only root can (apt-get install {' '.join(absent)})")


def find_ports(count: int) -> int:
    """First of `count` consecutive free ports on loopback."""
    for first in range(18080, 19080, count):
        if all(_is_free(first + step) for step in range(count)):
            return first
    pytest.fail("there are no free ports between 18080 and 19080")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run_loopback(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ARCHIPELAGO", "DJANGO"))}
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        variables.pop(name, None)
    if "ARCHIPELAGO_VENV" in os.environ:
        variables["ARCHIPELAGO_VENV"] = os.environ["ARCHIPELAGO_VENV"]
    return subprocess.run(
        [checkout / "deploy" / "loopback.sh"],
        check=False,
        capture_output=True,
        text=True,
        env={**variables, **environment},
        timeout=LIMIT_S + 90,
    )


def find_places() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("archipelago-loopback.*"))


@pytest.mark.timeout(LIMIT_S + 120)
def test_the_deployment_works_the_tutorial_is_true_and_nothing_is_left(checkout, debian):
    before = find_places()
    first = find_ports(4)
    tutorial = f"{sys.executable} {checkout}/tests/deploy/run_tutorial.py {checkout}/docs/tutorials/first-steps.md"
    answer = run_loopback(checkout, LOOPBACK_PORT=str(first), LOOPBACK_TIME_S=str(LIMIT_S), LOOPBACK_THEN=tutorial)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "FAILED" not in answer.stdout
    assert "skipped" not in answer.stdout
    for proof in ("woken through the broker", "found by the scheduler's sweep", "Restored: release", "taken down"):
        assert proof in answer.stdout
    assert find_places() == before
    assert all(_is_free(first + step) for step in range(4))


@pytest.mark.timeout(120)
def test_a_busy_port_is_said_in_one_sentence(checkout, debian):
    before = find_places()
    first = find_ports(4)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first + 1))
        other.listen()
        answer = run_loopback(checkout, LOOPBACK_PORT=str(first))
    assert answer.returncode == 1
    assert f"port {first + 1} is in use" in answer.stderr
    assert find_places() == before


@pytest.mark.timeout(180)
def test_a_run_out_of_time_is_taken_down(checkout, debian):
    before = find_places()
    first = find_ports(4)
    answer = run_loopback(checkout, LOOPBACK_PORT=str(first), LOOPBACK_TIME_S="8")
    assert answer.returncode == 124
    assert "not done within 8 s" in answer.stderr
    assert find_places() == before
    assert all(_is_free(first + step) for step in range(4))
