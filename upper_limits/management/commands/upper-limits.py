"""Command line of the upper limits: build the store, list its versions, verify them."""  # noqa: N999 - its name

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from archive.errors import ArchiveError, StorageError
from upper_limits.services import build_current_store
from upper_limits.store import list_stores, open_store


class Command(BaseCommand):
    """Build and check the store behind the upper limits."""

    help = "Build the upper-limit store from the current sky maps, list its versions, or verify every digest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("build", help="build the store of the current sky maps; does nothing when it is there")
        actions.add_parser("list", help="name the versions, newest first")
        actions.add_parser("verify", help="recompute every digest; exit code 1 when a version is damaged")

    def handle(self, *args: object, **options: object) -> None:
        """Run one subcommand."""
        match options["action"]:
            case "build":
                store = build_current_store(lambda text: self.stdout.write(f"upper limits: {text}"))
                bands = sum(len(totals.bands) for totals in store.totals)
                self.stdout.write(f"upper-limit store {store.name} is ready: {bands} bands")
                for note in store.notes:
                    self.stdout.write(f"note: {note}")
            case "list":
                for name in list_stores(settings.LIMITS_ROOT):
                    self.stdout.write(name)
            case _:
                self._verify()

    def _verify(self) -> None:
        damaged = 0
        for name in list_stores(settings.LIMITS_ROOT):
            try:
                open_store(settings.LIMITS_ROOT, name)
                self.stdout.write(f"{name}: whole")
            except ArchiveError as error:
                damaged += 1
                self.stdout.write(f"{name}: {error}")
        if damaged:
            raise StorageError(f"{damaged} versions of the store are damaged; run: archipelago upper-limits build")
