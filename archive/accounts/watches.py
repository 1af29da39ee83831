"""Watch lists: sources and circles on the sky whose owner wants to see what new releases bring."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.http import urlencode

from archive.changes import Change, changes_around, changes_of_source
from archive.errors import NotFoundError, UsageError
from archive.models import Watch
from archive.selectors import current_release, resolve_name
from archive.website.query import NameQuery, PositionQuery, parse_query

MOST_WATCHES = 100
MOST_RADIUS_DEG = 30.0


@dataclass(frozen=True, slots=True)
class WatchState:
    """A watch, the page it leads to, its public feed, and what is new in it."""

    watch: Watch
    page: str
    feed: str
    news: list[Change]


def add_watch(owner: AbstractUser, text: str, radius_deg: float) -> Watch:
    """Watch the source of this name, or the circle around this position; doing it twice is doing it once.

    Raises
    ------
    UsageError
        If the text is neither, the radius is not above 0 and at most 30 degrees, or the account has 100 watches.
    NotFoundError
        If no source has the name.
    """
    if Watch.objects.filter(owner=owner).count() >= MOST_WATCHES:
        raise UsageError(f"{owner} watches {MOST_WATCHES} things already; remove one first")
    release = current_release()
    seen = release.number if release else 0
    match parse_query(text):
        case NameQuery(name=name):
            source = resolve_name(name)
            watch, _ = Watch.objects.get_or_create(
                owner=owner, source_id=source.source_id, defaults={"label": source.name, "seen_release": seen}
            )
        case PositionQuery(ra=ra, dec=dec):
            if not 0.0 < radius_deg <= MOST_RADIUS_DEG:
                raise UsageError(f"radius {radius_deg:g} deg is not above 0 and at most {MOST_RADIUS_DEG:g}")
            label = f"{radius_deg:g} deg around {ra:.4f} {dec:+.4f}"
            watch, _ = Watch.objects.get_or_create(
                owner=owner, ra=ra, dec=dec, radius_deg=radius_deg, defaults={"label": label, "seen_release": seen}
            )
        case _:
            raise UsageError(f"{text[:80]!r} is neither the name of a source nor a position")
    return watch


def list_watches(owner: AbstractUser) -> list[WatchState]:
    """Every watch of an account with what releases brought since its owner last looked."""
    return [_describe(watch) for watch in Watch.objects.filter(owner=owner)]


def _describe(watch: Watch) -> WatchState:
    if watch.ra is None or watch.dec is None or watch.radius_deg is None:
        changes, page = changes_of_source(watch.source_id), reverse("source", args=[watch.source_id])
        feed = reverse("source-feed", args=[watch.source_id])
    else:
        changes = changes_around(watch.ra, watch.dec, watch.radius_deg)
        where = urlencode({"ra": watch.ra, "dec": watch.dec, "radius": watch.radius_deg})
        page = f"{reverse('search')}?{urlencode({'q': f'{watch.ra} {watch.dec:+}', 'radius': watch.radius_deg})}"
        feed = f"{reverse('region-feed')}?{where}"
    return WatchState(watch, page, feed, [c for c in changes if c.release.number > watch.seen_release])


def mark_seen(owner: AbstractUser) -> None:
    """Remember that an account has seen what there is up to the current release."""
    release = current_release()
    if release:
        Watch.objects.filter(owner=owner).update(seen_release=release.number)


def remove_watch(owner: AbstractUser, watch_id: int) -> None:
    """Stop watching.

    Raises
    ------
    NotFoundError
        If the account has no such watch.
    """
    if not Watch.objects.filter(owner=owner, pk=watch_id).delete()[0]:
        raise NotFoundError("you have no such watch; it may have been removed before")
