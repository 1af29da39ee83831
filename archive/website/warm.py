"""Does in the background what the first visitor after a start, or of a new release, would wait for.

What pages show of a whole release (counts, the sums of the timeline, the map of the exposure) is made once and kept by
each web worker; addresses and templates are loaded once. A thread of the worker does both before anyone asks.
"""

import logging
import threading
import time
from datetime import datetime

from django.db import connections
from django.template.loader import get_template
from django.urls import resolve

from archive.selectors import current_release
from archive.website.pictures import coverage_png
from archive.website.timeline import read_orbits
from archive.website.views.home import mission_glance

LOOK_EVERY_S = 30.0
TEMPLATES = ("home", "sources", "source", "observations", "observation", "products", "product", "table", "timeline")

logger = logging.getLogger(__name__)
Stamp = tuple[int, datetime]


def start_keeping_warm() -> None:
    """Load all views, which the first request would import, and start the thread; it ends with the process.

    Views are loaded here and not in the thread: modules that two threads import at once may see each other half made.
    """
    resolve("/")
    threading.Thread(target=keep_warm, name="warm pages", daemon=True).start()


def keep_warm() -> None:
    """Look every `LOOK_EVERY_S` for a release whose pages have not been made; never return.

    The connection is closed after each look, so that none is held for it.
    """
    seen: Stamp | None = None
    while True:
        try:
            seen = warm_release(seen)
        except Exception:  # a page that cannot be made says so to who asks for it, and the thread goes on
            logger.info("the pages of the release could not be made in advance; visitors wait for them", exc_info=True)
        finally:
            connections.close_all()
        time.sleep(LOOK_EVERY_S)


def warm_release(seen: Stamp | None) -> Stamp | None:
    """Load the templates asked for most, and make what pages show of the whole of the current release.

    Nothing is made for the release `seen`; returns which it is now.
    """
    for name in TEMPLATES:
        get_template(f"archive/{name}.html")
    release = current_release()
    if release is None:
        return None
    stamp = (release.number, release.published_at)
    if stamp != seen:
        mission_glance(release.number)
        read_orbits()
        coverage_png(release.number)
    return stamp
