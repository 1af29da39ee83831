"""Run the archive: web server, job workers and scheduler."""

import os
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from archive.processes import Supervisor, await_answer, check_port, make_children, only_one

PAGES = {"website": "/", "TAP service": "/tap", "sky maps (HiPS list)": "/hips/list", "upper limits": "/upper-limits"}


def add_server_options(parser: CommandParser) -> None:
    """Add the options that `serve` and `demo` share."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8000, help="port of the web server (default: 8000)")
    parser.add_argument("--web-workers", type=int, default=1, help="web server processes of 16 threads (default: 1)")
    parser.add_argument(
        "--job-workers",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="jobs at the same time (default: one per core)",
    )


def run_step(say: Callable[[str], None], title: str, work: Callable[[], object]) -> None:
    """Do one step and say how long it took."""
    begin = time.monotonic()
    say(f"{title} ...")
    work()
    say(f"{title}: done in {time.monotonic() - begin:.1f} s")


def use_address(host: str, port: int) -> None:
    """Let the address of this server be the public one where none is set; views and pages then name it."""
    settings.PUBLIC_URL = os.environ.setdefault("ARCHIPELAGO_PUBLIC_URL", find_address(host, port))


def serve(options: dict[str, Any], say: Callable[[str], None], *, log_to_files: bool) -> None:
    """Run until a stop signal."""
    host, port = options["host"], options["port"]
    log_directory = settings.DATA_ROOT / "log" if log_to_files else None
    children = make_children(
        host=host,
        port=port,
        web_workers=options["web_workers"],
        job_workers=options["job_workers"],
        schedule=settings.DATA_ROOT / "schedule",
    )
    os.environ["CELERY_SKIP_CHECKS"] = "1"  # they cost each start two seconds, and ./archipelago test makes them
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise looks there
    supervisor = Supervisor(children, log_directory, say)
    connection.close()
    supervisor.run(lambda: _announce(supervisor, find_address(host, port), settings.PUBLIC_URL, say))
    say("Archipelago has stopped.")


def find_address(host: str, port: int) -> str:
    """Return the URL at which this machine reaches the server."""
    name = "127.0.0.1" if host in {"", "0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104 - compared
    return f"http://{name}:{port}"


def _announce(supervisor: Supervisor, local: str, public: str, say: Callable[[str], None]) -> None:
    await_answer(f"{local}/", supervisor)
    if supervisor.stopping:
        return
    for title, path in PAGES.items():
        say(f"  {title + ':':22} {public}{path}")
    say("Archipelago is running; Ctrl-C stops it.")


class Command(BaseCommand):
    """Door to `archive.processes`."""

    help = "Run the archive on the data that it has: web server, job workers, scheduler and, by default, the database."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - the stubs say str

    def add_arguments(self, parser: CommandParser) -> None:
        """Add host, port and numbers of workers."""
        add_server_options(parser)

    def handle(self, *args: object, **options: Any) -> None:
        """Check, migrate where needed, and run."""
        with only_one(settings.DATA_ROOT, address=find_address(options["host"], options["port"])):
            check_port(options["host"], options["port"])
            use_address(options["host"], options["port"])
            migrate()
            serve(options, self.say, log_to_files=False)

    def say(self, text: str) -> None:
        """Write a line at once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()


def migrate() -> None:
    """Bring the database's tables and published views up to date (0.2 s where they are)."""
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
