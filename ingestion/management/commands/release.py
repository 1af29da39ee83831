"""List, compare and roll back releases."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from archive.audit import record
from archive.models import Release
from archive.release_diff import ReleaseDifference, compare_releases
from archive.selectors import current_release, find_release
from archive.services import roll_back_to


class Command(BaseCommand):
    """Door to `archive.release_diff` and `archive.services.roll_back_to`."""

    help = "List the releases, compare two of them, or serve an earlier one again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="every release, newest first")
        diff = actions.add_parser("diff", help="what differs between two releases")
        diff.add_argument("before", help="name of a release")
        diff.add_argument("after", help="name of a release")
        diff.add_argument("--source", default="", metavar="SOURCE_ID", help="only the rows of this source")
        diff.add_argument("--rows", type=int, default=20, help="how many rows to list (default: 20)")
        diff.add_argument("--json", action="store_true", help="write JSON")
        rollback = actions.add_parser("rollback", help="serve a release again; nothing is lost, newer ones stay known")
        rollback.add_argument("name", help="name of the release")
        rollback.add_argument("--by", default="operator", help="who, for the audit log")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        current = current_release()
        for release in Release.objects.all():
            mark = "  (served now)" if release == current else ""
            self.stdout.write(
                f"{release.name}  {release.published_at:%Y-%m-%d %H:%M}  {release.description[:90]}{mark}"
            )
        if current is None:
            self.stdout.write("There is no release yet.")

    def _diff(self, options: dict[str, Any]) -> None:
        before, after = find_release(options["before"]), find_release(options["after"])
        found = compare_releases(before, after, source_id=options["source"], max_rows=options["rows"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), indent=1, default=str))
        else:
            self.stdout.write(describe_difference(found))

    def _rollback(self, options: dict[str, Any]) -> None:
        with transaction.atomic():  # the log says what happened, and only that
            release = roll_back_to(options["name"])
            record(actor=options["by"], action="rollback", subject=release.name)
        self.stdout.write(f"Release {release.name} is served.")


def describe_difference(found: ReleaseDifference) -> str:
    """Write a difference as text."""
    lines = [f"From {found.before or 'nothing'} to {found.after}:"]
    lines += [
        f"  {name}: {counts.new:,} new, {counts.gone:,} gone, {counts.changed:,} changed"
        for name, counts in found.tables.items()
    ]
    if found.maps:
        lines.append(f"  sky maps: version {found.maps[0] or 'none'} -> {found.maps[1] or 'none'}")
    if found.is_empty:
        lines.append("  nothing differs")
    for row in found.rows:
        named = ", ".join(f"{value}" for value in row.key.values() if value not in (None, ""))
        lines.append(f"{row.kind} {row.table}: {named}")
        lines += [f"    {column}: {before} -> {after}" for column, (before, after) in row.columns.items()]
    if found.is_cut:
        lines.append(f"The first {len(found.rows)} rows are listed; --rows lists more.")
    return "\n".join(lines)
