"""Ingest the genuine ISLA products that the astroquery package carries as its own test data."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.demo_products import extract_demo_products, ingest_demo_products
from ingestion.progress import Progress
from ingestion.report import describe_report


class Command(BaseCommand):
    """Door to `ingestion.demo_products`."""

    help = "Load genuine ISLA products (Crab mosaic, SMC X-1 spectrum, 1A 1742-289 series) out of astroquery."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where to write them."""
        help_text = "write the files there and do not ingest them"
        parser.add_argument("directory", nargs="?", type=Path, help=help_text)

    def handle(self, *args: object, **options: Any) -> None:
        """Run and report."""
        if options["directory"] is not None:
            extract_demo_products(options["directory"])
            return
        report = ingest_demo_products(say=Progress(self.stderr).say)
        self.stdout.write(describe_report(report, verbose=options["verbosity"] > 1))
        if report.is_error:
            raise SystemExit(1)
