"""Stop what runs on this data directory."""

import os
import signal
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from archive.errors import BusyError
from archive.postgres.base import cluster_root
from archive.postgres.supervisor import stop
from archive.processes import STOP_PATIENCE_S, read_server


class Command(BaseCommand):
    """Door to `archive.processes` and the database's supervisor."""

    help = "Stop the web server, the workers and the embedded database of this data directory."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - the stubs say str

    def handle(self, *args: object, **options: object) -> None:
        """End the serving process, then the database where a crash has left it running."""
        server = read_server(settings.DATA_ROOT)
        if server:
            os.kill(int(server["pid"]), signal.SIGTERM)
            deadline = time.monotonic() + STOP_PATIENCE_S + 10
            while read_server(settings.DATA_ROOT):
                if time.monotonic() > deadline:
                    raise BusyError(f"Process {server['pid']} does not stop: end it with kill -9 {server['pid']}.")
                time.sleep(0.1)
        database = not settings.DATABASE_URL and stop(cluster_root())
        self.stdout.write("Stopped." if server or database else "Nothing was running.")
