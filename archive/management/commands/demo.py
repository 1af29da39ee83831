"""From nothing to a running archive with content."""

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from archive.assets import install_assets
from archive.demo import SIZES, Part, load_part, missing_parts
from archive.errors import ArchiveError
from archive.management.commands.serve import add_server_options, find_address, migrate, run_step, serve, use_address
from archive.processes import check_port, only_one


class Command(BaseCommand):
    """Door to `archive.demo` and `archive.processes`."""

    help = "Fill the archive with demonstration data (real where there is some, else marked as simulated) and run it."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - the stubs say str

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the size of the simulated mission, and what `serve` takes."""
        add_server_options(parser)
        sizes = ", ".join(f"{name} = {values['science_windows']} science windows" for name, values in SIZES.items())
        parser.add_argument("--size", default="small", choices=list(SIZES), help=f"of the simulated mission: {sizes}")
        parser.add_argument("--no-serve", action="store_true", help="fill the archive and stop")

    def handle(self, *args: object, **options: Any) -> None:
        """Do what is missing, then run."""
        begin = time.monotonic()
        with only_one(settings.DATA_ROOT, address=find_address(options["host"], options["port"])):
            if not options["no_serve"]:
                check_port(options["host"], options["port"])
                use_address(options["host"], options["port"])
            run_step(self.say, "JavaScript of the pages", lambda: install_assets(self.say))
            run_step(self.say, "database", connection.ensure_connection)
            run_step(self.say, "tables and views", migrate)
            parts = missing_parts(options["size"])
            for part in parts:
                self._load(part)
            if parts:
                run_step(self.say, "history of upper limits", lambda: call_command("upper-limits", "history"))
            self.say(f"Ready after {time.monotonic() - begin:.1f} s.")
            if not options["no_serve"]:
                serve(options, self.say, log_to_files=True)

    def _load(self, part: Part) -> None:
        try:
            run_step(self.say, part.title, lambda: load_part(part))
        except ArchiveError as error:  # the archive runs with what it has
            self.say(f"Not taken in: {error}")

    def say(self, text: str) -> None:
        """Write a line at once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()
