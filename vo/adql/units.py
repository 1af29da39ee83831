"""Unit conversion for IN_UNIT (ADQL 2.1 section 4.8; units as in VOUnits 1.1)."""

from functools import lru_cache

import numpy as np
from astropy import units


@lru_cache(maxsize=1000)
def conversion_factor(unit: str | None, wanted: str) -> float | str:
    """Return the factor from one unit to another, or the reason why there is none.

    Examples
    --------
    >>> conversion_factor("deg", "arcmin")
    60.0
    >>> conversion_factor("deg", "keV")
    'the unit deg cannot be converted to keV'
    """
    if not unit:
        return "the unit of the first argument is not known"
    try:
        target = units.Unit(wanted, format="vounit")
        factor = units.Unit(unit, format="vounit").to(target)
    except units.UnitConversionError:
        return f"the unit {unit} cannot be converted to {wanted}"
    except (ValueError, TypeError):
        return f"{wanted[:60]!r} is not a unit of VOUnits"
    return float(np.real(factor))
