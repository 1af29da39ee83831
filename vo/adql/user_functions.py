"""Resolves the calls of user-defined functions: the IVOA catalogue's, and the archive's own."""

from collections.abc import Mapping
from types import MappingProxyType

from archive.healpix import HPX_ORDER, ipix_nested, pixel_centres
from vo.adql.errors import ADQLError, TypeMismatchError, UnsupportedFeatureError
from vo.adql.late import resolve_late
from vo.adql.operands import constant_time, describe, need_number, need_text, text_meta
from vo.adql.regions import as_shape, constant_number, constant_point, point_of, resolve_moc, rotated
from vo.adql.resolved import (
    DOUBLE,
    INT,
    LONG,
    POINT,
    CircleValue,
    Constant,
    Geometry,
    Meta,
    MocValue,
    Operation,
    PointValue,
    PolygonValue,
    RegionValue,
    Typed,
)
from vo.adql.scope import Scope
from vo.adql.syntax import FunctionCall

MOST_BINS = 10_000
_FRAMES = {"ICRS": "ICRS", "FK5": "ICRS", "GALACTIC": "GALACTIC"}
_ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IVO_HASWORD": ("text", "text"),
        "IVO_NOCASEMATCH": ("text", "text"),
        "IVO_HASHLIST_HAS": ("text", "text"),
        "IVO_INTERVAL_OVERLAPS": ("number",) * 4,
        "IVO_STRING_AGG": ("text", "text"),
        "IVO_HEALPIX_INDEX": ("number",) * 3,
        "IVO_HEALPIX_CENTER": ("number",) * 2,
        "IVO_GEOM_TRANSFORM": ("text", "text", "geometry"),
        "IVO_EPOCH_PROP": ("number",) * 8,
        "IVO_EPOCH_PROP_POS": ("number",) * 8,
        "IVO_HISTOGRAM": ("number",) * 4,
        "IVO_NORMAL_RANDOM": ("number",) * 2,
        "IVO_TO_JD": ("time",),
        "IVO_TO_MJD": ("time",),
        "IJD": ("date",),
        "REVOLUTION_OF": ("date",),
        "INTEGRAL_UL": ("text", "text", "number", "number", "number"),
        "MOC": ("text",),
    }
)


def resolve_user_function(  # noqa: C901, PLR0911  # one line for each function
    node: FunctionCall, values: tuple[Typed, ...], scope: Scope
) -> Typed:
    """Resolve a call; the arguments are resolved already.

    Raises
    ------
    UnsupportedFeatureError
        If this service has no such function.
    TypeMismatchError
        If the arguments are not what it takes.
    """
    values = _checked(node, _unified(node, values), scope)
    match node.name:
        case "IJD":
            ucd = values[0].meta.ucd or "time.epoch"
            return Operation("-", (values[0], Constant("51544", INT)), Meta("double", unit="d", ucd=ucd))
        case "REVOLUTION_OF":
            return Operation(node.name, values, INT.computed(ucd="meta.id"))
        case "IVO_TO_MJD" | "IVO_TO_JD":
            return Operation(node.name, values, Meta("double", unit="d", ucd="time.epoch"))
        case "IVO_STRING_AGG":
            _check_aggregate(node, scope)
            return Operation(node.name, values, text_meta(*values))
        case "IVO_HISTOGRAM":
            return _histogram(node, values, scope)
        case "IVO_HEALPIX_INDEX":
            return _healpix_index(node, values, scope)
        case "IVO_HEALPIX_CENTER":
            return _healpix_center(node, values, scope)
        case "IVO_GEOM_TRANSFORM":
            return _geom_transform(node, values, scope)
        case "IVO_EPOCH_PROP":
            return Operation(node.name, values, Meta("double", "6"))
        case "IVO_EPOCH_PROP_POS":
            return point_of(Operation("IVO_EPOCH_PROP", values, POINT))
        case "IVO_NORMAL_RANDOM":
            return Operation(node.name, values, DOUBLE)
        case "INTEGRAL_UL":
            return resolve_late(node, values, scope)
        case "MOC":
            return _moc(node, values, scope)
        case _:
            return Operation(node.name, values, INT)


def _unified(node: FunctionCall, values: tuple[Typed, ...]) -> tuple[Typed, ...]:
    """Bring the shorter forms of a function to its longest one."""
    if node.name == "IVO_HEALPIX_INDEX" and len(values) == 2:
        point = as_shape(values[1])
        return (values[0], point.lon, point.lat) if isinstance(point, PointValue) else values
    if node.name == "IVO_EPOCH_PROP_POS" and len(values) == 6:
        nothing = Constant("0", DOUBLE)
        return (*values[:2], nothing, *values[2:4], nothing, *values[4:])
    return values


