"""Types of values: what may be compared or combined, and which unit and UCD the result has."""

from datetime import UTC, datetime

from vo.adql.resolved import BOOLEAN, DOUBLE, LONG, NULL, TIMESTAMP, Constant, Meta, Typed, wider


def arithmetic_meta(operator: str, left: Meta, right: Meta, *, left_constant: bool, right_constant: bool) -> Meta:
    """Return the type of `left operator right`; integers give 64 bits, so that sums of columns do not overflow.

    The unit is kept where it is certain and dropped where it is not: a sum of equal units, a product or quotient with
    a plain number, a ratio of equal units.
    """
    datatype = "long" if wider(left, right) in {"short", "int", "long"} else "double"
    unit: str | None = None
    if operator in {"+", "-"}:
        unit = left.unit if left.unit == right.unit else None
    elif right_constant and right.unit is None:
        unit = left.unit
    elif operator == "*" and left_constant and left.unit is None:
        unit = right.unit
    return Meta(datatype, unit=unit)


def common_meta(metas: list[Meta]) -> Meta | None:
    """Return the type that holds all of these values (COALESCE, set operations), or None if there is none."""
    known = [meta for meta in metas if meta.kind != "null"]
    if not known:
        return NULL
    result = known[0]
    for meta in known[1:]:
        if result.is_number and meta.is_number:
            datatype, arraysize = wider(result, meta), None
        elif result.kind == meta.kind and result.datatype == meta.datatype:
            datatype = result.datatype
            arraysize = result.arraysize if result.arraysize == meta.arraysize else "*"
        elif {result.kind, meta.kind} <= {"text", "timestamp"}:
            datatype, arraysize = "unicodeChar" if "unicodeChar" in {result.datatype, meta.datatype} else "char", "*"
        else:
            return None
        result = Meta(
            datatype,
            arraysize,
            *(a if a == b else None for a, b in _pairs(result, meta)),
            description=result.description if result.description == meta.description else "",
        )
    return result


def _pairs(left: Meta, right: Meta) -> list[tuple[str | None, str | None]]:
    return [(left.unit, right.unit), (left.ucd, right.ucd), (left.utype, right.utype), (left.xtype, right.xtype)]


def coerce_constant(value: Typed, other: Typed) -> Typed | str:
    """Return `value`, a constant, in the kind of `other` where ADQL lets it stand for that kind.

    A text beside a timestamp must be a DALI time; beside a boolean, 'true' or 'false'; 1 and 0 stand for true and
    false (ADQL 2.1 section 3.1.1). If the text cannot be read, the reason is returned as a plain str.
    """
    if not isinstance(value, Constant) or value.meta.kind == other.meta.kind:
        return value
    kind = other.meta.kind
    if kind == "timestamp" and value.meta.kind == "text":
        iso = read_timestamp(str(value.value))
        return Constant(iso, TIMESTAMP) if iso else f"{value.value!r} is not a time such as 2005-01-31T12:00:00 (UTC)"
    if kind == "boolean":
        truth = {"true": True, "1": True, "false": False, "0": False}.get(str(value.value).lower())
        return value if truth is None else Constant(truth, BOOLEAN)
    return value


def read_timestamp(text: str) -> str | None:
    """Return an ISO time in UTC without offset, or None if `text` is none (DALI 1.1 section 3.3.3).

    Examples
    --------
    >>> read_timestamp("2005-01-01 00:00:00+01:00")
    '2004-12-31T23:00:00.000'
    >>> read_timestamp("2005-13-01")
    """
    try:
        time = datetime.fromisoformat(text.strip())
        if time.tzinfo is not None:
            time = time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return time.isoformat(timespec="milliseconds")


def number_meta(text: str) -> Meta:
    """Return the type of an unsigned numeric literal: the smallest of int and long that holds it, or double."""
    if text.isdigit() or text[:2].lower() == "0x":
        value = int(text, 0 if text[:2].lower() == "0x" else 10) if len(text) <= 20 else 2**64
        if value < 2**31:
            return Meta("int")
        if value < 2**63:
            return LONG
    return DOUBLE


def statistic_ucd(prefix: str, ucd: str | None) -> str | None:
    """Return the UCD of a statistic of a column: ``stat.max;pos.eq.ra``.

    Examples
    --------
    >>> statistic_ucd("stat.max", "pos.eq.ra;meta.main")
    'stat.max;pos.eq.ra'
    """
    if not ucd:
        return None
    words = [word for word in ucd.split(";") if word != "meta.main" and not word.startswith("stat.")]
    return ";".join([prefix, *words])
