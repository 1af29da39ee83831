"""Small complete deliveries made in code, right unless told otherwise."""

import hashlib
from pathlib import Path

import pytest
import yaml

from tests.support.fits_files import series_hdu, write

LABEL = {
    "delivery_format": 1,
    "delivery_id": "test-1",
    "title": "Test",
    "team": "tests",
    "contact_role": "tester",
    "instruments": ["isgri"],
    "collection": "tests",
    "software": {"OSA": "11.2"},
    "calibration": {"IC": "1.0"},
    "simulated": False,
    "licence": "CC0-1.0",
    "files": [{"pattern": "*.fits", "profile": "time_series"}],
}


@pytest.fixture
def own_stores(settings, tmp_path_factory):
    """Files, maps and quarantine in folders of the test's own; at the archive's address nobody answers."""
    settings.FILES_ROOT = tmp_path_factory.mktemp("files")
    settings.MAPS_ROOT = tmp_path_factory.mktemp("maps")
    settings.QUARANTINE_ROOT = tmp_path_factory.mktemp("quarantine")
    settings.PUBLIC_URL = "http://127.0.0.1:9"


def deliver(folder: Path, *, rows: int = 5, **changes) -> Path:
    """Write a complete plain delivery with one series; `changes` go into the label."""
    folder.mkdir(exist_ok=True)
    write(folder / "a.fits", series_hdu(rows=rows))
    (folder / "delivery.yaml").write_text(yaml.safe_dump({**LABEL, **changes}))
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Write the list of checksums of a plain delivery."""
    paths = [path for path in sorted(folder.iterdir()) if path.name != "manifest-sha256.txt"]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    (folder / "manifest-sha256.txt").write_text("".join(lines))
