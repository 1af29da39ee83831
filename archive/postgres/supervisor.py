"""Start, find and stop the embedded PostgreSQL server. Knows nothing of Django.

One directory, the *cluster root*, holds everything::

    <root>/data         PostgreSQL's own files, mode 0700, of the account that runs the server
    <root>/run          the socket, mode 0700 (or a short directory below the temporary one)
    <root>/users.lock   held shared by every process that uses the server: the last one out stops it
    <root>/start.lock   held while somebody starts it
    <root>/server.log   what the server says

The server listens on its socket only. The reasons are in docs/decisions/0004-embedded-postgresql.md.
"""

import atexit
import errno
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from archive.postgres.binaries import SYSTEM_DIRECTORY, Account, Binaries, PostgresError, find_account, find_binaries

ROLE = "archipelago"
DATABASE = "archipelago"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107
"""Bytes in `sockaddr_un.sun_path` on Linux, less the final zero."""

CRASH_PATIENCE_S = 15.0
"""After a kill -9 the server's orphans need a moment to end before a new one may start."""

START_PATIENCE_S = 600
"""Recovery after a crash replays the write-ahead log; with max_wal_size 2 GB that takes minutes on a slow disk."""

LOG_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where its socket is and who its postmaster is."""

    socket_directory: str
    pid: int

    def conninfo(self, database: str = DATABASE) -> dict[str, str]:
        """Connection parameters for psycopg."""
        return {"host": self.socket_directory, "port": "5432", "user": ROLE, "dbname": database}


_held: dict[Path, int] = {}
"""Cluster roots this process uses, with the descriptor of its shared lock (inherited by forks, not by exec)."""


def ensure_running(root: Path) -> Server:
    """Return the running server of `root`; make the cluster and start the server where needed.

    Safe to call from many processes at once and before every connection (a running server costs about 0.1 ms).
    The caller's process counts as a user of the server until it ends; the last user stops it.

    Raises
    ------
    PostgresError
        If the server cannot run; the text is one sentence that says what to do.
    """
    try:
        if root not in _held:
            _make_passable(root)
            _hold(root)
        data = data_directory(root)
        if server := find_server(data):
            return server
        with _locked(root / "start.lock"):
            return find_server(data) or _start(root)
    except OSError as error:
        raise PostgresError(_describe_os_error(error, root)) from error


def stop(root: Path, *, mode: str = "fast") -> bool:
    """Stop the server of `root` whoever uses it; return whether there was one.

    Raises
    ------
    PostgresError
        If it does not stop.
    """
    data = data_directory(root)
    if find_postmaster(data) is None:
        return False
    account = find_account(data)
    programs = find_binaries(account)
    answer = account.run(
        [programs / "pg_ctl", "stop", "-D", data, "-m", mode, "-w", "-t", "120"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if answer.returncode and find_postmaster(data):
        raise PostgresError(f"PostgreSQL in {data} does not stop: {answer.stderr.strip()}")
    return True


def release(root: Path) -> None:
    """Give up this process's use of the server; stop the server if nobody else uses it."""
    descriptor = _held.pop(root, None)
    if descriptor is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody else uses the server
        return
    else:
        stop(root)
    finally:
        os.close(descriptor)


