"""Show and verify the audit log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from archive.audit import verify_log
from archive.models import AuditEntry


class Command(BaseCommand):
    """Door to `archive.audit`."""

    help = "Show the audit log, or verify that nothing in it was changed; exit code 1 when it was."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        show = actions.add_parser("show", help="the newest entries")
        show.add_argument("--count", type=int, default=20, help="how many (default: 20)")
        verify = actions.add_parser("verify", help="recompute the whole chain")
        verify.add_argument("--head", default="", help="a head noted earlier, which must still be in the log")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        if options["action"] == "verify":
            length, head = verify_log(options["head"])
            self.stdout.write(f"{length} entries, each as it was written. Head, to be noted elsewhere: {head}")
            return
        for entry in AuditEntry.objects.order_by("-number")[: options["count"]]:
            self.stdout.write(f"{entry.number}  {entry.recorded_at}  {entry.actor}  {entry.action}  {entry.subject}")
