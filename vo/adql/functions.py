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
            "Number of the HEALPix cell (NESTED) of this order, 0 to 29, that holds a position in degrees; "
            "ivo_healpix_index(hpxOrder, p) takes a POINT.",
        ),
        "IVO_HEALPIX_CENTER": DeclaredFunction(
            "ivo_healpix_center(hpxOrder INTEGER, hpxIndex BIGINT) -> POINT",
            "Centre of a HEALPix cell (NESTED) of this order.",
        ),
        "IVO_GEOM_TRANSFORM": DeclaredFunction(
            "ivo_geom_transform(from_sys TEXT, to_sys TEXT, geom GEOMETRY) -> GEOMETRY",
            "A point, circle or polygon turned from one frame to another: ICRS, FK5 (J2000, taken as ICRS), GALACTIC.",
        ),
        "IVO_EPOCH_PROP": DeclaredFunction(
            "ivo_epoch_prop(ra DOUBLE PRECISION, dec DOUBLE PRECISION, parallax DOUBLE PRECISION, "
            "pmra DOUBLE PRECISION, pmdec DOUBLE PRECISION, radial_velocity DOUBLE PRECISION, "
            "ref_epoch DOUBLE PRECISION, out_epoch DOUBLE PRECISION) -> DOUBLE PRECISION[6]",
            "The six parameters (deg, deg, mas, mas/yr with cos dec, mas/yr, km/s) carried from one Julian epoch to "
            "another by uniform motion through space (ESA SP-1200 section 1.5.5). A NULL motion counts as none.",
        ),
        "IVO_EPOCH_PROP_POS": DeclaredFunction(
            "ivo_epoch_prop_pos(ra DOUBLE PRECISION, dec DOUBLE PRECISION, parallax DOUBLE PRECISION, "
            "pmra DOUBLE PRECISION, pmdec DOUBLE PRECISION, radial_velocity DOUBLE PRECISION, "
            "ref_epoch DOUBLE PRECISION, out_epoch DOUBLE PRECISION) -> POINT",
            "Like ivo_epoch_prop, the position only; ivo_epoch_prop_pos(ra, dec, pmra, pmdec, ref_epoch, out_epoch) "
            "leaves parallax and radial velocity out.",
        ),
        "IVO_HISTOGRAM": DeclaredFunction(
            "ivo_histogram(val DOUBLE PRECISION, lower DOUBLE PRECISION, upper DOUBLE PRECISION, nbins INTEGER) "
            "-> INTEGER[]",
            "Aggregate: numbers of values in nbins bins of equal width from lower to upper; before them the number of "
            "values below lower, after them that of values from upper on. NULL and NaN are left out.",
        ),
        "IVO_NORMAL_RANDOM": DeclaredFunction(
            "ivo_normal_random(mu DOUBLE PRECISION, sigma DOUBLE PRECISION) -> DOUBLE PRECISION",
            "A random number of the normal distribution with this mean and standard deviation.",
        ),
        "IVO_TO_JD": DeclaredFunction(
            "ivo_to_jd(d TIMESTAMP) -> DOUBLE PRECISION",
            "Julian Date of a time, on the time's own scale (UTC here).",
        ),
        "IVO_TO_MJD": DeclaredFunction(
            "ivo_to_mjd(d TIMESTAMP) -> DOUBLE PRECISION",
            "Modified Julian Date of a time, on the time's own scale (UTC here).",
        ),
        "IJD": DeclaredFunction(
            "ijd(mjd DOUBLE PRECISION) -> DOUBLE PRECISION",
            "INTEGRAL Julian Date, MJD(TT) - 51544, of an MJD in TT; ijd(t) takes a TIMESTAMP in UTC, from 1999 on.",
        ),
        "REVOLUTION_OF": DeclaredFunction(
            "revolution_of(mjd DOUBLE PRECISION) -> INTEGER",
            "Number of the revolution that an MJD in TT, or a TIMESTAMP in UTC, falls into: the last one that began "
            "before it. NULL before the first revolution and after the end of the last one of the current release.",
        ),
        "INTEGRAL_UL": DeclaredFunction(
            "integral_ul(instrument TEXT, band TEXT, ra DOUBLE PRECISION, dec DOUBLE PRECISION, "
            "confidence DOUBLE PRECISION) -> DOUBLE PRECISION",
            "Upper limit in mCrab (flat prior on flux >= 0, one-sided confidence) of a source at a position in ICRS "
            "degrees, from the maps of the whole mission; NULL outside their coverage. For example "
            "integral_ul('isgri', '20-40', ra, dec, 0.9987). Computed after the query: it can only be a column of the "
            "outermost SELECT.",
        ),
        "MOC": DeclaredFunction(
            "moc(cells TEXT) -> GEOMETRY",
            "A coverage as text, such as '4/30-33 38 5/172' (MOC 2.0 section 4.2.3), for CONTAINS(POINT(...), "
            "MOC(...)) and AREA.",
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
