"""What pip installs: every file that the code reads, and a validator that needs no archive."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest

PACKAGES = ("archive", "hips", "ingestion", "upper_limits", "vo")


def test_every_file_beside_the_code_goes_into_the_package(checkout):
    configuration = tomllib.loads((checkout / "pyproject.toml").read_text())
    endings = {PurePosixPath(p).suffix for p in configuration["tool"]["setuptools"]["package-data"]["*"]}
    vendor = checkout / "archive" / "static" / "vendor"  # what the launcher fetches
    found = {
        path.suffix
        for package in PACKAGES
        for path in (checkout / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and vendor not in path.parents
    }
    assert found - {".py", ".po"} <= endings  # of translations the compiled form is read


@pytest.mark.slow
def test_a_team_validates_with_nothing_but_the_package(checkout, tmp_path):
    (tmp_path / "delivery").mkdir()
    (tmp_path / "delivery" / "notes.txt").write_text("nothing to publish\n")
    surroundings = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": str(checkout)}
    runs = [
        subprocess.run(
            [sys.executable, "-m", "archive.cli", "delivery", step, "delivery"],
            cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=60, check=False,
        )
        for step in ("init", "validate")
    ]  # fmt: skip
    assert (runs[0].returncode, runs[0].stderr) == (0, "")
    assert runs[1].returncode == 1  # the keys of delivery.yaml are still empty
    assert "delivery.yaml" in runs[1].stdout
    assert {path.name for path in Path(tmp_path).iterdir()} == {"delivery"}
