"""Command line of the HiPS: list them, write one to files."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand

from hips import services
from hips.addresses import TILE_FORMATS
from hips.export import export_survey
from hips.surveys import find_surveys


class Command(BaseCommand):
    """List the HiPS of the archive and export them."""

    help = "List the HiPS of the published sky maps, or write one to files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="name the HiPS of a map version")
        export = actions.add_parser("export", help="write one HiPS to a directory; carries on after an interruption")
        export.add_argument("survey", help="name as in `archipelago hips list`")
        export.add_argument("directory", type=Path)
        export.add_argument("--format", choices=TILE_FORMATS, action="append", help="default: fits and png")
        for action in (listing, export):
            action.add_argument("--map-version", help="default: the current one")

    def handle(self, *args: object, **options: object) -> None:
        """Run one subcommand."""
        version = services.find_version(_text_or_none(options["map_version"]))
        if options["action"] == "list":
            for survey in find_surveys(version):
                self.stdout.write(f"{survey.survey_id:<40} {survey.title}")
            return
        opened = services.open_survey(version, str(options["survey"]))
        chosen = options["format"]
        formats = tuple(sorted(set(chosen))) if isinstance(chosen, list) else TILE_FORMATS
        start = time.monotonic()
        directory = Path(str(options["directory"]))
        done = export_survey(opened, directory, formats=formats, progress=self._show_progress)
        self.stdout.write(
            f"{opened.survey.survey_id} of map version {version.name}: {done.written} files written, "
            f"{done.unchanged} already there, {done.absent} tiles outside the observed sky, "
            f"{done.size_bytes / 1e6:.1f} MB in {time.monotonic() - start:.1f} s; in {directory}"
        )

    def _show_progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            self.stderr.write(f"\r{done} of {total} files", ending=end)


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