def data_directory(root: Path) -> Path:
    """Where PostgreSQL's files of `root` are: `<root>/data`, or where `<root>/data.location` says."""
    pointer = root / "data.location"
    try:
        return Path(pointer.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return root / "data"


def find_server(data: Path) -> Server | None:
    """Return the server that runs on `data` and accepts connections."""
    lines = _read_pid_file(data)
    # man postgres, "postmaster.pid": pid, data, start time, port, socket directory, address, memory key, status
    if len(lines) < 8 or lines[7].strip() != "ready" or find_postmaster(data) is None:
        return None
    return Server(lines[4], int(lines[0]))


def find_postmaster(data: Path) -> int | None:
    """Return the process id of the server on `data`, ready or not; a number that another program now has is None."""
    lines = _read_pid_file(data)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    if Path("/proc/self").exists():
        return pid if pid in _processes_in(data, [pid]) else None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return pid


def _read_pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _processes_in(data: Path, pids: list[int] | None = None) -> list[int]:
    """Processes whose working directory is `data`: the postmaster and all its children stay there."""
    if pids is None:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    home = data.resolve()
    found: list[int] = []
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/cwd").readlink() == home:
                found.append(pid)
        except OSError:  # ended meanwhile, or not ours
            continue
    return found


def _hold(root: Path) -> None:
    descriptor = os.open(root / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits while the last user is stopping the server
    _held[root] = descriptor
    owner = os.getpid()

    def leave() -> None:
        if os.getpid() == owner:  # a fork inherits the lock and must not end it
            release(root)

    atexit.register(leave)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _start(root: Path) -> Server:
    data = data_directory(root)
    account = find_account(data)
    programs = find_binaries(account)
    if not (data / "PG_VERSION").exists():
        data = _create_cluster(root, account, programs)
    made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if made_by != str(programs.major):
        raise PostgresError(
            f"The database in {data} was made by PostgreSQL {made_by} and cannot be read by PostgreSQL "
            f"{programs.major} in {programs.directory}: set ARCHIPELAGO_PG_BINDIR to the programs of PostgreSQL "
            f"{made_by}, or move {root} away and ingest the deliveries again."
        )
    server = _await_others(data)
    if server is None:
        _launch(root, data, account, programs)
        server = find_server(data)
    if server is None:
        raise PostgresError(f"PostgreSQL in {data} ended right after its start; {root / 'server.log'} says why.")
    _create_database(server)
    return server


def _launch(root: Path, data: Path, account: Account, programs: Binaries) -> None:
    sockets = _socket_directory(root, account)
    options = [f"unix_socket_directories={sockets}", "listen_addresses=", "port=5432", "unix_socket_permissions=0700"]
    log_path = root / "server.log"
    if log_path.exists() and log_path.stat().st_size > LOG_LIMIT:
        log_path.replace(root / "server.log.1")
    command = [
        *(programs / "pg_ctl", "start", "-D", data, "-w", "-t", str(START_PATIENCE_S)),
        *("-o", " ".join(f"-c {shlex.quote(option)}" for option in options)),
    ]
    deadline = time.monotonic() + CRASH_PATIENCE_S
    with log_path.open("ab") as log:
        while True:
            begin = log.tell()
            answer = account.run(command, stdout=log, stderr=subprocess.STDOUT)
            if answer.returncode == 0:
                return
            said = log_path.read_bytes()[begin:].decode(errors="replace")
            if "already exists" not in said and "still in use" not in said:
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.3)
            log.seek(0, os.SEEK_END)
    raise PostgresError(f"PostgreSQL in {data} does not start: {_explain(said)} (all of it in {log_path}).")


def _explain(said: str) -> str:
    """Pick PostgreSQL's own reason out of what its programs said."""
    if "No space left on device" in said:
        return "no space is left on its disk; free some and start again, nothing is lost"
    reasons = re.findall(r"(?:FATAL|PANIC|ERROR|error):\s*(.*)", said)
    return reasons[-1] if reasons else (said.strip().splitlines() or ["it says nothing"])[-1]


def _await_others(data: Path) -> Server | None:
    """Wait for a server that is starting or stopping, and for the children of a killed one.

    A process number in the file that now belongs to another program (after a reboot, in a container) would stop
    PostgreSQL from starting: the file goes once nobody is left in the directory.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists() or not Path("/proc/self").exists():
        return None
    begin = time.monotonic()
    while others := _processes_in(data):
        if server := find_server(data):
            return server
        patience = START_PATIENCE_S if find_postmaster(data) else CRASH_PATIENCE_S
        if time.monotonic() - begin > patience:
            raise PostgresError(
                f"Processes of an earlier PostgreSQL still use {data} and do not end: {others}. End them and try again."
            )
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)
    return None


def _socket_directory(root: Path, account: Account) -> Path:
    """`<root>/run`, or a short private directory where the path is too long or has characters that need quoting."""
    directory = root.resolve() / "run"
    fits = len(os.fsencode(directory / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    plain = re.fullmatch(r"[A-Za-z0-9/._+-]+", str(directory)) is not None
    if not (fits and plain and account.can_enter(root)):
        digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:10]
        temporary = tempfile.gettempdir()
        directory = Path(temporary if len(temporary) < 40 else "/tmp") / f"archipelago-{digest}"  # noqa: S108 - checked below
    try:
        directory.mkdir(mode=0o700)
        account.take(directory)
    except FileExistsError:
        pass
    found = directory.lstat()
    expected = os.geteuid() if account.uid is None else account.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != expected or stat.S_IMODE(found.st_mode) & 0o077:
        raise PostgresError(
            f"The directory of PostgreSQL's socket, {directory}, is not a private directory of {account.name}: "
            f"remove it and try again."
        )
    return directory


def _make_passable(directory: Path) -> None:
    """Make a directory and its missing parents so that the server's account may pass through, whatever the umask.

    Directories that exist already are left as they are.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o711)


