"""Command line of the HiPS: list them, write one to files."""

from __future__ import annotations

import dataclasses
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.core.management.base import BaseCommand

from archive.errors import UnavailableError
from hips import services
from hips.addresses import TILE_FORMATS
from hips.colour import find_colours, is_colour, open_colour
from hips.export import Source, export_source, export_zip, source_of_catalogue, source_of_colour, source_of_survey
from hips.surveys import find_surveys


class Command(BaseCommand):
    """List the HiPS of the archive and export them."""

    help = "List the HiPS of the published sky maps, write one to files, or build some from other maps and images."
    # The checks load every page of the website, which takes longer than the export of a map.
    requires_system_checks = ()  # pyright: ignore[reportAssignmentType] - the stubs only know its default

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="name the HiPS of a map version")
        export = actions.add_parser(
            "export", help="write one HiPS to a directory, carrying on after an interruption, or to one zip file"
        )
        export.add_argument("survey", help="name as in `archipelago hips list`")
        export.add_argument("directory", type=Path, help="a directory, or a name that ends in .zip")
        export.add_argument(
            "--format", choices=(*TILE_FORMATS, "jpg"), action="append", help="of a map; default: fits and png"
        )
        build = actions.add_parser(
            "build", help="make HiPS from HEALPix maps or images with a WCS; carries on likewise"
        )
        build.add_argument("directory", type=Path)
        build.add_argument("files", type=Path, nargs="+", help="one HEALPix map, or any number of images")
        build.add_argument("--name", required=True, help="first part of the names of the HiPS")
        build.add_argument("--quantity", choices=("flux", "significance", "exposure"), default="")
        build.add_argument("--order", type=int, choices=range(3, 14), metavar="ORDER", help="HEALPix order, 3 to 13")
        build.add_argument("--column", help="column of a HEALPix map")
        build.add_argument("--instrument", default="")
        build.add_argument("--energy", type=float, nargs=2, metavar=("LOW", "HIGH"), help="keV")
        build.add_argument("--time", type=float, nargs=2, metavar=("START", "STOP"), help="MJD (TT)")
        build.add_argument("--unit")
        build.add_argument("--title", default="")
        build.add_argument("--simulated", action="store_true", help="say so wherever the HiPS is seen")
        build.add_argument("--average", action="store_true", help="plain mean where images without variance overlap")
        build.add_argument(
            "--keep-first", action="store_true", help="add nothing: where images overlap, show the one named first"
        )
        build.add_argument(
            "--jobs", type=int, choices=range(1, 769), metavar="N",
            help="divide the sky into N jobs for the workers of all hosts, which must share the directories",
        )  # fmt: skip
        for action in (listing, export):
            action.add_argument("--map-version", help="default: the current one")

    def handle(self, *args: object, **options: Any) -> None:
        """Run one subcommand; `archive.cli` leaves it to us whether the models are loaded."""
        if options.get("jobs") or (options["action"] != "build" and options["map_version"] is None):
            load_models()
        if options["action"] == "build":
            self._build(options)
            return
        if options["action"] == "list":
            self._list(options)
            return
        source = self._find_source(options)
        start = time.monotonic()
        target = Path(str(options["directory"]))
        write = export_zip if target.suffix == ".zip" else export_source
        done = write(source, target, progress=self._show_progress)
        self.stdout.write(
            f"{source.survey_id}: {done.written} files written, {done.unchanged} already there, {done.absent} tiles "
            f"outside the observed sky, {done.size_bytes / 1e6:.1f} MB in {time.monotonic() - start:.1f} s; in {target}"
        )

    def _list(self, options: dict[str, Any]) -> None:
        named, shown = _text_or_none(options["map_version"]), []
        if named is None:
            from hips.catalogues import list_catalogues  # noqa: PLC0415 - needs the models

            shown = [(opened.facts.survey_id, opened.facts.title) for opened in list_catalogues()]
        try:
            version = services.find_version(named)
            surveys = [*find_surveys(version), *find_colours(version)]
        except UnavailableError:
            if not shown:
                raise
            surveys = []
        for survey_id, title in [*((survey.survey_id, survey.title) for survey in surveys), *shown]:
            self.stdout.write(f"{survey_id:<40} {title}")

    def _find_source(self, options: dict[str, Any]) -> Source:
        name, chosen, named = str(options["survey"]), options["format"], _text_or_none(options["map_version"])
        if named is None:
            from hips.catalogues import RANKINGS, open_catalogue  # noqa: PLC0415 - needs the models

            if name in RANKINGS:
                return source_of_catalogue(open_catalogue(name))
        formats = tuple(sorted(set(chosen))) if isinstance(chosen, list) else TILE_FORMATS
        version = services.find_version(named)
        if is_colour(name):
            return source_of_colour(open_colour(version, name))
        return source_of_survey(services.open_survey(version, name), formats)

    def _build(self, options: dict[str, Any]) -> None:
        from hips.build import Wish, build_hips  # noqa: PLC0415 - astropy, which the other subcommands do without

        start = time.monotonic()
        energy, span = options["energy"], options["time"]
        wish = Wish(
            name=options["name"], quantity=options["quantity"], order=options["order"], column=options["column"],
            instrument=options["instrument"], energy_kev=tuple(energy) if energy else None,
            span_mjd_tt=tuple(span) if span else None, unit=options["unit"], title=options["title"],
            simulated=options["simulated"], average=options["average"],
            keep_first=options["keep_first"],
        )  # fmt: skip
        if options["jobs"]:
            self._submit(options["files"], options["directory"], wish, options["jobs"])
            return
        done = build_hips(options["files"], options["directory"], wish, report=self.stdout.write)
        self.stdout.write(f"{len(done)} HiPS in {options['directory']} in {time.monotonic() - start:.1f} s")

    def _submit(self, files: list[Path], directory: Path, wish: Any, parts: int) -> None:
        """Write one job for each part of the sky and tell the workers: a Celery group whose truth is the job table."""
        # Celery and the database, whose loading takes longer than the export of a map.
        from django.db import transaction  # noqa: PLC0415

        from archive.jobs import submit_job  # noqa: PLC0415
        from archive.tasks import nudge  # noqa: PLC0415

        arguments = {
            "files": [str(path.resolve()) for path in files], "directory": str(directory.resolve()),
            "wish": dataclasses.asdict(wish), "parts": parts,
        }  # fmt: skip
        with transaction.atomic():
            jobs = [submit_job(kind="hips_build", arguments=arguments | {"part": part}) for part in range(parts)]
        for _ in jobs:
            nudge()
        self.stdout.write(f"{parts} jobs wait for the workers; the last one exports the HiPS to {directory}.")
        for job in jobs:
            self.stdout.write(str(job.job_id))

    def _show_progress(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            self.stderr.write(f"\r{done} of {total} files", ending=end)


def load_models() -> None:
    """Load Django's models, which takes as long as the export of a map, unless they are."""
    if not apps.ready:
        django.setup()


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
