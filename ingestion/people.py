"""Identifiers of people and papers as they stand in labels and forms."""

import re

_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[0-9X]")
_PAPER = (
    re.compile(r"10\.\d{4,9}/[!-~]{1,100}"),  # DOI
    re.compile(r"\d{4}[A-Za-z&.]{5}[A-Za-z0-9.]{9}[A-Z.]"),  # bibcode: 19 characters
    re.compile(r"arXiv:\d{4}\.\d{4,5}(v\d+)?"),
)


def is_orcid(text: object) -> bool:
    """Say whether a text is an ORCID with the right check character (ISO 7064 MOD 11-2).

    References
    ----------
    ORCID, "Structure of the ORCID Identifier".

    Examples
    --------
    >>> is_orcid("0000-0002-1825-0097"), is_orcid("0000-0002-1825-0098")
    (True, False)
    """
    if not isinstance(text, str) or not _ORCID.fullmatch(text):
        return False
    digits = text.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    return digits[-1] == "0123456789X"[(12 - total % 11) % 11]


def is_paper(text: object) -> bool:
    """Say whether a text has the form of a DOI, a bibcode or an arXiv number.

    Examples
    --------
    >>> is_paper("2003A&A...411L.131U"), is_paper("my paper")
    (True, False)
    """
    return isinstance(text, str) and any(form.fullmatch(text) for form in _PAPER)
