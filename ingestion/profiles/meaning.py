"""What a column means: its unit in VOUnits and its UCD."""

import warnings

from astropy import units
from astropy.io.votable.ucd import parse_ucd

from archive.formats import headers

_DIALECTS = ("vounit", "fits", "ogip", "cds")


def unit_in_vounits(spelling: str) -> str | None:
    """Return a unit in VOUnits 1.1 whatever dialect it is written in; None when none of them knows it.

    Examples
    --------
    >>> unit_in_vounits("mW/m2"), unit_in_vounits("counts/s"), unit_in_vounits("furlong")
    ('mW.m**-2', 'ct/s', None)
    """
    known = headers.vounit(spelling)
    if known is not None:
        return known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)  # "erg is deprecated": the field uses it
        for dialect in _DIALECTS:
            try:
                return units.Unit(spelling, format=dialect).to_string("vounit")
            except (ValueError, TypeError):
                continue
    return None


def is_ucd(text: str) -> bool:
    """Say whether a text is a UCD1+ of words of the IVOA's list in a right order.

    Examples
    --------
    >>> is_ucd("phot.flux;em.X-ray.hard"), is_ucd("phot.flux;flux.phot")
    (True, False)
    """
    try:
        _ = parse_ucd(text, check_controlled_vocabulary=True, has_colon=False)
    except ValueError:
        return False
    return True
