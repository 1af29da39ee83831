"""API tokens: made once, shown once, known afterwards by their SHA-256 only."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from archive.errors import UsageError
from archive.models import ApiToken

PREFIX = "arc_"
"""What a token begins with, so that people and secret scanners know one when they see it."""

MOST_TOKENS = 20
LONGEST_LIFETIME_D = 366
LAST_USED_STEP = timedelta(minutes=10)
"""`last_used_at` is written at most this often: a busy client must not write a row for every request."""


def create_token(owner: AbstractUser, *, label: str, lifetime_d: int) -> tuple[str, ApiToken]:
    """Make a token of 256 random bits.

    Parameters
    ----------
    owner
        The account that the token acts for.
    label
        What the owner calls it, at most 80 characters.
    lifetime_d
        Days until it expires, 1 to 366.

    Returns
    -------
    tuple of str and ApiToken
        The token itself, which is not kept, and its row.

    Raises
    ------
    UsageError
        If the label or the lifetime is not as said, or the account has 20 tokens already.
    """
    label = label.strip()
    if not label or len(label) > 80:
        raise UsageError(f"a token needs a label of 1 to 80 characters; this one has {len(label)}")
    if not 1 <= lifetime_d <= LONGEST_LIFETIME_D:
        raise UsageError(f"a token lives 1 to {LONGEST_LIFETIME_D} days, not {lifetime_d}")
    if ApiToken.objects.filter(owner=owner).count() >= MOST_TOKENS:
        raise UsageError(f"{owner} has {MOST_TOKENS} tokens already; revoke one that is not needed")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        owner=owner,
        label=label,
        digest_sha256=hash_token(token),
        expires_at=timezone.now() + timedelta(days=lifetime_d),
    )
    return token, row


def hash_token(token: str) -> str:
    """SHA-256 of a token; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_owner(token: str) -> AbstractUser | None:
    """Return the active account that a token acts for, or None if there is none or the token expired."""
    now = timezone.now()
    row = (
        ApiToken.objects.select_related("owner")
        .filter(digest_sha256=hash_token(token), expires_at__gt=now, owner__is_active=True)
        .first()
    )
    if row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.owner
