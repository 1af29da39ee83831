"""Atom feeds (RFC 4287): releases, and what they bring for one source or one circle on the sky."""

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from archive.changes import Change, changes_around, changes_of_source, served_releases
from archive.errors import NotFoundError, UsageError
from archive.models import Source
from archive.selectors import current_rows
from archive.website.request_values import read_cone

DEFAULT_RADIUS_DEG = 1.0


@require_safe
def releases(request: HttpRequest) -> HttpResponse:
    """Every release that is served, newest first."""
    changes = [(Change(release), release.description) for release in served_releases()]
    return _render(request, "Releases of the archive", reverse("releases"), changes)


@require_safe
def source(request: HttpRequest, source_id: str) -> HttpResponse:
    """What releases brought for one source."""
    found = current_rows(Source).filter(source_id=source_id).first()
    if found is None:
        raise NotFoundError(f"There is no source {source_id[:60]!r} in this archive.")
    changes = [(change, change.describe()) for change in changes_of_source(source_id)]
    return _render(request, f"{found.name} in the archive", reverse("source", args=[source_id]), changes)


@require_safe
def region(request: HttpRequest) -> HttpResponse:
    """What releases brought within a circle: `ra`, `dec`, `radius` in degrees, ICRS."""
    cone = read_cone(request.GET, DEFAULT_RADIUS_DEG)
    if cone is None:
        raise UsageError("a feed of a region needs ra and dec, and may have radius (degrees, ICRS).")
    title = f"The sky within {cone.radius_deg:g} deg of {cone.ra:.4f} {cone.dec:+.4f} in the archive"
    page = f"{reverse('search')}?{urlencode({'q': f'{cone.ra} {cone.dec:+}', 'radius': cone.radius_deg})}"
    changes = [(change, change.describe()) for change in changes_around(cone.ra, cone.dec, cone.radius_deg)]
    return _render(request, title, page, changes)


def _render(request: HttpRequest, title: str, page: str, changes: Iterable[tuple[Change, str]]) -> HttpResponse:
    """Write a feed; an entry is named by release and feed, so a reader never shows it twice."""
    address = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    feed = Atom1Feed(
        title=title,
        link=f"{settings.PUBLIC_URL}{page}",
        description=title,
        feed_url=address,
        feed_guid=address,
        language="en",
    )
    for change, text in changes:
        release = change.release
        feed.add_item(
            title=f"Release {release.name}",
            link=f"{settings.PUBLIC_URL}{reverse('release', args=[release.name])}",
            description=text,
            unique_id=f"{address}#{release.name}",
            pubdate=release.published_at,
            updateddate=release.published_at,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type=Atom1Feed.content_type)
