"""`archipelago simulate DIRECTORY`: write a simulated mission as deliveries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.errors import ArchiveError
from ingestion.simulation import SimulationOptions, write_mission


class Command(BaseCommand):
    """Write a simulated INTEGRAL mission as FITS deliveries, ready for `archipelago ingest`."""

    help = "Write a simulated INTEGRAL mission (observation log, catalogues, products, sky maps) as FITS deliveries."
    requires_system_checks: Sequence[str] | str = ()  # pyright: ignore[reportIncompatibleVariableOverride]
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options; their ranges are checked by `SimulationOptions`."""
        usual = SimulationOptions()
        parser.add_argument(
            "directory", type=Path, help="folder to write to; new, empty, or an earlier simulated mission"
        )
        parser.add_argument(
            "--science-windows",
            type=int,
            default=usual.science_windows,
            metavar="N",
            help=f"pointings and slews together (default {usual.science_windows}; the full mission has 200000)",
        )
        parser.add_argument(
            "--order",
            type=int,
            default=usual.order,
            metavar="K",
            help=f"HEALPix order of the sky maps (default {usual.order}; 10 is nside 1024)",
        )
        parser.add_argument("--seed", type=int, default=usual.seed, help=f"seed of all chance (default {usual.seed})")
        parser.add_argument(
            "--products",
            type=int,
            default=usual.products,
            metavar="N",
            help=f"sources with light curves and spectra, brightest first (default {usual.products})",
        )
        parser.add_argument(
            "--no-year-maps", dest="year_maps", action="store_false", help="leave out the sky maps of single years"
        )

    def handle(self, **options: Any) -> None:
        """Write the mission; every failure is one sentence."""
        try:
            wanted = SimulationOptions(
                science_windows=options["science_windows"],
                order=options["order"],
                seed=options["seed"],
                products=options["products"],
                year_maps=options["year_maps"],
            )
            written = write_mission(options["directory"], wanted, self._say)
        except ArchiveError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            where = error.filename or options["directory"]
            raise CommandError(
                f"the simulated mission could not be written: {where}: {error.strerror or error}"
            ) from error
        if written:
            self.stdout.write(f"Simulated mission written to {options['directory']} (all of it is labelled simulated).")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
