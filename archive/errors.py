"""The error tree. ``str(error)`` is one sentence fit to show a user; nothing here knows HTTP."""


class ArchiveError(Exception):
    """Root of every error that Archipelago raises on purpose."""


class UsageError(ArchiveError):
    """The request cannot be understood or is outside its allowed range; the caller can mend it."""


class TooLargeError(UsageError):
    """The request is larger than a limit that its message states."""


class NotFoundError(ArchiveError):
    """The named thing does not exist in the current release."""


class WithdrawnError(NotFoundError):
    """The thing was in an earlier release and has been withdrawn; the message says why."""


class BusyError(ArchiveError):
    """A resource is in use or a limit is reached; the same request may succeed later."""


class UnavailableError(ArchiveError):
    """A part of the archive that the request needs is not there (no map, no database)."""


class StorageError(ArchiveError):
    """A stored file or array is missing, truncated or not what its checksum says."""


class InternalError(ArchiveError):
    """A bug: the log has the details under the reference number that the message names."""
