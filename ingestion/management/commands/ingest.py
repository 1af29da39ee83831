"""Ingest a file, a delivery or a directory of files."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.progress import Progress
from ingestion.report import describe_report
from ingestion.services import files_beside, find_deliveries, run_ingestion


class Command(BaseCommand):
    """Door to `ingestion.services.run_ingestion`."""

    # They load every page and protocol, as much memory as a delivery of 100,000 files; `archipelago serve` runs them.
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - Django takes a list, its types do not
    help = "Read files, check them, and publish them as a new release; exit code 1 when they are refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the path and how to report."""
        parser.add_argument(
            "path", type=Path, help="a file, a directory with delivery.yaml, or any directory with files of known kinds"
        )
        parser.add_argument("--json", action="store_true", help="write the report as JSON, progress to standard error")
        parser.add_argument("--dry-run", action="store_true", help="check only; the archive is not changed")

    def handle(self, *args: object, **options: Any) -> None:
        """Run, report, and end with 1 when the delivery was refused."""
        path = options["path"]
        reports = []
        for delivery in find_deliveries(path):
            report = run_ingestion(delivery, dry_run=options["dry_run"], say=Progress(self.stderr).say)
            reports.append(report)
            if not options["json"]:
                self.stdout.write(describe_report(report, verbose=options["verbosity"] > 1))
        beside = files_beside(path)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {"reports": [report.as_json() for report in reports], "beside": beside}, indent=1, allow_nan=False
                )
            )
        elif beside:
            self.stdout.write(f"Left aside beside the deliveries: {', '.join(beside)}.")
        if any(report.is_error for report in reports):
            raise SystemExit(1)
