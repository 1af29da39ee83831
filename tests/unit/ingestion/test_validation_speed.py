"""Many small files through every rule; `BENCHMARK_FILES=100000 pytest -m benchmark -s` on this file measures it."""

import os
import subprocess
import sys

import pytest
import yaml

from tests.support.deliveries import LABEL, seal
from tests.support.fits_files import series_hdu, write

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]
FILES = int(os.environ.get("BENCHMARK_FILES", "1000"))
CHILD = """
import resource, sys, time
from pathlib import Path
from ingestion.validator import validate_delivery
began = time.process_time()
report = validate_delivery(Path(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(report.verdict, len(report.files), time.process_time() - began, used.ru_maxrss)
"""


def test_small_files_are_validated(tmp_path, checkout):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        write(folder / f"lc_{number:06d}.fits", series_hdu(rows=50, NAME=f"Source {number}"))
    (folder / "delivery.yaml").write_text(yaml.safe_dump(LABEL))
    seal(folder)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    said = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    seconds, peak = float(said[2]), int(said[3]) / 1024
    print(
        f"\n{FILES} files, {said[0]}: {FILES / seconds:.0f} files per CPU s, {seconds:.1f} CPU s, peak {peak:.0f} MiB"
    )
    assert int(said[1]) >= FILES
    assert FILES / seconds >= 50
