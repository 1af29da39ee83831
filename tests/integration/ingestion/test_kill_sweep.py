"""Kill -9 at every step of the gates: afterwards the old or the new release is served, whole, and the delivery goes on.

A step is a statement sent to the database, a file put into its place, or a member unpacked. Each child takes one packed
delivery through all gates, signed by login on the page and published by the job table, and kills itself at step N; then
a child without a killer finishes the work. The children are forks of one process that has everything imported.

Each delivery brings a new light curve, and the source of the light curve that came before it: so links move as well.
"""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.deliveries import LABEL, deliver, seal
from tests.support.fits_files import series_hdu, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(3600)]

FIRST = int(os.environ.get("ARCHIPELAGO_TEST_KILL_FIRST", "1"))  # a sweep in slices: first = 1 ... stride

FORKS = """
import json, os, signal, sys
from pathlib import Path
import django
from django.conf import settings
name, files, maps, quarantine = sys.argv[1:5]
settings.DATABASES["default"]["NAME"] = name
django.setup()
settings.FILES_ROOT, settings.MAPS_ROOT, settings.QUARANTINE_ROOT = map(Path, (files, maps, quarantine))
settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "http://127.0.0.1:9", ["testserver"]
settings.SECURE_SSL_REDIRECT = False
from django.db import connection
from django.test import Client
from django.contrib.auth import get_user_model
from django.urls import get_resolver, reverse
import psycopg
from archive.jobs import run_next_job, sweep_jobs
from ingestion import gates, quarantine, sandbox, unpack, views
get_resolver().url_patterns
done = 0
def counted(real, last):
    def call(*args, **options):
        global done
        done += 1
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    return call
def through_the_gates(folder, last):
    for place, names in ((os, ("rename", "replace")), (Path, ("rename", "replace")), (unpack, ("_write",)),
                         (psycopg.Cursor, ("execute", "executemany")), (psycopg.Connection, ("commit",))):
        for name in names:
            setattr(place, name, counted(getattr(place, name), last))
    gates.validate_in_sandbox = lambda path: sandbox.validate_delivery(path).as_json()  # has a test of its own
    views.nudge = lambda: None  # no broker: the jobs are run below
    submission = gates.check(gates.receive(Path(folder), actor="team").pk)
    for role, user in (("team", "desk"), ("archive", "scientist")):
        if submission.state == "VALID" and role in gates.missing_signatures(submission):
            client = Client()
            client.force_login(get_user_model().objects.get(username=user))
            values = {"role": role, "content": submission.digest_sha256}
            answer = client.post(reverse("delivery-sign", args=[submission.delivery_id]), values)
            assert answer.status_code == 302, answer.content
    while run_next_job():
        pass
    submission.refresh_from_db()
    return {"steps": done, "state": submission.state}
for line in sys.stdin:
    folder, last = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = through_the_gates(folder, last)
        except BaseException as error:
            import traceback
            said = {"error": traceback.format_exc()}
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = said.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps({"exit": status, **(json.loads(answer) if answer else {})}), flush=True)
"""


def make_package(folder: Path, number: int) -> Path:
    """Write delivery `number`: light curve of `Target number`, reference catalogue with `Target number-1`; packed."""
    patterns = [*LABEL["files"], {"pattern": "ra_dec_name_*.txt", "profile": "reference_catalogue_positions"}]
    deliver(folder, delivery_id=f"d-{number}", files=patterns)
    (folder / "a.fits").unlink()
    write(folder / f"a{number}.fits", series_hdu(NAME=f"Target {number}", RA_OBJ=10.0 + 0.9 * number))
    rows = [f"  {10.0 + 0.9 * one:.7E}   2.2014500E+01 Target {one}\n" for one in range(number)]
    others = [f"  {200.0 + one:.7E}   1.0000000E+01 Other {one}\n" for one in range(2)]
    (folder / "ra_dec_name_gnrl_refr_cat_0040.txt").write_text("".join(others + rows))
    seal(folder)
    packed = folder.with_suffix(".zip" if number % 2 else ".tar.gz")
    if number % 2:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.iterdir()):
                file.write(path, f"{folder.name}/{path.name}")
    else:
        with tarfile.open(packed, "w:gz") as file:
            file.add(folder, folder.name)
    return packed


def test_the_archive_survives_a_kill_at_any_step(tmp_path, settings, checkout):
    from django.contrib.auth import get_user_model
    from django.db import connection

    from archive.accounts.roles import set_roles
    from archive.audit import verify_log
    from archive.jobs import sweep_jobs
    from archive.models import Job, Product, ProductFile, SignOff, Submission
    from archive.selectors import current_release, current_rows
    from archive.storage import digest_file, file_path

    roots = [tmp_path / name for name in ("files", "maps", "quarantine")]
    settings.FILES_ROOT, settings.MAPS_ROOT, settings.QUARANTINE_ROOT = roots
    for name, archive, teams in (("desk", False, (LABEL["team"],)), ("scientist", True, ())):
        set_roles(get_user_model().objects.create_user(username=name), archive=archive, teams=teams)
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "DJANGO_SETTINGS_MODULE": "tests.support.settings",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", FORKS, connection.settings_dict["NAME"], *map(str, roots)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forks:
        assert forks.stdin is not None
        assert forks.stdout is not None

        def run(package: Path, last: int) -> dict:
            forks.stdin.write(json.dumps([str(package), last]) + "\n")
            forks.stdin.flush()
            answer = json.loads(forks.stdout.readline())
            assert "error" not in answer, f"step {last}: {answer['error']}"
            return answer

        def check_served(number: int, told: str) -> None:
            """Release `number` is served and whole: its light curves, all linked but the newest, each with its file."""
            assert current_release().number == number, told
            linked = {row.target_name: bool(row.source_id) for row in current_rows(Product)}
            assert linked == {f"Target {one}": one < number - 1 for one in range(number)}, told
            for file in current_rows(ProductFile):
                assert digest_file(file_path(file.sha256)).sha256 == file.sha256, told
            verify_log()

        steps = 0
        for number in range(2):  # the second takes the steps that the later ones take
            answer = run(make_package(tmp_path / f"d{number}", number), -1)
            assert answer.get("state") == "VERIFIED", answer
            steps = answer["steps"]
        stride = int(os.environ.get("ARCHIPELAGO_TEST_KILL_STRIDE", max(1, steps // 8)))
        kills, shots, new, strays = 0, 0, 0, 0
        for number, last in enumerate(range(FIRST, steps + 1, stride), start=2):
            told = f"killed at step {last} of {steps}"
            package = make_package(tmp_path / f"d{number}", number)
            kills, shots = kills + (run(package, last)["exit"] == -9), shots + 1
            is_new = current_release().number == number + 1
            new, strays = new + is_new, strays + bool(list(roots[2].glob(".unpacking-*")))
            check_served(number + is_new, told)
            sweep_jobs()  # as the scheduler does every minute
            assert run(package, -1).get("state") == "VERIFIED", told
            assert Submission.objects.get(delivery_id=f"d-{number}").state == "VERIFIED"
            assert SignOff.objects.filter(submission__delivery_id=f"d-{number}").count() == 2
            assert not Job.objects.exclude(phase=Job.Phase.COMPLETED).exists(), told
            check_served(number + 1, f"{told}, resumed")
            assert not list(roots[2].glob(".unpacking-*")), "left by a kill"
        forks.stdin.close()
    assert kills >= shots - max(1, shots // 10), "a later delivery may take a few steps fewer"
    print(
        f"{kills} kills at {shots} of {steps} steps: {shots - new} left the old release, {new} the new; {strays} strays"
    )
