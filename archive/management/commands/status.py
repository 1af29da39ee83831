"""Say what runs and what the archive holds."""

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import Count

from archive.assets import is_installed
from archive.models.job import Job
from archive.models.release import CurrentRelease, Delivery
from archive.processes import read_server


class Command(BaseCommand):
    """Read only."""

    help = "Say what runs and what the archive holds."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - the stubs say str

    def handle(self, *args: object, **options: object) -> None:
        """Print one line per fact."""
        server = read_server(settings.DATA_ROOT)
        facts = {
            "data directory": settings.DATA_ROOT,
            "web server": f"{server['address']} (process {server['pid']})" if server else "not running",
            "assets": "installed" if is_installed() else "missing: run ./archipelago assets",
            "database": _describe_database(),
        }
        if "archive_currentrelease" in connection.introspection.table_names():
            current = CurrentRelease.objects.select_related("release").first()
            facts["release"] = str(current.release) if current else "none published yet: ./archipelago ingest or demo"
            facts["deliveries"] = Delivery.objects.count()
            phases = Job.objects.order_by().values_list("phase").annotate(Count("pk"))
            facts["jobs"] = ", ".join(f"{count} {phase}" for phase, count in phases) or "none"
        else:
            facts["release"] = "no tables yet: ./archipelago demo or migrate makes them"
        for name, value in facts.items():
            self.stdout.write(f"{name + ':':16} {value}")


def _describe_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version, size = cursor.fetchone() or ("?", "?")
    return f"PostgreSQL {version}, {'DATABASE_URL' if settings.DATABASE_URL else 'embedded'}, {size}"
