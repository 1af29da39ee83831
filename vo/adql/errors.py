"""Errors of the ADQL engine. Each carries where in the query it happened; none knows HTTP."""

from archive.errors import UsageError


class ADQLError(UsageError):
    """A query cannot be answered as it is written.

    Parameters
    ----------
    message
        One sentence that says what is wrong and, if possible, what to do.
    line, column
        Where in the query, counted from 1; 0 if the error concerns the query as a whole.
    """

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        self.line = line
        self.column = column
        where = f" (line {line}, column {column})" if line else ""
        super().__init__(f"{message}{where}")


class ADQLSyntaxError(ADQLError):
    """The text is not ADQL 2.1: `found` stands where one of `expected` should."""

    def __init__(self, message: str, *, line: int = 0, column: int = 0, found: str = "", expected: str = "") -> None:
        self.found = found
        self.expected = expected
        super().__init__(message, line=line, column=column)


class QueryTooLargeError(ADQLError):
    """The query is longer, deeper or holds longer lists than the service accepts."""


class UnknownTableError(ADQLError):
    """No published or uploaded table has this name."""


class UnknownColumnError(ADQLError):
    """No table in reach has a column of this name."""


class AmbiguousNameError(ADQLError):
    """More than one table in reach has this name."""


class TypeMismatchError(ADQLError):
    """An operator or function was given a value of a kind it does not take."""


class UnsupportedFeatureError(ADQLError):
    """Valid ADQL that this service does not execute; the message names the feature."""
