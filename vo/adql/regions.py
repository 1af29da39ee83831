"""Resolves geometries: shapes, coordinate systems, and the functions of ADQL 2.1 section 4.2."""

import math

from vo.adql.errors import TypeMismatchError, UnsupportedFeatureError
from vo.adql.geometry import (
    ShapeError,
    box_vertices,
    convex_pieces,
    icrs_from_galactic,
    polygon_area,
    polygon_centroid,
)
from vo.adql.moc import MocError, read_moc
from vo.adql.resolved import (
    DOUBLE,
    INT,
    POINT,
    TEXT,
    CircleValue,
    ColumnUse,
    Constant,
    Geometry,
    Meta,
    MocValue,
    Operation,
    PointValue,
    PolygonValue,
    RegionValue,
    Typed,
    polygon_meta,
)
from vo.adql.scope import Scope
from vo.adql.syntax import FunctionCall, Node, Shape, StringLiteral

MAX_VERTICES = 1_000
SKY_DEG2 = 4 * math.pi * math.degrees(1) ** 2
_ICRS_NAMES = {"", "ICRS", "FK5", "J2000", "UNKNOWNFRAME"}
_REFERENCE_POSITIONS = {"BARYCENTER", "GEOCENTER", "HELIOCENTER", "TOPOCENTER", "UNKNOWNREFPOS", "SPHERICAL2"}


def constant_number(value: Typed) -> float | None:
    """Return the value of a constant expression as PostgreSQL would compute it, or None if it is not constant.

    Examples
    --------
    >>> from vo.adql.resolved import DOUBLE, INT
    >>> constant_number(Operation("/", (Constant("5.0", DOUBLE), Constant("60", INT)), DOUBLE)) == 5 / 60
    True
    """
    if isinstance(value, Constant):
        return value.number if value.meta.is_number else None
    if not isinstance(value, Operation) or not set(value.name.split()) <= {"+", "-", "*", "/"}:
        return None
    numbers = [constant_number(argument) for argument in value.arguments]
    if len(numbers) == 1:
        return None if numbers[0] is None else -numbers[0]
    total = numbers[0]
    whole = value.arguments[0].meta.kind == "int"
    for operator, number, argument in zip(value.name.split(), numbers[1:], value.arguments[1:], strict=True):
        if total is None or number is None or (operator == "/" and number == 0):
            return None
        whole = whole and argument.meta.kind == "int"
        match operator:
            case "+":
                total += number
            case "-":
                total -= number
            case "*":
                total *= number
            case _:
                total = float(math.trunc(total / number)) if whole else total / number
    return total


def frame_of(node: Shape, scope: Scope) -> str:
    """Return "ICRS" or "GALACTIC" for the coordinate system argument of a shape.

    FK5 at J2000 is taken as ICRS: they differ by less than 0.03 arcsec.

    Raises
    ------
    UnsupportedFeatureError
        For any other system.
    """
    text = str(getattr(node.coordsys, "value", "") or "")
    words = [word for word in text.upper().split() if word not in _REFERENCE_POSITIONS]
    if not words or (len(words) == 1 and words[0] in _ICRS_NAMES):
        return "ICRS"
    if words == ["GALACTIC"]:
        return "GALACTIC"
    msg = f"the coordinate system {text!r} is not supported by this service; it takes ICRS and GALACTIC"
    raise scope.error(UnsupportedFeatureError, msg, node)


def resolve_shape(node: Shape, values: tuple[Typed, ...], scope: Scope) -> Typed:
    """Resolve POINT, CIRCLE, BOX, POLYGON or REGION, whose arguments are resolved already."""
    if node.kind == "REGION":
        return _region(node, scope)
    frame = frame_of(node, scope)
    values = tuple(as_shape(value) or value for value in values)
    for value, argument in zip(values, node.arguments, strict=True):
        if not (value.meta.is_number or isinstance(value, PointValue)):
            msg = f"the arguments of {node.kind} must be numbers in degrees, or points"
            raise scope.error(TypeMismatchError, msg, argument)
    try:
        match node.kind:
            case "POINT":
                return _point(values[0], values[1], frame, node, scope)
            case "CIRCLE":
                return _circle(values, frame, node, scope)
            case "BOX":
                return _box(values, frame, node, scope)
            case _:
                return _polygon(values, frame, node, scope)
    except ShapeError as error:
        raise scope.error(TypeMismatchError, f"this {node.kind} is not a region of the sky: {error}", node) from error


