"""Run the archive's processes (web, worker, scheduler): start them, replace the dead ones, stop them cleanly."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from archive.errors import BusyError, UnavailableError

STOP_PATIENCE_S = 15.0
SHORTEST_LIFE_S = 10.0
"""A child that ends sooner than this waits longer and longer before its next start."""

LONGEST_PAUSE_S = 30.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(slots=True)
class Child:
    """A process to keep alive."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = 0.0
    starts_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps children alive until it is told to stop."""

    children: list[Child]
    log_directory: Path | None
    say: Callable[[str], None]
    stopping: bool = field(default=False, init=False)

    def run(self, ready: Callable[[], None] | None = None) -> None:
        """Start everything, call `ready` once the children are up, and return after a stop signal.

        Raises
        ------
        UnavailableError
            If a child ends before everything is ready.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            for child in self.children:
                self._start(child)
            if ready:
                ready()
            while not self.stopping:
                self.check()
                time.sleep(0.2)
        finally:
            self._stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Start again what has died."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.starts_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                lasted = now - child.started_at
                child.pause_s = 0.0 if lasted > SHORTEST_LIFE_S else min(LONGEST_PAUSE_S, max(1.0, 2 * child.pause_s))
                child.process, child.starts_at = None, now + child.pause_s
                self.say(f"The {child.name} process ended ({_describe_exit(code)}); starting it again.")

    def find_dead(self) -> str | None:
        """Name a child that has ended, with its reason and log."""
        for child in self.children:
            if child.process and (code := child.process.poll()) is not None:
                where = f"; see {self.log_directory / child.name}.log" if self.log_directory else ""
                return f"The {child.name} process ended at once ({_describe_exit(code)}){where}."
        return None

    def _start(self, child: Child) -> None:
        output = None
        if self.log_directory:
            self.log_directory.mkdir(parents=True, exist_ok=True)
            output = (self.log_directory / f"{child.name}.log").open("ab")
        try:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,  # Ctrl-C comes to us alone, and we stop the children in order
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
            )
        finally:
            if output:
                output.close()
        child.started_at = time.monotonic()

    def _stop(self) -> None:
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_PATIENCE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, even by kill -9: no orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _describe_exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def make_children(*, host: str, port: int, web_workers: int, job_workers: int, schedule: Path) -> list[Child]:
    """Commands of the web server, the job workers and the scheduler."""
    python = sys.executable
    web = [
        *(python, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", str(web_workers), "--blocking-threads", "16", "--backlog", "1024", "--respawn-failed-workers"),
        *("--no-access-log", "--log-level", "error", "archive.wsgi:application"),
    ]
    celery = [python, "-m", "celery", "-A", "archive.celery", "--quiet"]
    worker = [
        *(*celery, "worker", "--loglevel", "WARNING", "--concurrency", str(job_workers)),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    scheduler = [*celery, "beat", "--loglevel", "WARNING", "--schedule", str(schedule)]
    return [Child("web", web), Child("worker", worker), Child("scheduler", scheduler)]


@contextmanager
def only_one(data_root: Path, *, address: str) -> Iterator[None]:
    """Hold this data directory's right to serve.

    Raises
    ------
    BusyError
        If another process serves it; the text names its address.
    """
    data_root.mkdir(parents=True, exist_ok=True)
    with (data_root / "serve.lock").open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read_server(data_root)
            where = f" at {other['address']} (process {other['pid']})" if other else ""
            raise BusyError(
                f"Archipelago already serves {data_root}{where}: use that one, end it with ./archipelago stop, or give "
                f"this one another directory in ARCHIPELAGO_DATA and another --port."
            ) from None
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), "address": address}))
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def read_server(data_root: Path) -> dict[str, str] | None:
    """Return process id and address of the process that serves `data_root`, or None."""
    try:
        with (data_root / "serve.lock").open(encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = handle.read()
                return json.loads(text) if text else {"pid": "?", "address": "?"}
    except FileNotFoundError:
        pass
    return None


def check_port(host: str, port: int, *, patience_s: float = 3.0) -> None:
    """Make sure that the web server will get its port.

    Raises
    ------
    BusyError
        If another program has it.
    UnavailableError
        If this user may not listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except PermissionError:
            raise UnavailableError(
                f"Port {port} may not be used by this user: choose one above 1023 with --port."
            ) from None
        except OSError as error:
            if time.monotonic() < deadline:  # a server that was killed needs a moment to let go
                time.sleep(0.2)
                continue
            raise BusyError(
                f"Port {port} of {host} cannot be used ({(error.strerror or str(error)).lower()}): end the program "
                f"that has it or choose another one with --port."
            ) from None
        else:
            return


def await_answer(url: str, supervisor: Supervisor, *, patience_s: float = 90.0) -> None:
    """Wait until `url` answers.

    Raises
    ------
    UnavailableError
        If it does not in time, or a child has ended.
    """
    deadline = time.monotonic() + patience_s
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not supervisor.stopping:
        if dead := supervisor.find_dead():
            raise UnavailableError(dead)
        try:
            with opener.open(url, timeout=10):
                return
        except urllib.error.HTTPError:  # it answers; what, is not our business here
            return
        except OSError:
            if time.monotonic() > deadline:
                raise UnavailableError(f"The web server does not answer at {url} after {patience_s:.0f} s.") from None
            time.sleep(0.1)
