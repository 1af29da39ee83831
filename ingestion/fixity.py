"""Fixity: hash every stored file again, and compare database and disk in both directions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import F, Q

from archive.audit import record
from archive.errors import ArchiveError
from archive.models import ProductFile, StoredFile
from archive.storage import digest_file, file_path, store_file

MAX_SAID = 100


@dataclass(slots=True)
class FixityReport:
    """What a sweep found; the lists hold the first `MAX_SAID` of each kind."""

    verified: int = 0
    bytes_read: int = 0
    damaged: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    without_file: list[str] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether every file that the archive serves is there and right; unknown files on disk do no harm."""
        return not self.damaged and not self.without_row and not self.without_file


def sweep(*, older_than_days: float, second_copy: Path | None, say: Callable[[str], None]) -> FixityReport:
    """Hash stored files, the longest unverified first, and mend what the second copy still has.

    Parameters
    ----------
    older_than_days
        Only files not verified since; 0 = all.
    second_copy
        Root of another store of the same layout, such as a backup; None = report only.
    """
    report = FixityReport()
    due = Q(verified_at=None) | Q(verified_at__lt=datetime.now(UTC) - timedelta(days=older_than_days))
    files = StoredFile.objects.filter(due | ~Q(damaged_at=None)).order_by(F("verified_at").asc(nulls_first=True))
    total = files.count()
    due_files = files.values_list("sha256", "size_bytes")
    for number, (sha256, size_bytes) in enumerate(due_files.iterator(), start=1):
        say(f"hashing {number}/{total}")
        _check_file(sha256, size_bytes, second_copy, report)
    known = set(StoredFile.objects.values_list("sha256", flat=True))
    missing = ProductFile.objects.exclude(sha256__in=StoredFile.objects.values("sha256"))
    report.without_row += [f"{file.product_id}/{file.file_name}" for file in missing[:MAX_SAID]]
    on_disk = set()
    for path in _files_of_store():
        on_disk.add(path.name)
        if path.name not in known and len(report.unknown) < MAX_SAID:
            report.unknown.append(path.relative_to(settings.FILES_ROOT).as_posix())
    listed = {*report.damaged, *report.repaired}
    report.without_file += sorted(known - on_disk - listed)[:MAX_SAID]
    record(
        actor="fixity",
        action="fixity sweep",
        subject=f"{report.verified} files",
        facts={"damaged": report.damaged, "repaired": report.repaired, "unknown": len(report.unknown)},
    )
    return report


def _check_file(sha256: str, size_bytes: int, second_copy: Path | None, report: FixityReport) -> None:
    now = datetime.now(UTC)
    row = StoredFile.objects.filter(sha256=sha256)
    if _is_right(file_path(sha256), sha256):
        row.update(verified_at=now, damaged_at=None)
        report.verified += 1
        report.bytes_read += size_bytes
    elif second_copy is not None and _is_right(second_copy / sha256[:2] / sha256, sha256):
        file_path(sha256).unlink(missing_ok=True)
        _ = store_file(second_copy / sha256[:2] / sha256)
        row.update(verified_at=now, damaged_at=None)
        report.repaired.append(sha256)
    else:
        row.filter(damaged_at=None).update(damaged_at=now)
        report.damaged.append(sha256)


def _is_right(path: Path, sha256: str) -> bool:
    try:
        return digest_file(path).sha256 == sha256
    except (OSError, ArchiveError):
        return False


def _files_of_store() -> Iterator[Path]:
    """Walk the store; half-written copies are named after no digest and count as unknown."""
    if settings.FILES_ROOT.is_dir():
        for folder in sorted(settings.FILES_ROOT.iterdir()):
            if folder.is_dir() and re.fullmatch(r"[0-9a-f]{2}", folder.name):
                yield from sorted(folder.iterdir())
            else:
                yield folder
