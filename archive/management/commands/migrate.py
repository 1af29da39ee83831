"""``migrate`` of Django between taking the published schemas down and making them anew.

Views depend on the columns of tables, so they stand aside while tables change. All of it is one transaction: readers
see the old schemas until the new ones are complete.
"""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import transaction

from archive.services import drop_published_tables, lock_migration, publish_tables, sync_reference_rows


class Command(DjangoMigrate):
    """Apply migrations and publish the tables described in archive/tables."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Drop the published schemas, migrate, create them."""
        partial = options.get("app_label") or options.get("plan") or options.get("check_unapplied")
        with transaction.atomic():
            lock_migration()
            drop_published_tables()
            super().handle(*args, **options)
            if not partial:
                sync_reference_rows()
                publish_tables()
