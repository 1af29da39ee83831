"""The one map from errors to protocol faults (DALI 1.1 section 4.2, UWS 1.1 section 2.1.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from archive.errors import (
    ArchiveError,
    BusyError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UsageError,
    WithdrawnError,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Name of a fault in the IVOA protocols and the HTTP status that goes with it."""

    name: str
    status: int


FAULTS: Mapping[type[ArchiveError], Fault] = MappingProxyType(
    {
        TooLargeError: Fault("UsageFault", 413),
        UsageError: Fault("UsageFault", 400),
        WithdrawnError: Fault("NotFoundFault", 410),
        NotFoundError: Fault("NotFoundFault", 404),
        BusyError: Fault("TransientFault", 503),
        UnavailableError: Fault("ServiceUnavailable", 503),
        ArchiveError: Fault("FatalFault", 500),
    }
)


def find_fault(error: ArchiveError) -> Fault:
    """Return the fault of the nearest ancestor of `error` that has one.

    Examples
    --------
    >>> find_fault(UsageError("MAXREC must be a whole number"))
    Fault(name='UsageFault', status=400)
    """
    return next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
