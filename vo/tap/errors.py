"""Errors of running queries."""

from archive.errors import BusyError, UsageError


class QueryTimeoutError(UsageError):
    """The query took longer than its class of user may."""


class QueryFailedError(UsageError):
    """The database met a value that the query cannot be computed with, such as a division by zero."""


class TooManyQueriesError(BusyError):
    """All database connections for queries are taken."""
