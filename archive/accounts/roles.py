"""Who may do what: an archive scientist, a member of a team, or anyone with an account.

Roles are Django groups, so there is one place where they are kept: ``archive`` for archive scientists and
``team <NAME>`` for the members of a team, the name as it stands in ``delivery.yaml``.
"""

from django.contrib.auth.models import AbstractUser, AnonymousUser, Group

ARCHIVE_GROUP = "archive"
TEAM_PREFIX = "team "

Visitor = AbstractUser | AnonymousUser


def is_archive_scientist(user: Visitor) -> bool:
    """Tell whether an account may sign for the archive."""
    return user.is_authenticated and user.groups.filter(name=ARCHIVE_GROUP).exists()


def list_teams(user: Visitor) -> tuple[str, ...]:
    """Return the names of the teams that an account may sign for, sorted."""
    if not user.is_authenticated:
        return ()
    names = user.groups.filter(name__startswith=TEAM_PREFIX).order_by("name").values_list("name", flat=True)
    return tuple(name.removeprefix(TEAM_PREFIX) for name in names)


def set_roles(user: AbstractUser, *, archive: bool, teams: tuple[str, ...]) -> None:
    """Give an account these roles and no others."""
    names = [*([ARCHIVE_GROUP] if archive else []), *(f"{TEAM_PREFIX}{team}" for team in teams)]
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in names])
