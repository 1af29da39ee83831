"""How much whom: limits of time and disk for visitors without and with an account."""

from django.db.models import BigIntegerField, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from archive.accounts.roles import Visitor
from archive.errors import TooLargeError
from archive.models.job import Job
from vo.tap.executor import SYNC_TIMEOUT_S

ACCOUNT_SYNC_TIMEOUT_S = 1_800
MOST_RESULT_BYTES = 20 * 2**30
"""Of one job."""

OWNER_RESULT_BYTES = 40 * 2**30
"""Of all jobs of one owner: an account, or one cookie."""

ALL_RESULT_BYTES = 200 * 2**30
"""Of all jobs together."""


def time_limit_s(visitor: Visitor) -> float:
    """Return how long a sync query of this visitor may run."""
    return ACCOUNT_SYNC_TIMEOUT_S if visitor.is_authenticated else SYNC_TIMEOUT_S


def result_room(owner: str) -> int:
    """Return how many bytes the next result of this owner may have.

    Raises
    ------
    TooLargeError
        If there is no room left; the sentence says what to do.
    """
    done = Job.objects.filter(kind="tap", phase=Job.Phase.COMPLETED)
    own = _bytes(done.filter(owner=owner)) if owner else 0
    room = min(MOST_RESULT_BYTES, OWNER_RESULT_BYTES - own, ALL_RESULT_BYTES - _bytes(done))
    if room <= 0:
        whose = f"your results fill {own >> 30} GiB" if own >= OWNER_RESULT_BYTES else "the disk for results is full"
        msg = f"{whose}; delete jobs that are not needed any more (DELETE), or wait until old ones expire"
        raise TooLargeError(msg)
    return room


def _bytes(jobs: object) -> int:
    size = Cast(KeyTextTransform("size_bytes", "result"), BigIntegerField())
    return jobs.aggregate(total=Sum(size))["total"] or 0  # pyright: ignore[reportAttributeAccessIssue]  # a query set