def _point(lon: Typed, lat: Typed, frame: str, node: Node, scope: Scope) -> PointValue:
    if isinstance(lon, PointValue) or isinstance(lat, PointValue):
        msg = "POINT takes two numbers"
        raise scope.error(TypeMismatchError, msg, node)
    x, y = constant_number(lon), constant_number(lat)
    if y is not None and abs(y) > 90:
        msg = f"the latitude {y:g} is not between -90 and 90 degrees"
        raise scope.error(TypeMismatchError, msg, node)
    if x is not None and y is not None:
        if not math.isfinite(x):
            msg = "the longitude is not a finite number"
            raise scope.error(TypeMismatchError, msg, node)
        x, y = icrs_from_galactic(x, y) if frame == "GALACTIC" else (x, y)
        return PointValue(Constant(repr(x), DOUBLE), Constant(repr(y), DOUBLE))
    return point_of(rotated(Operation("SHAPE", (lon, lat), POINT), frame)) if frame != "ICRS" else PointValue(lon, lat)


def point_of(array: Typed) -> PointValue:
    """Return the point, or the centre of the circle, that an array of numbers holds."""
    return PointValue(_element(array, 1), _element(array, 2))


def _element(array: Typed, place: int) -> Operation:
    return Operation("ELEMENT", (array, Constant(str(place), INT)), Meta("double", unit="deg"))


def rotated(array: Typed, frame: str) -> Operation:
    """Return a shape whose numbers are of that frame, "ICRS" or "GALACTIC", with the numbers of the other one."""
    return Operation("TO GALACTIC" if frame == "ICRS" else "FROM GALACTIC", (array,), array.meta)


def as_shape(value: Typed) -> Geometry | None:
    """Return a geometry as one: as it stands, made of a column of points or shapes, or of footprints; else None."""
    if isinstance(value, Geometry):
        return value
    match value.meta.kind:
        case "point":
            return point_of(value)
        case "circle":
            return CircleValue(point_of(value), _element(value, 3))
        case "polygon":
            return RegionValue(value, value.meta)
        case "text" if isinstance(value, ColumnUse) and _holds_footprints(value.meta):
            return RegionValue(value)
        case _:
            return None


def _holds_footprints(meta: Meta) -> bool:
    return (meta.xtype or "").lower() in {"adql:region", "stc-s"} or (meta.ucd or "").startswith("pos.outline")


