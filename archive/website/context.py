"""What every page shows: the current release and whether any of its data are simulated."""

from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from archive.models import Delivery
from archive.selectors import current_release
from archive.website.api_calls import api_call
from archive.website.basket import read_ids


def archive_context(request: HttpRequest) -> dict[str, object]:
    """Give templates `release`, `has_simulated`, `public_url`, `basket_count`, `api_call` and `signup_open`."""
    release = current_release()
    return {
        "release": release,
        "has_simulated": bool(release and _has_simulated(release.number, release.published_at)),
        "public_url": settings.PUBLIC_URL,
        "basket_count": len(read_ids(request)),
        "api_call": api_call(request),
        "signup_open": settings.SIGNUP_OPEN,
    }


@lru_cache(maxsize=16)
def _has_simulated(number: int, published_at: datetime) -> bool:
    """Say whether a release has simulated data; a release never changes, so one look is enough."""
    del published_at
    return Delivery.objects.filter(simulated=True, release__number__lte=number).exists()
