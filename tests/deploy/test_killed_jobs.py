"""A short run of the kill test; the whole one is `./archipelago test kill`."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
def test_jobs_outlive_killed_processes():
    command = [sys.executable, "tests/deploy/kill_jobs.py", "--jobs", "10", "--kills", "2", "--rows", "20000"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 jobs" in done.stdout
    assert "0 left halfway; 0 wrong" in done.stdout
