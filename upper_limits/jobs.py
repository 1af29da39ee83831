"""What the job table may run of this package; see `settings.JOBS`."""

from upper_limits.epoch_services import build_current_history


def build_epochs(kind: str = "mosaic") -> dict[str, object]:
    """Build the history of epochs as a job; run again after an interruption it goes on where it was.

    Raises
    ------
    UsageError, UnavailableError
        If there is no such kind of image, or no image of it.
    """
    store = build_current_history(kind=kind)
    return {
        "version": store.name,
        "release": store.release,
        "epoch_count": sum(len(one.epochs) for one in store.histories),
        "notes": list(store.notes),
    }
