"""What every page shows: the current release and whether any of its data are simulated."""

from django.conf import settings
from django.http import HttpRequest

from archive.models import Delivery
from archive.selectors import current_release
from archive.website.basket import read_ids


def archive_context(request: HttpRequest) -> dict[str, object]:
    """Give templates `release`, `has_simulated`, `public_url`, `basket_count` and `signup_open`."""
    release = current_release()
    simulated = Delivery.objects.filter(simulated=True, release__number__lte=release.number) if release else None
    return {
        "release": release,
        "has_simulated": bool(simulated and simulated.exists()),
        "public_url": settings.PUBLIC_URL,
        "basket_count": len(read_ids(request)),
        "signup_open": settings.SIGNUP_OPEN,
    }