def _checked(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> tuple[Typed, ...]:
    name = node.name.lower()
    wanted = _ARGUMENTS.get(node.name)
    if wanted is None:
        msg = f"the function {name} is not supported by this service; /capabilities lists those that are"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if len(wanted) != len(values):
        msg = f"{name} takes {len(wanted)} argument(s), not {len(values)}"
        raise scope.error(TypeMismatchError, msg, node)
    return tuple(_argument(value, kind, node, scope) for value, kind in zip(values, wanted, strict=True))


def _argument(value: Typed, kind: str, node: FunctionCall, scope: Scope) -> Typed:
    what = f"an argument of {node.name.lower()}"
    match kind:
        case "text":
            return need_text(value, what, node, scope)
        case "time":
            return _time(value, what, node, scope)
        case "date" if value.meta.kind in {"text", "timestamp"}:
            return Operation("MJD TT", (_time(value, what, node, scope),), DOUBLE)
        case "geometry":
            shape = as_shape(value)
            if shape is None:
                msg = f"{what} must be a geometry, not {describe(value)}"
                raise scope.error(TypeMismatchError, msg, node)
            return shape
        case _:
            return need_number(value, what, node, scope)


def _time(value: Typed, what: str, node: FunctionCall, scope: Scope) -> Typed:
    if isinstance(value, Constant) and value.meta.kind == "text":
        return constant_time(value, node, scope)
    if value.meta.kind not in {"timestamp", "null"}:
        msg = f"{what} must be a time; TIMESTAMP(...) makes one of a text such as 2005-01-31T12:00:00"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def _check_aggregate(node: FunctionCall, scope: Scope) -> None:
    if not scope.aggregates_allowed:
        msg = f"{node.name.lower()} cannot stand here: WHERE, ON and GROUP BY look at one row at a time"
        raise scope.error(ADQLError, msg, node)


def _histogram(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    _check_aggregate(node, scope)
    low, high, bins = (constant_number(value) for value in values[1:])
    if low is None or high is None or bins is None or not low < high or not 1 <= bins <= MOST_BINS or bins % 1:
        msg = f"ivo_histogram takes a value, a lower and a higher limit, and a whole number of bins up to {MOST_BINS}"
        raise scope.error(TypeMismatchError, msg, node)
    return Operation(node.name, values, Meta("int", str(int(bins) + 2), ucd="meta.number"))


def _order(value: Typed, node: FunctionCall, scope: Scope) -> Typed:
    if isinstance(value, Constant):
        if not str(value.value).isdigit() or int(str(value.value)) > HPX_ORDER:
            msg = f"the order of {node.name.lower()} must be a whole number from 0 to {HPX_ORDER}"
            raise scope.error(TypeMismatchError, msg, node)
    elif value.meta.kind != "int":
        msg = f"the order of {node.name.lower()} must be a whole number, not {describe(value)}"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def _healpix_index(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    order, point = _order(values[0], node, scope), PointValue(values[1], values[2])
    meta = LONG.computed(ucd="pos.healpix")
    place = constant_point(point)
    if place is not None and isinstance(order, Constant):
        if not abs(place[1]) <= 90:
            msg = f"the latitude {place[1]:g} is not between -90 and 90 degrees"
            raise scope.error(TypeMismatchError, msg, node)
        return Constant(str(ipix_nested(int(str(order.value)), *place)), meta)
    return Operation(node.name, (order, point), meta)


def _healpix_center(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    order, cell = _order(values[0], node, scope), values[1]
    number = constant_number(cell)
    if isinstance(order, Constant) and number is not None:
        level = int(str(order.value))
        if cell.meta.kind != "int" or not isinstance(cell, Constant) or int(str(cell.value)) >= 12 << (2 * level):
            msg = f"at order {level} the cells of ivo_healpix_center go from 0 to {(12 << (2 * level)) - 1}"
            raise scope.error(TypeMismatchError, msg, node)
        lon, lat = pixel_centres(level, int(str(cell.value)))
        return PointValue(Constant(repr(float(lon)), DOUBLE), Constant(repr(float(lat)), DOUBLE))
    return point_of(Operation(node.name, (order, cell), POINT))


def _geom_transform(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    """Change the frame of a geometry; FK5 at J2000 is taken as ICRS, from which it differs by less than 0.03 arcsec."""
    names = [str(value.value).strip().upper() if isinstance(value, Constant) else "" for value in values[:2]]
    frames = [_FRAMES.get(name) for name in names]
    if None in frames:
        msg = f"ivo_geom_transform takes the frames {', '.join(_FRAMES)} as texts in quotes"
        raise scope.error(UnsupportedFeatureError, msg, node)
    shape = values[2]
    if isinstance(shape, MocValue) or not isinstance(shape, Geometry):
        msg = "ivo_geom_transform cannot turn a MOC, whose cells are ICRS"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if frames[0] == frames[1]:
        return shape
    frame = str(frames[0])
    match shape:
        case PointValue(lon, lat):
            return point_of(rotated(Operation("SHAPE", (lon, lat), POINT), frame))
        case CircleValue(centre, radius):
            turned = rotated(Operation("SHAPE", (centre.lon, centre.lat), POINT), frame)
            return CircleValue(point_of(turned), radius)
        case PolygonValue(meta=meta) | RegionValue(meta=meta):
            return RegionValue(rotated(shape, frame), meta)


def _moc(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Typed:
    (text,) = values
    if not isinstance(text, Constant):
        msg = "MOC takes a text in quotes, such as MOC('4/30-33 38 5/172')"
        raise scope.error(UnsupportedFeatureError, msg, node)
    return resolve_moc(str(text.value), node, scope)
