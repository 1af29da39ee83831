"""The supervised processes: started, replaced, stopped; and the right to serve a data directory."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from archive import processes
from archive.errors import BusyError, UnavailableError

CHECKOUT = Path(__file__).resolve().parents[3]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(100)"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_that(condition, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_dead_child_is_started_again(tmp_path):
    said = []
    supervisor = processes.Supervisor([processes.Child("sleeper", SLEEPER)], tmp_path, said.append)
    pids = []

    def act():
        child = supervisor.children[0]
        pids.append(child.process.pid)
        child.process.kill()
        await_that(lambda: supervisor.check() or (child.process and child.process.pid != pids[0]))
        pids.append(child.process.pid)
        supervisor.stopping = True

    supervisor.run(act)
    assert said == ["The sleeper process ended (signal SIGKILL); starting it again."]
    assert not psutil.pid_exists(pids[1])


def test_a_child_that_ends_at_once_is_told(tmp_path):
    child = processes.Child("web", [sys.executable, "-c", "raise SystemExit(3)"])
    supervisor = processes.Supervisor([child], tmp_path, print)
    with pytest.raises(UnavailableError, match=r"The web process ended at once \(exit code 3\); see .*web.log"):
        supervisor.run(lambda: processes.await_answer(f"http://127.0.0.1:{free_port()}/", supervisor))


def test_children_end_with_a_killed_parent(tmp_path):
    code = (
        "from archive.processes import *; import sys, pathlib\n"
        f"Supervisor([Child('sleeper', {SLEEPER!r})], None, print)"
        ".run(lambda: print([c.pid for c in __import__('psutil').Process().children()][0], flush=True))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await_that(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 10)


def test_one_server_per_data_directory(tmp_path):
    assert processes.read_server(tmp_path) is None
    with processes.only_one(tmp_path, address="http://127.0.0.1:8000"):
        assert processes.read_server(tmp_path) == {"pid": os.getpid(), "address": "http://127.0.0.1:8000"}
        with (
            pytest.raises(BusyError, match=rf"already serves .* at http://127.0.0.1:8000 \(process {os.getpid()}\)"),
            processes.only_one(tmp_path, address="http://127.0.0.1:8001"),
        ):
            pass
    assert processes.read_server(tmp_path) is None


def test_a_port_of_the_system_is_refused_to_a_user(monkeypatch):
    def deny(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", deny)
    with pytest.raises(UnavailableError, match="Port 80 may not be used by this user: choose one above 1023"):
        processes.check_port("127.0.0.1", 80)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_serve_from_nothing_to_a_clean_stop_and_through_a_kill(monkeypatch):
    data = Path(tempfile.mkdtemp(prefix="serve-", dir=os.environ["ARCHIPELAGO_TEST_DATA"]))
    data.chmod(0o711)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "ARCHIPELAGO_PUBLIC_URL"}},
        "DJANGO_SETTINGS_MODULE": "archive.settings",
        "PYTHONPATH": str(CHECKOUT),
        "ARCHIPELAGO_DATA": str(data),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "archive.cli", "serve", "--port", str(port), "--job-workers", "1"]

    def start():
        process = subprocess.Popen(
            command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = []
        for line in process.stdout:
            said.append(line)
            if "Archipelago is running" in line:
                return process, said
        raise AssertionError("".join(said))

    process, said = start()
    try:
        assert f"http://127.0.0.1:{port}/\n" in "".join(said)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.status == 200
        second = subprocess.run(
            [*command[:-3], str(free_port())], check=False, cwd="/", env=environment, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"already serves {data} at http://127.0.0.1:{port}" in second.stderr

        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        database = [one for one in psutil.process_iter(["cmdline"]) if str(data) in " ".join(one.info["cmdline"] or [])]
        for victim in {*tree, *database}:
            if victim.is_running():
                victim.kill()
        process.wait()
        process.stdout.close()

        process, _ = start()
        stop = subprocess.run(
            [sys.executable, "-m", "archive.cli", "stop"],
            check=False, cwd="/", env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert stop.stdout.strip() == "Stopped.", stop.stderr
        assert process.wait(timeout=30) == 0
        assert not (data / "postgres" / "data" / "postmaster.pid").exists(), "the last user has stopped the database"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)
        process.stdout.close()