def _centre(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> tuple[PointValue, tuple[Typed, ...]]:
    if isinstance(values[0], PointValue):
        return values[0], values[1:]
    if len(values) < (3 if node.kind == "CIRCLE" else 4):
        msg = f"the centre of this {node.kind} must be a point"
        raise scope.error(TypeMismatchError, msg, node)
    return _point(values[0], values[1], frame, node, scope), values[2:]


def _circle(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> CircleValue:
    centre, (radius,) = _centre(values, frame, node, scope)
    number = constant_number(radius)
    if number is not None:
        if not 0 <= number <= 180:
            msg = f"the radius {number:g} is not between 0 and 180 degrees"
            raise scope.error(TypeMismatchError, msg, node)
        radius = Constant(repr(number), DOUBLE)
    return CircleValue(centre, radius)


def constant_point(point: PointValue) -> tuple[float, float] | None:
    """Return a constant point's (lon, lat), or None."""
    lon, lat = point.lon, point.lat
    if isinstance(lon, Constant) and isinstance(lat, Constant) and lon.meta.is_number and lat.meta.is_number:
        return lon.number, lat.number
    return None


def _box(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> Geometry:
    if isinstance(values[0], PointValue):
        numbers = (values[0].lon, values[0].lat, *values[1:])
        frame = "ICRS"
    else:
        numbers = values
    if any(isinstance(number, PointValue) for number in numbers) or len(numbers) != 4:
        msg = "BOX takes a centre, a width and a height"
        raise scope.error(TypeMismatchError, msg, node)
    x, y, width, height = (constant_number(number) for number in numbers)
    if x is None or y is None or width is None or height is None:
        box = Operation("BOX", numbers, polygon_meta(4))
        return RegionValue(rotated(box, frame) if frame == "GALACTIC" else box, polygon_meta(4))
    if abs(y) > 90:
        msg = f"the latitude {y:g} is not between -90 and 90 degrees"
        raise scope.error(TypeMismatchError, msg, node)
    return _constant_polygon(box_vertices(x, y, width, height), frame, node, scope)


def _polygon(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> Geometry:
    if isinstance(values[0], PointValue):
        flat = [part for v in values if isinstance(v, PointValue) for part in (v.lon, v.lat)]
        frame = "ICRS"
    else:
        flat = [value for value in values if not isinstance(value, PointValue)]
    if len(flat) < len(values) or len(flat) % 2:
        msg = "POLYGON takes either points or pairs of numbers"
        raise scope.error(TypeMismatchError, msg, node)
    _check_vertices(len(flat) // 2, node, scope)
    numbers = [number for value in flat if (number := constant_number(value)) is not None]
    if len(numbers) == len(flat):
        return _constant_polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)), frame, node, scope)
    meta = polygon_meta(len(flat) // 2)
    shape = Operation("SHAPE", tuple(flat), meta)
    return RegionValue(rotated(shape, frame) if frame == "GALACTIC" else shape, meta)


def _check_vertices(count: int, node: Node, scope: Scope) -> None:
    if count > MAX_VERTICES:
        msg = f"a polygon may have at most {MAX_VERTICES} vertices, not {count}"
        raise scope.error(UnsupportedFeatureError, msg, node)


def _constant_polygon(vertices: tuple[tuple[float, float], ...], frame: str, node: Node, scope: Scope) -> PolygonValue:
    if any(abs(lat) > 90 or not math.isfinite(lon) for lon, lat in vertices):
        msg = "the latitude of a vertex is not between -90 and 90 degrees"
        raise scope.error(TypeMismatchError, msg, node)
    if frame == "GALACTIC":
        vertices = tuple(icrs_from_galactic(*vertex) for vertex in vertices)
    convex_pieces(vertices)
    return PolygonValue(vertices, polygon_meta(len(vertices)))


def _region(node: Shape, scope: Scope) -> Typed:
    """Read a MOC, or the simple shapes of STC-S: CIRCLE, POLYGON, BOX and POSITION with an optional frame."""
    text = str(getattr(node.arguments[0], "value", ""))
    words = text.split()
    if words and (words[0].upper() == "MOC" or "/" in words[0]):
        return resolve_moc(text[text.upper().index("MOC") + 3 :] if words[0].upper() == "MOC" else text, node, scope)
    kind = {"CIRCLE": "CIRCLE", "POLYGON": "POLYGON", "BOX": "BOX", "POSITION": "POINT", "POINT": "POINT"}.get(
        words[0].upper() if words else ""
    )
    names = [w for w in words[1:] if w[:1].isalpha()]
    try:
        numbers = [float(word) for word in words[1 + len(names) :]]
    except ValueError:
        kind = None
        numbers = []
    count = {"POINT": len(numbers) == 2, "CIRCLE": len(numbers) == 3, "BOX": len(numbers) == 4}
    good = count.get(kind or "", len(numbers) >= 6 and len(numbers) % 2 == 0)
    if kind is None or not good or not all(map(math.isfinite, numbers)):
        msg = (
            f"the region {text[:80]!r} is not supported by this service; it reads CIRCLE, POLYGON, BOX and POSITION "
            "with an optional frame, as in 'CIRCLE ICRS 10 20 1', and MOC 4/30-33 38"
        )
        raise scope.error(UnsupportedFeatureError, msg, node)
    from_text = tuple(Constant(repr(number), DOUBLE) for number in numbers)
    system = StringLiteral(" ".join(names), pos=node.pos)
    shape = Shape(kind, system, (node.arguments[0],) * len(from_text), pos=node.pos)
    return resolve_shape(shape, from_text, scope)


def resolve_moc(text: str, node: Node, scope: Scope) -> MocValue:
    """Read the text of a coverage (MOC 2.0 section 4.2.3, ``order/cell first-last ...``).

    Raises
    ------
    TypeMismatchError
        If it is none, or too large; with the reason.
    """
    try:
        return MocValue(read_moc(text))
    except MocError as error:
        raise scope.error(TypeMismatchError, f"this MOC cannot be used: {error}", node) from error


def resolve_geometry_function(  # noqa: C901, PLR0911, PLR0912  # one line for each function
    node: FunctionCall, values: tuple[Typed, ...], scope: Scope
) -> Typed:
    """Resolve AREA, CENTROID, CONTAINS, COORD1, COORD2, COORDSYS, DISTANCE or INTERSECTS."""
    name = node.name
    if name == "DISTANCE" and len(values) == 4:
        values = (_point(values[0], values[1], "ICRS", node, scope), _point(values[2], values[3], "ICRS", node, scope))
    shapes = [_need_shape(value, node, scope) for value in values]
    match name, *shapes:
        case (("CONTAINS" | "INTERSECTS"), _, _):
            return Operation(name, tuple(shapes), INT)
        case "DISTANCE", PointValue(), PointValue():
            return Operation(name, tuple(shapes), Meta("double", unit="deg", ucd="pos.angDistance"))
        case "COORD1", PointValue(lon=lon):
            return lon
        case "COORD2", PointValue(lat=lat):
            return lat
        case "COORDSYS", _:
            return Constant("ICRS", TEXT)
        case "AREA", PointValue():
            return Constant("0", DOUBLE.computed(unit="deg**2", ucd="phys.angArea"))
        case "AREA", (CircleValue() | RegionValue()):
            return Operation("AREA", (shapes[0],), Meta("double", unit="deg**2", ucd="phys.angArea"))
        case "AREA", PolygonValue(vertices=vertices):
            return Constant(repr(polygon_area(vertices)), Meta("double", unit="deg**2", ucd="phys.angArea"))
        case "CENTROID", PointValue():
            return shapes[0]
        case "CENTROID", CircleValue(centre=centre):
            return centre
        case "CENTROID", PolygonValue(vertices=vertices):
            lon, lat = polygon_centroid(vertices)
            return PointValue(Constant(repr(lon), DOUBLE), Constant(repr(lat), DOUBLE))
        case "CENTROID", RegionValue():
            return point_of(Operation("CENTROID", (shapes[0],), POINT))
        case "AREA", MocValue(ranges=ranges):
            cells = sum(high - low for low, high in ranges)
            return Constant(repr(cells / (12 << 58) * SKY_DEG2), Meta("double", unit="deg**2", ucd="phys.angArea"))
        case _:
            msg = f"{name} does not take {shapes[0].meta.kind} and the like"
            raise scope.error(TypeMismatchError, msg, node)


def _need_shape(value: Typed, node: FunctionCall, scope: Scope) -> Geometry:
    shape = as_shape(value)
    if shape is not None:
        return shape
    if isinstance(value, ColumnUse) and value.meta.kind == "text":
        msg = f"{node.name} cannot use {value.label}: this column of texts is not described as one of regions"
        raise scope.error(TypeMismatchError, msg, node)
    msg = f"{node.name} takes geometries such as POINT(ra, dec) or CIRCLE(ra, dec, radius)"
    raise scope.error(TypeMismatchError, msg, node)
