"""Make or remove the demonstration table of TAP."""  # noqa: N999 - its name

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from vo.tap.demo_table import MOST_ROWS, TABLE, make_demo_table, remove_demo_table


class Command(BaseCommand):
    """Door to `vo.tap.demo_table`."""

    help = "Make the demonstration table demo.sources (simulated sources, to measure TAP with), or remove it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        make = actions.add_parser("make", help="make the table and publish it")
        make.add_argument("--rows", type=int, default=MOST_ROWS, help=f"how many (default and most: {MOST_ROWS})")
        actions.add_parser("remove", help="remove the table; nothing else changes")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        if options["action"] == "make":
            make_demo_table(options["rows"])
            with connection.cursor() as cursor:  # outside the transaction, so that plans know the table
                cursor.execute(f"VACUUM ANALYZE {TABLE}")
            self.stdout.write(f"demo.sources is published with {options['rows']} simulated rows.")
        else:
            there = remove_demo_table()
            self.stdout.write("demo.sources is removed." if there else "There is no demonstration table.")
