"""Hipsgen's own checker on an export: the reference implementation has nothing to complain about."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hips import services
from hips.export import export_survey
from tests.integration.hips.conftest import write_maps

JAR = Path("/usr/share/java/aladin.jar")


@pytest.mark.skipif(not JAR.is_file() or shutil.which("java") is None, reason="Debian's package aladin is absent")
@pytest.mark.parametrize("order", [5, 7, 9])
@pytest.mark.parametrize("quantity", ["flux", "exposure"])
def test_hipsgen_lint_finds_nothing(maps, settings, tmp_path, order, quantity):
    version = write_maps(settings.MAPS_ROOT, f"lint-{order}", order=order, simulated=False)
    export_survey(services.open_survey(version, f"isgri-20-40-{quantity}"), tmp_path / "out")
    command = ["java", "-Djava.awt.headless=true", "-jar", str(JAR), "-hipsgen", f"out={tmp_path / 'out'}", "LINT"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
    report = run.stdout + run.stderr
    assert "is fully IVOA HiPS 1.0 compatible" in report, report
    assert "WARN" not in report.upper(), report
    assert "ERROR" not in report.upper(), report
