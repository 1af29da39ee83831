"""The one map from errors to protocol faults (DALI 1.1 section 4.2, UWS 1.1 section 2.1.3)."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

from archive.errors import (
    ArchiveError,
    BusyError,
    InternalError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UsageError,
    WithdrawnError,
)

logger = logging.getLogger(__name__)


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
        InternalError: Fault("DefaultFault", 500),
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


def explain(error: Exception) -> ArchiveError:
    """Return what to answer to whom an exception met: each protocol writes it in its own form.

    A request that Django cannot read is the asker's fault; everything unforeseen is a bug, which is logged under the
    reference that the answer names.

    Examples
    --------
    >>> str(explain(BadRequest("no boundary")))
    'the request cannot be read: no boundary'
    """
    match error:
        case ArchiveError():
            return error
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return UsageError(f"the request cannot be read: {error}")
        case _:
            reference = uuid.uuid4().hex[:12]
            logger.error("internal error (ref %s)", reference, exc_info=error)
            return InternalError(f"internal error (ref {reference}); please report it with this reference")
