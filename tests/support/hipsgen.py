"""Hipsgen, the reference program for HiPS: its checker of what we wrote."""

import shutil
import subprocess
from pathlib import Path

import pytest

JAR = Path("/usr/share/java/aladin.jar")
needs_hipsgen = pytest.mark.skipif(
    not JAR.is_file() or shutil.which("java") is None, reason="Debian's package aladin is absent"
)


def run_hipsgen(*arguments: str, directory: Path, timeout_s: float = 200) -> str:
    """Run it without a screen and return what it says."""
    command = ["java", "-Djava.awt.headless=true", "-jar", str(JAR), "-hipsgen", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=directory)
    return run.stdout + run.stderr


def check_lint(directory: Path) -> None:
    """Pass where Hipsgen calls the HiPS fully compatible and warns of nothing."""
    report = run_hipsgen(f"out={directory}", "LINT", directory=directory.parent)
    assert "is fully IVOA HiPS 1.0 compatible" in report, report
    assert "WARN" not in report.upper(), report
    assert "ERROR" not in report.upper(), report
