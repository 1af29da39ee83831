"""Positions of names: our own names first, then Sesame where the operator allows it."""

import logging
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from archive.errors import NotFoundError, UnavailableError, UsageError
from archive.selectors import resolve_name

logger = logging.getLogger(__name__)

RESOLVERS = {"ALL": "SNV", "SIMBAD": "S", "NED": "N", "VIZIER": "V"}
TIMEOUT_S = 3.0
MAX_REPLY_BYTES = 65_536
MAX_NAME_CHARACTERS = 120
_POSITION = re.compile(r"^%J\s+(\d{1,3}(?:\.\d+)?)\s+([+-]\d{1,2}(?:\.\d+)?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A name with its position (ICRS, deg) and who knew it; `source_id` is empty for names from outside."""

    name: str
    ra: float
    dec: float
    resolver: str
    source_id: str = ""


def find_place(name: str, resolver: str = "ALL") -> Place:
    """Find the position of a name.

    Raises
    ------
    NotFoundError
        If nobody knows it.
    UsageError
        If the resolver is not one of ISLA's, the name is empty or too long, or several of our sources share it.
    UnavailableError
        If we do not know it and Sesame does not answer.
    """
    if resolver.upper() not in RESOLVERS:
        raise UsageError(f"RESOLVER_TYPE {resolver[:40]!r} is not known; expected one of {', '.join(RESOLVERS)}")
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise UsageError(f"TARGET_NAME must be 1 to {MAX_NAME_CHARACTERS} printable characters")
    try:
        source = resolve_name(name)
    except NotFoundError:
        if not settings.SESAME_URL:
            raise
        return _ask_sesame(settings.SESAME_URL, " ".join(name.split()), RESOLVERS[resolver.upper()])
    return Place(source.name, source.ra, source.dec, "archive", source.source_id)


@lru_cache(maxsize=10_000)
def _ask_sesame(address: str, name: str, databases: str) -> Place:
    """Ask CDS's Sesame in its text form, whose ``%J`` line has the position; only hits are remembered."""
    url = f"{address.rstrip('/')}/-oI/{databases}?{urllib.parse.quote(name, safe='')}"
    try:
        # The operator's own setting, read at start-up; the name is quoted.
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:  # noqa: S310
            text = reply.read(MAX_REPLY_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        logger.warning("Sesame did not answer: %s", error)
        raise UnavailableError(f"{name!r} is not a name of this archive, and Sesame cannot be reached") from error
    match = _POSITION.search(text)
    if match is None or float(match[1]) >= 360.0 or abs(float(match[2])) > 90.0:
        raise NotFoundError(f"neither this archive nor Sesame knows {name!r}")
    return Place(name, float(match[1]), float(match[2]), "Sesame")
