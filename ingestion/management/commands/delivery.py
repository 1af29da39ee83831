"""Prepare, check and hand in deliveries."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.prepare import pack_delivery, write_label
from ingestion.progress import Progress
from ingestion.report_page import describe_delivery, render_delivery
from ingestion.validator import validate_delivery


class Command(BaseCommand):
    """Door to `ingestion.prepare` and `ingestion.validator`."""

    help = "Prepare and check a delivery. init, validate and pack need no database and no network."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per step of a delivery."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        init = actions.add_parser("init", help="write a delivery.yaml for the files of a folder, to be filled in")
        init.add_argument("path", type=Path, help="the folder")
        validate = actions.add_parser("validate", help="check a delivery; exit code 1 when it would be refused")
        validate.add_argument("path", type=Path, help="a folder with delivery.yaml, or a bag")
        validate.add_argument("--format", choices=("text", "json", "html"), default="text", help="of the report")
        validate.add_argument("--output", type=Path, help="write the report there (default: standard output)")
        pack = actions.add_parser("pack", help="pack a folder with delivery.yaml as a BagIt 1.0 bag")
        pack.add_argument("path", type=Path, help="the folder")
        pack.add_argument("--output", type=Path, help="the bag (default: a folder named delivery_id beside it)")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        getattr(self, f"_{options['action']}")(options)

    def _init(self, options: dict[str, Any]) -> None:
        path, unknown = write_label(options["path"])
        self.stdout.write(f"Wrote {path}: fill in the empty keys, then run archipelago delivery validate.")
        if unknown:
            self.stdout.write(f"Of no known kind, to be removed or named by hand: {', '.join(unknown)}.")

    def _validate(self, options: dict[str, Any]) -> None:
        report = validate_delivery(options["path"], Progress(self.stderr).say)
        written = {
            "text": lambda: describe_delivery(report) + "\n",
            "json": lambda: json.dumps(report.as_json(), indent=1, allow_nan=False) + "\n",
            "html": lambda: render_delivery(report),
        }[options["format"]]()
        if options["output"]:
            options["output"].write_text(written, "utf-8")
        else:
            self.stdout.write(written, ending="")
        if not report.is_valid:
            raise SystemExit(1)

    def _pack(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"Packed {pack_delivery(options['path'], options['output'])}.")
