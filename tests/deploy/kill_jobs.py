"""Kills processes of a running archive at random while jobs run, and looks whether each job ends once and rightly.

    ./archipelago test kill                      200 jobs, 20 kills
    ./archipelago test kill -- --jobs 10 --kills 3 --seed 7

An archive of its own is made in a temporary directory, with the demonstration table. Web server, a worker, or the
database is killed with SIGKILL, one after the other, while clients create jobs, some of which must fail. In the end
every job must be COMPLETED with the right result, or ERROR with a reason; none may be lost or have more than one result.
"""

import argparse
import csv
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from archive.postgres.supervisor import data_directory, find_server  # noqa: E402 - after the path

ROWS = 200_000
UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
PATIENCE_S = 600
QUERIES = (
    ("SELECT TOP {n} id FROM demo.sources ORDER BY id", True),
    ("SELECT TOP {n} a.id FROM demo.sources AS a JOIN demo.sources AS b ON a.id = b.id ORDER BY a.flux, a.id", True),
    ("SELECT id FROM demo.sources WHERE id <= {n} AND MOD(id, 1) = 0", True),
    ("SELECT id / (id - id) AS x FROM demo.sources WHERE id <= {n}", False),
)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        pass


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def ask(address: str, data: dict[str, str] | None = None) -> tuple[int, bytes, str]:
    """Return status, content and Location; status 0 while nobody answers."""
    body = urllib.parse.urlencode(data).encode() if data else None
    try:
        with OPENER.open(urllib.request.Request(address, body), timeout=30) as response:
            return response.status, response.read(), ""
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers.get("Location") or ""
    except OSError:
        return 0, b"", ""


def children(pid: int) -> list[int]:
    """Process ids of the direct children."""
    text = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in text.split()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def victims(server: int, data: Path, what: str) -> list[int]:
    """Processes of this archive that do `what`: all below our own server, or the postmaster of our own data."""
    if what == "database":
        server = find_server(data_directory(data / "postgres"))
        return [server.pid] if server else []
    word = {"web": "granian", "worker": " worker "}[what]
    tops = [pid for pid in children(server) if word in command_of(pid)]
    return [*tops, *(child for pid in tops for child in children(pid))]


def kill_one(what: str, server: int, data: Path, chance: random.Random) -> bool:
    """Kill one process that does `what`, as soon as there is one; return whether there was."""
    until = time.monotonic() + 60
    while not (found := victims(server, data, what)) and time.monotonic() < until:
        time.sleep(0.2)
    if found:
        os.kill(chance.choice(found), signal.SIGKILL)
    return bool(found)


