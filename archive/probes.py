"""Whether each part of the archive works, tried now: the page of the state and VOSI availability say the same."""

import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from archive.errors import BusyError, NotFoundError, StorageError, UnavailableError
from archive.faults import explain
from archive.models import Job, ProductFile
from archive.selectors import current_map_version, current_release, current_rows
from archive.storage import file_path

logger = logging.getLogger(__name__)

QUERIES = gettext_noop("Queries (TAP)")
PROBES = {
    gettext_noop("Database"): "archive.probes.probe_database",
    gettext_noop("Release"): "archive.probes.probe_release",
    QUERIES: "vo.tap.executor.probe",
    gettext_noop("Sky maps"): "archive.probes.probe_maps",
    gettext_noop("Upper limits"): "upper_limits.services.probe",
    gettext_noop("Product files"): "archive.probes.probe_files",
    gettext_noop("Jobs"): "archive.probes.probe_jobs",
    gettext_noop("Disk"): "archive.probes.probe_disk",
}
"""Parts, and the function that tries each: it says what it found, or raises an error that says what is wrong."""

LONGEST_WAIT = timedelta(minutes=10)
"""A job that waits longer while none runs means that there is no worker."""

LEAST_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the archive and what its probe found."""

    name: str
    found: str
    good: bool


def probe_parts() -> list[Part]:
    """Try every part; one that fails keeps no other from being tried."""
    parts = []
    for name, path in PROBES.items():
        try:
            parts.append(Part(name, import_string(path)(), good=True))
        except DatabaseError as error:
            logger.warning("probe of %s: %s", name, error)
            parts.append(Part(name, "the database does not answer", good=False))
        except Exception as error:  # noqa: BLE001 - a probe is there to find what nobody foresaw
            parts.append(Part(name, str(explain(error)), good=False))
    return parts


def probe_database() -> str:
    """Ask the server for its version."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return f"PostgreSQL {connection.pg_version // 10_000} answers"


def probe_release() -> str:
    """Name the release that is served."""
    release = current_release()
    if release is None:
        raise NotFoundError("none published yet")
    return f"{release.name}, published {release.published_at:%Y-%m-%d}"


def probe_maps() -> str:
    """Open the sky maps of the current release."""
    version = current_map_version()
    if version is None:
        raise NotFoundError("this release has none")
    return f"{len(version.maps)} maps, version {version.name}"


def probe_files() -> str:
    """Look for the file that came last."""
    rows = current_rows(ProductFile)
    newest = rows.order_by("-id").only("sha256", "file_name", "size_bytes").first()
    if newest is None:
        return "none in this release"
    path = file_path(newest.sha256)
    if not path.is_file() or path.stat().st_size != newest.size_bytes:
        raise StorageError(f"the file {newest.file_name} that came last is not in the store as it was delivered")
    return f"the newest is in the store: {newest.file_name}"


def probe_jobs() -> str:
    """Count the jobs that wait and run.

    Raises
    ------
    BusyError
        If jobs wait and no worker takes them.
    """
    waiting = Job.objects.filter(phase=Job.Phase.QUEUED)
    running = Job.objects.filter(phase=Job.Phase.EXECUTING).count()
    oldest = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    text = f"{waiting.count()} waiting, {running} running"
    if oldest is not None and not running and datetime.now(UTC) - oldest > LONGEST_WAIT:
        raise BusyError(f"{text}; the oldest since {oldest:%Y-%m-%d %H:%M} UTC: no worker takes them")
    return text


def probe_disk() -> str:
    """Measure the room that is left for deliveries, results and jobs."""
    free = shutil.disk_usage(settings.DATA_ROOT).free
    if free < LEAST_FREE_BYTES:
        raise UnavailableError(f"{free / 1e9:.2f} GB free; deliveries and large results may be refused")
    return f"{free / 1e9:.0f} GB free"
