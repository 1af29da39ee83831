"""``migrate`` of Django between taking the published schemas down and making them anew.

Views depend on the columns of tables, so they stand aside while tables change. All of it is one transaction: readers
see the old schemas until the new ones are complete.
"""

from typing import Any

from django.conf import settings
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections, transaction

from archive.published import load_tables
from archive.published_sql import create_statements, drop_statements
from archive.services import sync_reference_rows


class Command(DjangoMigrate):
    """Apply migrations and publish the tables described in archive/tables."""

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 -- Django's signature
        """Drop the published schemas, migrate, create them."""
        connection = connections[options["database"]]
        with transaction.atomic(using=options["database"]):
            with connection.cursor() as cursor:
                # Two processes that start at once must not migrate at once; the lock ends with the transaction.
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [settings.LOCK_MIGRATE])
                for statement in drop_statements():
                    cursor.execute(statement)
            super().handle(*args, **options)
            if _to_the_newest(options):
                sync_reference_rows()
                publish_tables(options["database"])


def _to_the_newest(options: dict[str, Any]) -> bool:
    return not options.get("app_label") and not options.get("plan") and not options.get("check_unapplied")


def publish_tables(database: str) -> None:
    """Make the published schemas, TAP_SCHEMA and the grants of the read-only role."""
    constants = {"public_url": settings.PUBLIC_URL, "ivo_authority": settings.IVO_AUTHORITY}
    with connections[database].cursor() as cursor:
        for statement in create_statements(load_tables(), role=settings.TAP_ROLE, constants=constants):
            cursor.execute(statement)
