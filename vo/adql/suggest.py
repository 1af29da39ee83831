"""The "did you mean" of error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean a or b?" for the known names nearest to `name`, or nothing.

    Examples
    --------
    >>> did_you_mean("TAN2", ["TAN", "ATAN2", "LOWER"])
    '; did you mean ATAN2 or TAN?'
    >>> did_you_mean("xyz", ["TAN"])
    ''
    """
    originals = {word.lower(): word for word in known}
    near = get_close_matches(name.lower()[:100], originals, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(originals[word] for word in near)}?" if near else ""
