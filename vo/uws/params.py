"""Reads the parameters of UWS requests (UWS 1.1 section 2.2)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive.errors import UsageError
from archive.models.job import Job
from vo.tap.params import Parameters, single

LONGEST_WAIT_S = 60
DEFAULT_DURATION_S = 3_600
LONGEST_DURATION_S = 14_400
DEFAULT_LIFETIME = timedelta(days=7)
LONGEST_LIFETIME = timedelta(days=30)

CONTROL_NAMES = frozenset({"PHASE", "RUNID", "ACTION", "WAIT", "DESTRUCTION", "EXECUTIONDURATION"})
"""Parameters that steer a job and are none of its own."""

_OTHER_PHASES = ("HELD", "SUSPENDED", "UNKNOWN", "ARCHIVED")


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which jobs a list shows: `phases` empty for all, `last` None for no limit."""

    phases: frozenset[str]
    after: datetime | None
    last: int | None


def read_filter(parameters: Parameters) -> ListFilter:
    """Read PHASE (repeatable), AFTER and LAST.

    Raises
    ------
    UsageError
        If one of them cannot be read.
    """
    phases = frozenset(read_phase(value) for value in parameters.get("PHASE", ()) if value.strip())
    after = single(parameters, "AFTER")
    last = single(parameters, "LAST")
    return ListFilter(
        phases, read_time(after, "AFTER") if after else None, None if last is None else _whole(last, "LAST", least=1)
    )


def read_phase(text: str) -> str:
    """Return the name of a phase.

    Raises
    ------
    UsageError
        If UWS has no such phase.
    """
    phase = text.strip().upper()
    if phase not in Job.Phase.values and phase not in _OTHER_PHASES:
        msg = f"PHASE={text[:40]!r} is not a phase; phases are {', '.join((*Job.Phase.values, *_OTHER_PHASES))}"
        raise UsageError(msg)
    return phase


def read_wait(parameters: Parameters) -> int:
    """Return the seconds to wait for a change: 0 without WAIT, at most `LONGEST_WAIT_S`; -1 asks for the most."""
    text = single(parameters, "WAIT")
    if text is None:
        return 0
    if text.strip() == "-1":
        return LONGEST_WAIT_S
    return min(_whole(text, "WAIT", least=0), LONGEST_WAIT_S)


def read_duration(text: str | None) -> int:
    """Return the seconds that a job may run; 0 and more than the longest become the longest."""
    wanted = _whole(text or "", "EXECUTIONDURATION", least=0)
    return min(wanted or LONGEST_DURATION_S, LONGEST_DURATION_S)


def read_destruction(text: str | None, *, created: datetime) -> datetime:
    """Return when a job is to be removed, at most `LONGEST_LIFETIME` after its creation."""
    return min(read_time(text or "", "DESTRUCTION"), created + LONGEST_LIFETIME)


def read_time(text: str, name: str) -> datetime:
    """Read a time in UTC (UWS 1.1 section 2.2.3.5: ISO 8601; no zone means UTC).

    Raises
    ------
    UsageError
        If it is none.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"{name}={text[:40]!r} is not a time; expected one such as 2026-01-31T12:00:00Z"
        raise UsageError(msg) from None


def _whole(text: str, name: str, *, least: int) -> int:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit() and int(stripped[:18]) >= least):
        msg = f"{name}={text[:40]!r} is not a whole number of {least} or more"
        raise UsageError(msg)
    return int(stripped[:18])
