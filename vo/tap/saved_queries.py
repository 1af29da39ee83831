"""Queries that an account saves: reads and writes."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db import transaction

from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.models import SavedQuery
from archive.selectors import current_release

MOST_QUERIES = 500
MOST_CHARACTERS = 100_000
MOST_TITLE = 120


def list_queries(owner: AbstractUser) -> list[SavedQuery]:
    """Return the saved queries of an account, newest first."""
    return list(SavedQuery.objects.filter(owner=owner))


@transaction.atomic
def save_query(owner: AbstractUser, title: str, query: str) -> SavedQuery:
    """Save a query; the same text under the same title is saved once.

    Raises
    ------
    UsageError
        If it has no title or no text, or one of them is not fit to be shown.
    TooLargeError
        If the text is too long, or the account has too many.
    """
    title, text = " ".join(title.split()), query.strip().replace("\r\n", "\n")
    if not title or len(title) > MOST_TITLE or not title.isprintable():
        raise UsageError(f"a saved query needs a title of 1 to {MOST_TITLE} printable characters")
    if not text or "\0" in text:
        raise UsageError("there is no query to save: write one first")
    if len(text) > MOST_CHARACTERS:
        raise TooLargeError(f"the query has {len(text)} characters; {MOST_CHARACTERS} can be saved")
    # One writer for each account, so that the quota holds.
    get_user_model().objects.select_for_update().get(pk=owner.pk)
    same = SavedQuery.objects.filter(owner=owner, title=title, query=text).first()
    if same is not None:
        return same
    if SavedQuery.objects.filter(owner=owner).count() >= MOST_QUERIES:
        raise TooLargeError(f"{owner} has {MOST_QUERIES} saved queries already; remove one that is not needed")
    release = current_release()
    return SavedQuery.objects.create(
        owner=owner, key=secrets.token_hex(8), title=title, query=text, release=release.name if release else ""
    )


def find_query(key: str) -> SavedQuery:
    """Return a saved query by the key in its address; whoever has the address may read it.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = SavedQuery.objects.filter(key=key[:24]).first()
    if found is None:
        raise NotFoundError("There is no saved query at this address; its owner may have removed it.")
    return found


def remove_query(owner: AbstractUser, key: str) -> None:
    """Remove one's own saved query.

    Raises
    ------
    NotFoundError
        If the account has none with the key.
    """
    removed, _ = SavedQuery.objects.filter(owner=owner, key=key[:24]).delete()
    if not removed:
        raise NotFoundError("you have no such query; it may have been removed before")