def _create_cluster(root: Path, account: Account, programs: Binaries) -> Path:
    """Run initdb aside and put the result in its place, so that an interruption leaves no half-made cluster."""
    home = root.resolve()
    if not account.can_enter(home):
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:10]
        home = SYSTEM_DIRECTORY / f"cluster-{digest}"
        _make_passable(home)
    data, aside = home / "data", home / "data.new"
    if data.exists() and any(data.iterdir()):
        raise PostgresError(f"{data} is neither empty nor a PostgreSQL data directory: move it away and try again.")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    account.take(aside)
    answer = account.run(
        [
            *(programs / "initdb", "-D", aside, "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--data-checksums"),
            *_locale_options(programs),
        ],
        capture_output=True,
    )
    if answer.returncode:
        shutil.rmtree(aside, ignore_errors=True)
        raise PostgresError(f"PostgreSQL cannot make its cluster in {data}: {_explain(answer.stderr)}.")
    with (aside / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write(_configuration())
    if data.exists():
        data.rmdir()
    aside.rename(data)
    if home != root.resolve():
        (root / "data.location").write_text(f"{data}\n", encoding="utf-8")
    return data


def _locale_options(programs: Binaries) -> list[str]:
    """Text sorts by code point, in the same way on every machine and for ever."""
    if programs.major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"] if _has_c_utf8() else ["--locale=C"]


def _has_c_utf8() -> bool:
    answer = subprocess.run(["/usr/bin/locale", "-a"], check=False, capture_output=True, text=True)
    return "C.utf8" in answer.stdout or "C.UTF-8" in answer.stdout


def _configuration() -> str:
    """Settings of a new cluster; an operator changes them in postgresql.conf or by ALTER SYSTEM."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    shared_mb = max(64, min(1024, memory_mb // 8))
    # Containers often have 64 MB of /dev/shm, too little for parallel queries.
    shm = os.statvfs("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108 - only looked at
    small_shm = shm is None or shm.f_blocks * shm.f_frsize < 512 * 2**20
    return f"""
# Archipelago: for one machine, small or large
shared_buffers = {shared_mb}MB
effective_cache_size = {max(128, memory_mb // 2)}MB
work_mem = 32MB
maintenance_work_mem = {max(64, min(512, memory_mb // 16))}MB
dynamic_shared_memory_type = {"mmap" if small_shm else "posix"}
max_connections = 120
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u '
log_lock_waits = on
idle_in_transaction_session_timeout = 1h
"""


def _create_database(server: Server) -> None:
    with psycopg.connect(**server.conninfo("postgres"), autocommit=True, connect_timeout=30) as connection:  # pyright: ignore[reportArgumentType]
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not exists:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _describe_os_error(error: OSError, root: Path) -> str:
    where = error.filename or root
    if error.errno == errno.ENOSPC:
        return f"No space is left on the disk of {where}: free some and start again; nothing is lost."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{where} cannot be written by this user: choose another data directory with ARCHIPELAGO_DATA."
    return f"The database's directory {root} cannot be used: {error.strerror or error} ({where})."
