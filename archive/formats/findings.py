"""What a check has to say about a file: one finding per fact, with a stable code."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from archive.errors import ArchiveError

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict on one place of one file.

    Parameters
    ----------
    rule
        Stable code such as ``FITS-TRUNCATED``; codes are never reused for another meaning.
    severity
        ``error`` keeps the whole delivery out, ``warning`` is shown and loaded, ``info`` records a decision.
    message
        One sentence for the person who made the file.
    path, hdu, row, column
        Where: path relative to the delivery, HDU as ``2 (ISGR-MOSA-IMA)``, first row 1, column or keyword name.
    found, expected, fix
        What is there, what should be there, and what to do.
    count
        For how many places the finding speaks: itself and those like it that are not listed.
    """

    rule: str
    severity: Severity
    message: str
    path: str = ""
    hdu: str = ""
    row: int | None = None
    column: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    count: int = 1

    def at(self, path: str) -> Self:
        """Return the same finding placed in `path`."""
        return replace(self, path=path)

    @property
    def place(self) -> str:
        """Where the finding is, in words.

        Examples
        --------
        >>> Finding("X", "error", "m", path="a.fits", hdu="1 (RATE)", row=3, column="TIME").place
        'a.fits, HDU 1 (RATE), row 3, TIME'
        """
        parts = [
            self.path,
            f"HDU {self.hdu}" if self.hdu else "",
            f"row {self.row}" if self.row is not None else "",
            self.column,
        ]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        found = f" Found: {self.found}." if self.found else ""
        expected = f" Expected: {self.expected}." if self.expected else ""
        fix = f" {self.fix}" if self.fix else ""
        place = f"{self.place}: " if self.place else ""
        return f"{self.severity.upper()} {self.rule} {place}{self.message.rstrip('.')}.{found}{expected}{fix}"


class FormatError(ArchiveError):
    """A file is not what it must be to be read; carries the finding that says so."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def refuse(rule: str, message: str, **place: Any) -> FormatError:
    """Make the error for a file that cannot be read; `place` are fields of `Finding`."""
    return FormatError(Finding(rule, "error", message, **place))
