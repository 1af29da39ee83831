"""How often Python looks for garbage while a delivery is read."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (100_000, 50, 50)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for reference cycles a hundred times less often than Python does by itself.

    A delivery of a million rows makes a million objects that all stay; looking through them again and again takes 30 %
    of the time of `ingestion.pipeline.make_plan`. Cycles, which astropy makes around open files, still go.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
