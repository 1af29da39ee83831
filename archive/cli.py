"""The command line: a door to Django's management commands where an error is one sentence, not a traceback."""

import errno
import os
import secrets
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from archive.errors import ArchiveError

# Commands, named like their app, that load Django's models when they need them: it takes as long as exporting a map.
LOADS_MODELS_ITSELF = frozenset({"hips"})

# What a team does on its own machine: no archive, hence no secret to keep for one.
LOCAL = frozenset({("delivery", "init"), ("delivery", "pack"), ("delivery", "validate")})


def run() -> int:
    """Run the command line of the program; the entry point of what pip installs."""
    return main(sys.argv[1:])


def main(arguments: Sequence[str]) -> int:
    """Run a management command and return the exit code; `--traceback` shows a developer where it failed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
    if tuple(arguments[:2]) in LOCAL:
        os.environ.setdefault("ARCHIPELAGO_SECRET_KEY", secrets.token_urlsafe())
    try:
        # Reading the settings can fail already, and only here is that told in one sentence.
        from django.conf import settings  # noqa: PLC0415
        from django.core.management import ManagementUtility, load_command_class  # noqa: PLC0415

        _ = settings.DATABASES
        if arguments and arguments[0] in LOADS_MODELS_ITSELF:
            load_command_class(arguments[0], arguments[0]).run_from_argv(["archipelago", *arguments])
        else:
            ManagementUtility(["archipelago", *arguments]).execute()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if "--traceback" in arguments:
            raise
        print(f"archipelago: {describe_failure(error)}", file=sys.stderr)
        return 1
    return 0


def describe_failure(error: Exception) -> str:
    """Say in one sentence what failed and what to do; an error that is not foreseen is written to a log.

    Examples
    --------
    >>> describe_failure(ArchiveError("No release is published yet: run ./archipelago ingest."))
    'No release is published yet: run ./archipelago ingest.'
    """
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.db.utils import DatabaseError, InterfaceError, OperationalError  # noqa: PLC0415

    if isinstance(error, ArchiveError | ImproperlyConfigured):
        return str(error)
    if isinstance(error, OperationalError | InterfaceError):
        return _describe_operational(error)
    if isinstance(error, DatabaseError) and getattr(error.__cause__, "sqlstate", None) == "42P01":
        return "The database has no tables yet: run ./archipelago migrate (./archipelago demo does it for you)."
    if isinstance(error, OSError) and error.errno in OS_SENTENCES:
        return OS_SENTENCES[error.errno].format(where=error.filename or "the data directory")
    return _log_bug(error)


OS_SENTENCES = {
    errno.ENOSPC: "No space is left on the disk of {where}: free some and run the command again; nothing is lost.",
    errno.EDQUOT: "The disk quota is used up at {where}: free some and run the command again; nothing is lost.",
    errno.EROFS: "{where} is on a disk that can only be read: choose another directory with ARCHIPELAGO_DATA.",
    errno.EACCES: "{where} may not be used by this user: change its owner or choose another with ARCHIPELAGO_DATA.",
    errno.EADDRINUSE: "The port is in use by another program: choose another one with --port.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n 4096) and run the command again.",
}


def _describe_operational(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error.__cause__, ArchiveError):  # the supervisor's own sentence
        return text
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state == "53100":  # disk_full
        return f"The database has no space left on its disk: free some and run the command again ({text})."
    if not state or state.startswith(("08", "28", "3D", "57P")):
        name = "The database of DATABASE_URL" if os.environ.get("DATABASE_URL") else "The embedded database"
        return f"{name} cannot be reached: {text}"
    return f"The database refused: {text}"


def _log_bug(error: Exception) -> str:
    directory = Path(os.environ.get("ARCHIPELAGO_DATA", "var")) / "log"
    path = directory / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError as problem:
        where = f"its log {path} could not be written: {problem.strerror}"
    else:
        where = f"the details are in {path}"
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return f"Internal error, a fault of Archipelago ({what}); {where}."


if __name__ == "__main__":
    sys.exit(run())
