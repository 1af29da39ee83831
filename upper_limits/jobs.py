"""What the job table may run of this package; see `settings.JOBS`."""

from upper_limits import list_services
from upper_limits.epoch_services import build_current_history


def answer_list(job_id: str, parameters: dict[str, list[str]]) -> dict[str, object]:
    """Answer a list of positions as a job; see `upper_limits.list_services`."""
    return list_services.answer_list(job_id, parameters)


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
