"""User-defined functions: the IVOA catalogue (Endorsed Note 1.2) and the archive's own, as far as they run here.

A function is parsed if it is declared here or if its name begins with ``ivo_``, the prefix that the catalogue keeps
for itself; the resolver then says whether this service runs it. Only those that run are named in /capabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """Signature as TAPRegExt 1.0 section 2.3 writes it, and what the function does."""

    signature: str
    description: str


FUNCTIONS: Mapping[str, DeclaredFunction] = MappingProxyType(
    {
        "IVO_HASWORD": DeclaredFunction(
            "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER",
            "1 if all words of needle occur as whole words in haystack, whatever their case, else 0.",
        ),
        "IVO_NOCASEMATCH": DeclaredFunction(
            "ivo_nocasematch(value TEXT, pattern TEXT) -> INTEGER",
            "1 if value matches the LIKE pattern, whatever their case, else 0.",
        ),
        "IVO_HASHLIST_HAS": DeclaredFunction(
            "ivo_hashlist_has(hashlist TEXT, item TEXT) -> INTEGER",
            "1 if item is one of the elements of a list separated by #, whatever their case, else 0.",
        ),
        "IVO_INTERVAL_OVERLAPS": DeclaredFunction(
            "ivo_interval_overlaps(l1 NUMERIC, h1 NUMERIC, l2 NUMERIC, h2 NUMERIC) -> INTEGER",
            "1 if the interval [l1, h1] overlaps the interval [l2, h2], else 0.",
        ),
        "IVO_STRING_AGG": DeclaredFunction(
            "ivo_string_agg(expr TEXT, delimiter TEXT) -> TEXT",
            "Aggregate: the non-NULL values of expr in a group, joined by delimiter.",
        ),
        "IVO_HEALPIX_INDEX": DeclaredFunction(
            "ivo_healpix_index(hpxOrder INTEGER, long DOUBLE PRECISION, lat DOUBLE PRECISION) -> BIGINT",
            "Number of the HEALPix cell (NESTED) at this order that holds a position: the position columns of a table, "
            "or constants, in degrees.",
        ),
        "IJD": DeclaredFunction(
            "ijd(mjd DOUBLE PRECISION) -> DOUBLE PRECISION",
            "INTEGRAL Julian Date of a Modified Julian Date, both in TT: MJD - 51544.",
        ),
    }
)


def is_declared(name: str) -> bool:
    """Whether the parser takes this function (name in upper case).

    Examples
    --------
    >>> is_declared("IVO_HASWORD"), is_declared("IVO_ANYTHING"), is_declared("TAN2")
    (True, True, False)
    """
    return name in FUNCTIONS or name.startswith("IVO_")
