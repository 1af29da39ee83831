"""Make accounts and give them roles; the first one, too: an archive has no default password."""

import getpass
import sys
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser

from archive.accounts.roles import is_archive_scientist, list_teams, set_roles
from archive.accounts.tokens import create_token
from archive.errors import NotFoundError, UsageError


class Command(BaseCommand):
    """Door to `archive.accounts`."""

    help = "Make accounts, set their passwords and roles, list and close them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add = actions.add_parser(
            "add", help="make an account; asks for its password (or reads a line of standard input)"
        )
        password = actions.add_parser("password", help="set a new password; ends the account's sessions")
        roles = actions.add_parser("roles", help="give an account exactly these roles")
        token = actions.add_parser("token", help="make an API token and print it")
        close = actions.add_parser("close", help="let nobody log in to it any more; what it did stays in the log")
        for action in (add, password, roles, token, close):
            action.add_argument("name", help="the account's user name")
        for action in (add, roles):
            action.add_argument("--archive", action="store_true", help="archive scientist: signs for the archive")
            action.add_argument("--team", action="append", default=[], help="may sign for this team; may be repeated")
        token.add_argument("--label", default="command line", help="what the account page calls it")
        token.add_argument("--days", type=int, default=90, help="until it expires (default: 90, most: 366)")
        actions.add_parser("list", help="list accounts and their roles")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        getattr(self, f"_{options['action']}")(options)

    def _add(self, options: dict[str, Any]) -> None:
        if User.objects.filter(username=options["name"]).exists():
            raise UsageError(f"there is an account {options['name']!r} already")
        user = User(username=options["name"])
        try:
            user.clean_fields(exclude=["password"])
        except ValidationError as error:
            raise UsageError(f"{options['name']!r} is no user name: {' '.join(error.messages)}") from error
        self._set_password(user)
        set_roles(user, archive=options["archive"], teams=tuple(options["team"]))
        self.stdout.write(f"Account {user} made.")

    def _password(self, options: dict[str, Any]) -> None:
        self._set_password(find_account(options["name"]))
        self.stdout.write("Password set; sessions that were open have ended.")

    def _set_password(self, user: User) -> None:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise UsageError(" ".join(error.messages)) from error
        user.set_password(password)
        user.save()

    def _roles(self, options: dict[str, Any]) -> None:
        user = find_account(options["name"])
        set_roles(user, archive=options["archive"], teams=tuple(options["team"]))
        self.stdout.write(describe_account(user))

    def _token(self, options: dict[str, Any]) -> None:
        token, _ = create_token(find_account(options["name"]), label=options["label"], lifetime_d=options["days"])
        self.stdout.write(token)

    def _close(self, options: dict[str, Any]) -> None:
        user = find_account(options["name"])
        user.is_active = False
        user.save(update_fields=["is_active"])
        self.stdout.write(f"Account {user} closed.")

    def _list(self, options: dict[str, Any]) -> None:
        for user in User.objects.order_by("username"):
            self.stdout.write(describe_account(user))
        if not User.objects.exists():
            self.stdout.write("There is no account yet; archipelago account add NAME makes one.")


def find_account(name: str) -> User:
    """Return the account of this user name.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    user = User.objects.filter(username=name).first()
    if user is None:
        raise NotFoundError(f"there is no account {name!r}; archipelago account list shows them")
    return user


def describe_account(user: User) -> str:
    """One line: name, roles, whether it is closed."""
    roles = [*(["archive scientist"] if is_archive_scientist(user) else []), *(f"team {t}" for t in list_teams(user))]
    closed = "" if user.is_active else "  closed"
    return f"{user.username:30}  {', '.join(roles) or 'no role'}{closed}"
