"""Command line of the upper limits: build the store, list its versions, verify them."""  # noqa: N999 - its name

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from archive.errors import ArchiveError, StorageError
from upper_limits.epoch_services import build_current_history, history_root, versions_to_verify
from upper_limits.history import open_history
from upper_limits.services import build_current_store
from upper_limits.store import list_stores, open_store
from upper_limits.validation_services import run_validation


class Command(BaseCommand):
    """Build and check the store behind the upper limits."""

    help = (
        "Build the upper-limit store from the current sky maps and the history of epochs from the current mosaics, "
        "list the versions, or verify every digest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("build", help="build the store of the current sky maps; does nothing when it is there")
        history = actions.add_parser("history", help="build the history of epochs; goes on where it was interrupted")
        history.add_argument(
            "--images", default="mosaic", choices=("mosaic", "scw_image"), help="what epochs are made of"
        )
        actions.add_parser("validate", help="simulate, compare the depth of the maps; exit code 1 when a check fails")
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
            case "history":
                history = build_current_history(
                    kind=str(options["images"]), report=lambda text: self.stdout.write(f"upper limits: {text}")
                )
                count = sum(len(one.epochs) for one in history.histories)
                self.stdout.write(f"history of epochs {history.name} is ready: {count} epochs")
                for note in history.notes:
                    self.stdout.write(f"note: {note}")
            case "validate":
                _, faults = run_validation(self.stdout.write)
                for fault in faults:
                    self.stdout.write(f"FAILED: {fault}")
                if faults:
                    raise StorageError(f"{len(faults)} checks of the validation failed")
                self.stdout.write("every check passed; the page /upper-limits/method shows the plots")
            case "list":
                for name in (*list_stores(settings.LIMITS_ROOT), *versions_to_verify()):
                    self.stdout.write(name)
            case _:
                self._verify()

    def _verify(self) -> None:
        damaged = 0
        versions = [(open_store, settings.LIMITS_ROOT, name) for name in list_stores(settings.LIMITS_ROOT)]
        versions += [(open_history, history_root(), name) for name in versions_to_verify()]
        for open_version, root, name in versions:
            try:
                open_version(root, name)
                self.stdout.write(f"{name}: whole")
            except ArchiveError as error:
                damaged += 1
                self.stdout.write(f"{name}: {error}")
        if damaged:
            raise StorageError(
                f"{damaged} versions of the store are damaged; run: archipelago upper-limits build, and history"
            )
