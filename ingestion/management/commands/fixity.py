"""Hash the stored files again and compare database and disk."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.fixity import sweep
from ingestion.progress import Progress


class Command(BaseCommand):
    """Door to `ingestion.fixity.sweep`."""

    help = "Hash the stored files again; exit code 1 when something served is damaged, missing or unaccounted for."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which files to look at, and where a second copy is."""
        parser.add_argument(
            "--older-than", type=float, default=0.0, metavar="DAYS", help="only files not verified since (default: all)"
        )
        parser.add_argument(
            "--repair-from", type=Path, metavar="FILES", help="files/ of a backup: damaged files are mended from it"
        )

    def handle(self, *args: object, **options: Any) -> None:
        """Sweep and report."""
        began = time.monotonic()
        report = sweep(
            older_than_days=options["older_than"],
            second_copy=options["repair_from"],
            say=Progress(self.stderr).say,
        )
        seconds = time.monotonic() - began
        rate = report.bytes_read / 1e6 / max(seconds, 1e-9)
        self.stdout.write(f"{report.verified} files verified, {report.bytes_read / 1e6:.0f} MB, {rate:.0f} MB/s.")
        for title, names in (
            ("DAMAGED or missing", report.damaged),
            ("repaired from the second copy", report.repaired),
            ("in the database, not on disk", report.without_file),
            ("of a product, but not in the list of stored files", report.without_row),
            ("on disk, unknown to the database (left alone)", report.unknown),
        ):
            if names:
                self.stdout.write(f"{len(names)} {title}: {', '.join(names[:10])}")
        if not report.is_sound:
            raise SystemExit(1)
