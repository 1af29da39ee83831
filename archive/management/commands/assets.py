"""Install the pages' third-party JavaScript."""

from django.core.management.base import BaseCommand

from archive.assets import VENDOR, install_assets


class Command(BaseCommand):
    """Door to `archive.assets`."""

    help = "Install the JavaScript that the pages load, from the locked npm packages."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - the stubs say str

    def handle(self, *args: object, **options: object) -> None:
        """Install what is missing."""
        done = install_assets(self.stdout.write)
        self.stdout.write(f"{VENDOR}: {'installed' if done else 'up to date'}")
