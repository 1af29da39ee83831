"""How numbers, times and positions are written on pages."""

import math
from functools import cache

from django import template
from django.http import QueryDict
from django.utils.translation import gettext

from archive.published import Column, load_tables
from archive.selectors import separation_deg
from archive.times import ijd_from_mjd_tt, utc_iso_from_mjd_tt

register = template.Library()

DASH = "–"
KEV_NM = 1.239841984  # h c
OPTICAL_BELOW_KEV = 0.01


@register.filter
def utc(mjd_tt: float | None, precision: str = "s") -> str:
    """Write MJD (TT) as UTC to the minute (`min`), second or day (`day`)."""
    if mjd_tt is None:
        return DASH
    text = utc_iso_from_mjd_tt(mjd_tt).replace("T", " ")
    return text[: {"day": 10, "min": 16}.get(precision, 19)]


@register.filter
def ijd(mjd_tt: float | None) -> str:
    """Write MJD (TT) as IJD, five decimals (about a second)."""
    return DASH if mjd_tt is None else f"{float(ijd_from_mjd_tt(mjd_tt)):.5f}"


@register.filter
def chord_deg(chord2: float) -> float:
    """Turn the squared chord of a cone search into degrees."""
    return separation_deg(chord2)


@register.filter
def fixed(value: float | None, decimals: int = 4) -> str:
    """Write with a fixed number of decimals."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"


@register.filter
def sig(value: float | None, digits: int = 4) -> str:
    """Write with significant digits; powers of ten only where they help.

    Examples
    --------
    >>> sig(230.9234), sig(0.00000123), sig(None)
    ('230.9', '1.23e-06', '–')
    """
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


@register.filter
def cell(value: object) -> str:
    """Write any value of a table: numbers in full, missing ones as a dash."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, float):
        return f"{value:.12g}" if abs(value) > 1e4 else f"{value:.7g}"
    return ", ".join(cell(part) for part in value) if isinstance(value, list | tuple) else str(value)


@register.filter
def arcmin(degrees: float) -> str:
    """Write an angle given in degrees as arcminutes."""
    return f"{degrees * 60.0:.1f}"


@register.filter
def arcsec(degrees: float) -> str:
    """Write a small angle given in degrees in arcminutes or arcseconds."""
    return f"{degrees * 60.0:.2f}′" if degrees >= 1 / 60 else f"{degrees * 3600.0:.1f}″"


@register.filter
def duration(seconds: float | None) -> str:
    """Write a length of time in the unit that reads best.

    Examples
    --------
    >>> duration(45.0), duration(51200.0), duration(4.2e6)
    ('45 s', '51.2 ks', '4.2 Ms')
    """
    if seconds is None:
        return DASH
    for limit, unit in ((1e6, "Ms"), (1e3, "ks")):
        if seconds >= limit:
            return f"{seconds / limit:.4g} {unit}"
    return f"{seconds:.4g} s"


@register.filter
def kiloseconds(seconds: float) -> str:
    """Write seconds as kiloseconds, a dash for none at all.

    Examples
    --------
    >>> kiloseconds(1234.0), kiloseconds(0.0)
    ('1.2', '–')
    """
    return f"{seconds / 1000.0:.1f}" if seconds else DASH


@register.filter
def tenfold(percent: float) -> str:
    """Write a percentage as a place in a drawing of 1000 units."""
    return f"{percent * 10.0:.1f}"


@register.filter
def table_name(model: str) -> str:
    """Write the name under which rows of a model are published; the model's own where they are not.

    Examples
    --------
    >>> table_name("GrbCatalogueEntry"), table_name("productfile")
    ('integral.spi_grb_catalogue', 'integral.product_files')
    """
    return _names_of_tables().get(f"archive_{model.lower()}", model)


@cache
def _names_of_tables() -> dict[str, str]:
    """Name of the published table by the database's own."""
    tables = [table for table in load_tables().values() if table.schema == "integral"]
    return {table.from_sql.split()[0]: table.name for table in tables}


@register.filter
def percent(share: float) -> str:
    """Write a share of one as a percentage, with two digits where there is little.

    Examples
    --------
    >>> percent(0.00342), percent(0.613), percent(1.0), percent(0.0)
    ('0.34', '61', '100', '0')
    """
    return f"{100.0 * share:.0f}" if share >= 0.0995 else f"{100.0 * share:.2g}"


@register.filter
def hms(ra: float) -> str:
    """Write right ascension in degrees as hours, minutes and seconds."""
    return _sexagesimal(ra / 15.0 % 24.0, 2, 24)


@register.filter
def dms(dec: float) -> str:
    """Write declination in degrees as degrees, minutes and seconds with its sign."""
    return f"{'-' if dec < 0 else '+'}{_sexagesimal(abs(dec), 1, 91)}"


@register.filter
def band(row: object) -> str:
    """Write the energy range of a row; light in nanometres (E = hc/lambda)."""
    low, high = getattr(row, "energy_min_kev", None), getattr(row, "energy_max_kev", None)
    if low is None or high is None:
        return DASH
    if high < OPTICAL_BELOW_KEV:
        return f"{KEV_NM / high:.4g}–{KEV_NM / low:.4g} nm"
    return f"{low:.4g}–{high:.4g} keV"


@register.simple_tag(takes_context=True)
def with_params(context: template.Context, **changes: object) -> str:
    """Query string of this page with some parameters changed; empty ones are left out."""
    params = context["request"].GET.copy() if "request" in context else QueryDict(mutable=True)
    for name, value in changes.items():
        params.pop(name, None)
        if value not in {"", None}:
            params[name] = str(value)
    return f"?{params.urlencode()}" if params else "?"


@register.inclusion_tag("archive/parts/sort_head.html", takes_context=True)
def sort_head(
    context: template.Context,
    column: str,
    title: str,
    unit: str = "",
    numeric: bool = False,  # noqa: FBT001, FBT002 - a template tag passes by position
) -> dict[str, object]:
    """Head of a column that sorts the list: first click ascending (numbers descending), second click the other way."""
    now = str(context["sort"])
    state = {column: "ascending", f"-{column}": "descending"}.get(now, "")
    first = f"-{column}" if numeric else column
    flipped = column if now.startswith("-") else f"-{column}"
    address = with_params(context, sort=flipped if state else first, page="")
    return {"address": address, "title": title, "unit": unit, "numeric": numeric, "state": state}


@register.simple_tag(takes_context=True)
def without(context: template.Context, name: str) -> str:
    """Query string of this page without one filter, from the first page."""
    params = context["request"].GET.copy()
    for dropped in (name, "page", *(("radius",) if name == "near" else ())):
        params.pop(dropped, None)
    return f"?{params.urlencode()}"


@register.inclusion_tag("archive/parts/sort_head.html", takes_context=True)
def column_head(context: template.Context, column: Column) -> dict[str, object]:
    """Head of a published column that sorts the search by it."""
    return sort_head(context, column.name, column.name, column.unit or "", column.datatype not in {"char", "boolean"})


@register.filter
def is_mjd(column: Column) -> bool:
    """Say whether a column holds MJD (TT)."""
    return column.name.endswith("_mjd_tt")


def _sexagesimal(value: float, decimals: int, wrap: int) -> str:
    scale = 10**decimals
    total = round(value * 3600 * scale)
    total %= wrap * 3600 * scale
    whole, rest = divmod(total, 3600 * scale)
    minutes, seconds = divmod(rest, 60 * scale)
    return f"{whole:02d}:{minutes:02d}:{seconds / scale:0{3 + decimals}.{decimals}f}"