def create(base: str, chance: random.Random, rows: int) -> tuple[str, int, bool]:
    """Make a job and start it, again and again until somebody answers; a job without an answer is not ours."""
    query, good = QUERIES[chance.choice((0, 0, 1, 1, 1, 2, 3))]
    count = chance.randrange(1, rows // 4)
    while True:
        form = {"QUERY": query.format(n=count), "RESPONSEFORMAT": "csv", "MAXREC": str(rows)}
        status, _, location = ask(f"{base}/async", form)
        if status == 303:
            return location, count, good
        time.sleep(0.2)


def start(job: str) -> None:
    """Ask for PHASE=RUN until the job is no longer PENDING: an answer may be lost with the server that gave it."""
    while True:
        ask(f"{job}/phase", {"PHASE": "RUN"})
        status, phase, _ = ask(f"{job}/phase")
        if status == 200 and phase.decode().strip() != "PENDING":
            return
        time.sleep(0.2)


def judge(job: str, count: int, *, good: bool, deadline: float) -> str:
    """Wait for the end of a job; return what is wrong with it, or nothing."""
    while time.monotonic() < deadline:
        status, content, _ = ask(job)
        if status == 404:
            return "is lost"
        phase = ET.fromstring(content).findtext(f"{UWS}phase") if status == 200 else None  # noqa: S314
        if phase == "COMPLETED":
            document = ET.fromstring(content)  # noqa: S314
            results = [result.get(f"{XLINK}href") for result in document.iter(f"{UWS}result")]
            if len(results) != 1 or not good:
                return f"has {len(results)} results and {'should not fail' if good else 'should fail'}"
            status, content, _ = ask(results[0] or "")
            ids = [row[0] for row in csv.reader(content.decode().splitlines())][1:] if status == 200 else []
            return "" if len(ids) == len(set(ids)) == count else f"has a result of {len(ids)} rows, expected {count}"
        if phase in {"ERROR", "ABORTED"}:
            reason = ET.fromstring(content).findtext(f"{UWS}errorSummary/{UWS}message")  # noqa: S314
            if not reason:
                return f"is {phase} without a reason"
            if good:
                print(f"  ended in ERROR, as it may: {reason}", flush=True)
            return "" if good is False or phase == "ERROR" else f"is {phase}"
        time.sleep(0.3)
    return "has not ended"


def main(arguments: list[str]) -> int:
    """Run the test; the exit code is 0 where every job is as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the table that is asked")
    parser.add_argument("--seed", type=int, default=20021017)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)  # noqa: S311 - no secret
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="archipelago-kill-") as folder:
        Path(folder).chmod(0o755)  # the database has a user of its own where this one is root
        data = Path(folder) / "data"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "archive.settings",
            "ARCHIPELAGO_SECRET_KEY": "kill-test",
            "ARCHIPELAGO_DATA": str(data),
            "ARCHIPELAGO_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PYTHONPATH": str(CHECKOUT),
        }
        environment.pop("DATABASE_URL", None)
        archive = [sys.executable, "-m", "archive.cli"]
        for words in (["migrate", "--verbosity", "0"], ["demo-table", "make", "--rows", str(options.rows)]):
            subprocess.run([*archive, *words], env=environment, cwd=CHECKOUT, check=True)
        with (Path(folder) / "serve.log").open("wb") as log:
            server = subprocess.Popen(
                [*archive, "serve", "--port", str(port)], env=environment, cwd=CHECKOUT, stdout=log, stderr=log
            )
        try:
            return _run(options, chance, f"http://127.0.0.1:{port}/tap", server, data)
        finally:
            server.terminate()
            server.wait(60)


def _run(
    options: argparse.Namespace, chance: random.Random, base: str, server: subprocess.Popen[bytes], data: Path
) -> int:
    end = time.monotonic() + 120
    while ask(f"{base}/availability")[0] != 200:
        if time.monotonic() > end or server.poll() is not None:
            print("The archive does not start.")
            return 2
        time.sleep(0.2)
    jobs: list[tuple[str, int, bool]] = []
    begun: list[int] = []
    lock = threading.Lock()

    def client(number: int) -> None:
        own = random.Random(options.seed + number)  # noqa: S311
        while True:
            with lock:
                if len(jobs) + len(begun) >= options.jobs:
                    return
                begun.append(number)
            job = create(base, own, options.rows)
            start(job[0])
            with lock:
                begun.remove(number)
                jobs.append(job)

    clients = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(1, 5)]
    for thread in clients:
        thread.start()
    kills = {"web": 0, "worker": 0, "database": 0}
    for number in range(options.kills):
        # Spread over the creation of the jobs, then over their work.
        wanted = (number + 1) * options.jobs // (options.kills + 1)
        while len(jobs) < wanted and any(thread.is_alive() for thread in clients):
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, 2.0))
        what = chance.choice(tuple(kills))
        if not kill_one(what, server.pid, data, chance):
            print(f"No process to kill: {what}")
            return 2
        print(f"kill -9 of {what} with {len(jobs)} jobs made", flush=True)
        kills[what] += 1
    for thread in clients:
        thread.join(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    wrong = [
        f"{job}: {fault}" for job, count, good in jobs if (fault := judge(job, count, good=good, deadline=deadline))
    ]
    results = sorted(path for path in (data / "jobs").glob("*/*") if path.name == "result")
    parts = sorted(path for path in (data / "jobs").glob("*/*.part"))
    print(f"{len(jobs)} jobs, kills {kills}, {len(results)} results, {len(parts)} left halfway; {len(wrong)} wrong")
    for line in wrong:
        print(line)
    return 1 if wrong or parts or len(jobs) < options.jobs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
