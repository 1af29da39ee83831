"""Kill -9 at every step of the gates: afterwards the old or the new release is served, whole, and the delivery goes on.

A step is a statement sent to the database or a file put into its place. Each child process runs one delivery through
all gates and kills itself at step N; then a child without a killer finishes the work.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deliveries import deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]

CHILD = """
import os, signal, sys
from pathlib import Path
import django
from django.conf import settings
name, files, maps, quarantine, folder, last = sys.argv[1:7]
settings.DATABASES["default"]["NAME"] = name
django.setup()
settings.FILES_ROOT, settings.MAPS_ROOT, settings.QUARANTINE_ROOT = map(Path, (files, maps, quarantine))
settings.PUBLIC_URL = "http://127.0.0.1:9"
from django.db import connection
import psycopg
done, last = 0, int(last)
def step():
    global done
    done += 1
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(real):
    def call(*args, **options):
        step()
        return real(*args, **options)
    return call
os.rename = counted(os.rename); os.replace = counted(os.replace)
Path.rename = counted(Path.rename); Path.replace = counted(Path.replace)
for name in ("execute", "executemany"):
    setattr(psycopg.Cursor, name, counted(getattr(psycopg.Cursor, name)))
psycopg.Connection.commit = counted(psycopg.Connection.commit)
from ingestion import gates, sandbox
gates.validate_in_sandbox = lambda path: sandbox.validate_delivery(path).as_json()  # the child's child has a test of its own
connection.ensure_connection()
submission = gates.receive(Path(folder), actor="team")
submission = gates.check(submission.pk)
if submission.state == "VALID":
    gates.sign(submission.delivery_id, role="team", signer="team")
    gates.sign(submission.delivery_id, role="archive", signer="archivist")
submission = gates.publish(submission.pk)
submission = gates.read_back(submission.pk)
print(done, submission.state)
"""


def test_the_archive_survives_a_kill_at_any_step(tmp_path, settings, checkout):
    from django.db import connection

    from archive.audit import verify_log
    from archive.models import Product, ProductFile, Submission
    from archive.selectors import current_release, current_rows
    from archive.storage import digest_file, file_path

    roots = [tmp_path / name for name in ("files", "maps", "quarantine")]
    settings.FILES_ROOT, settings.MAPS_ROOT, settings.QUARANTINE_ROOT = roots
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "DJANGO_SETTINGS_MODULE": "tests.support.settings",
        "PYTHONWARNINGS": "ignore",
    }

    def run(folder: Path, last: int):
        command = [
            sys.executable,
            "-c",
            CHILD,
            connection.settings_dict["NAME"],
            *map(str, roots),
            str(folder),
            str(last),
        ]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    first = run(deliver(tmp_path / "d0", delivery_id="d-0"), -1)
    assert first.returncode == 0, first.stderr
    steps, state = first.stdout.split()
    assert state == "VERIFIED"
    stride = int(os.environ.get("ARCHIPELAGO_TEST_KILL_STRIDE", max(1, int(steps) // 8)))
    rows, kills, shots = 5, 0, 0
    for number, last in enumerate(range(1, int(steps) + 1, stride), start=1):
        before = current_release().number
        rows += 1
        folder = deliver(tmp_path / f"d{number}", rows=rows, delivery_id=f"d-{number}")
        killed = run(folder, last)
        # A delivery like the others may take fewer steps than the first, which made tables warm: it then just ends.
        assert killed.returncode in {-9, 0}, killed.stderr
        kills, shots = kills + (killed.returncode == -9), shots + 1
        release = current_release()
        assert release.number in {before, before + 1}, f"killed at step {last}"
        (product,) = current_rows(Product)
        old_rows = rows - 1
        assert product.sample_count == (rows if release.number > before else old_rows), f"killed at step {last}"
        for file in current_rows(ProductFile):
            assert digest_file(file_path(file.sha256)).sha256 == file.sha256, f"killed at step {last}"
        verify_log()
        resumed = run(folder, -1)
        assert resumed.returncode == 0, f"killed at step {last}: {resumed.stderr}"
        assert Submission.objects.get(delivery_id=f"d-{number}").state == "VERIFIED"
        assert current_release().number == before + 1
        (product,) = current_rows(Product)
        assert product.sample_count == rows
        verify_log()
    assert kills >= shots - max(1, shots // 10), (
        "only the last steps of the first delivery may be missing in later ones"
    )
    print(f"{kills} kills at {shots} of {steps} steps")
