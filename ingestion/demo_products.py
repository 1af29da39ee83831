"""Real products on any machine: astroquery (BSD-3) ships downloads from ISLA as test data of its INTEGRAL module."""

import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath
from typing import IO

from django.conf import settings

from archive.errors import UnavailableError, UsageError
from ingestion.services import Report, run_ingestion

PACKAGE_FOLDER = "esa/integral/tests/data"
CONTAINERS = ("tar_gz_file.gz", "tar_file.tar", "zip_file.zip")
PROVENANCE_NAME = "provenance.json"
MAX_MEMBER_BYTES = 64 << 20
MAX_MEMBERS = 100


def ingest_demo_products(*, say: Callable[[str], None]) -> Report:
    """Extract the containers into a folder of their own below the data directory, once, and ingest it.

    Raises
    ------
    UnavailableError
        If the installed astroquery does not carry them.
    """
    target = settings.DATA_ROOT / "demo" / f"astroquery-{version('astroquery')}"
    if not target.exists():
        say(f"extracting products of the astroquery package to {target}")
        extract_demo_products(target)
    return run_ingestion(target, say=say)


def extract_demo_products(target: Path) -> None:
    """Write the products and where they came from to a folder that is new or empty; it is complete or not there.

    Raises
    ------
    UsageError
        If the folder holds something.
    UnavailableError
        If the installed astroquery does not carry the products.
    """
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty; name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".demo-", dir=target.parent))
    origin: dict[str, str] = {}
    release = version("astroquery")
    try:
        for container in CONTAINERS:
            resource = files("astroquery").joinpath(f"{PACKAGE_FOLDER}/{container}")
            if not resource.is_file():
                raise UnavailableError(f"astroquery {release} does not carry {container}; install the locked version")
            with as_file(resource) as path:
                for name, stream in _members(path):
                    _write(aside / name, stream)
                    origin[name] = f"astroquery {release}, {PACKAGE_FOLDER}/{container}"
        facts = {
            "origin": "downloads from ESA's INTEGRAL Science Legacy Archive (ISLA), shipped as test data of astroquery",
            "licence": "BSD-3-Clause (astroquery)",
            "files": origin,
        }
        (aside / PROVENANCE_NAME).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        aside.chmod(0o755)
        if target.exists():
            target.rmdir()
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the regular files of a tar or zip by bare name; folders, links and devices are passed over."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist()[:MAX_MEMBERS]:
                if not entry.is_dir():
                    with archive.open(entry) as stream:
                        yield PurePosixPath(entry.filename).name, stream
        return
    with tarfile.open(path) as archive:
        for member in archive.getmembers()[:MAX_MEMBERS]:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                yield PurePosixPath(member.name).name, stream


def _write(path: Path, stream: IO[bytes]) -> None:
    content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES or path.exists():
        raise UnavailableError(f"{path.name} in astroquery is too large or comes twice; install the locked version")
    path.write_bytes(content)
