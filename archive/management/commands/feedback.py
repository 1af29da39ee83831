"""Read what visitors wrote."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from archive.errors import NotFoundError
from archive.models import Feedback


class Command(BaseCommand):
    """Door to the table of feedback."""

    help = "Show what visitors wrote, newest first, and mark it as done."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--all", action="store_true", help="also what is done")
        parser.add_argument("--done", type=int, metavar="NUMBER", help="mark one message as done")

    def handle(self, *args: object, **options: Any) -> None:
        """Show or mark."""
        if options["done"] is not None:
            if not Feedback.objects.filter(pk=options["done"]).update(done=True):
                raise NotFoundError(f"there is no message {options['done']}")
            self.stdout.write(f"Message {options['done']} is done.")
            return
        messages = Feedback.objects.all() if options["all"] else Feedback.objects.filter(done=False)
        for message in messages.iterator():
            self.stdout.write(
                f"{message.pk}  {message.written_at:%Y-%m-%d %H:%M}  release {message.release or '-'}  "
                f"page {message.page or '-'}  answer to {message.answer_to or '-'}\n    "
                + message.text.replace("\n", "\n    ")
            )
        if not messages.exists():
            self.stdout.write("Nothing to read.")
