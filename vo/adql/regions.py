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
from vo.adql.resolved import (
    DOUBLE,
    INT,
    TEXT,
    CircleValue,
    ColumnUse,
    Constant,
    Meta,
    Operation,
    PointValue,
    PolygonValue,
    Typed,
    polygon_meta,
)
from vo.adql.scope import Scope
from vo.adql.syntax import FunctionCall, Node, Shape, StringLiteral

MAX_VERTICES = 1_000
_ICRS_NAMES = {"", "ICRS", "FK5", "J2000", "UNKNOWNFRAME"}
_REFERENCE_POSITIONS = {"BARYCENTER", "GEOCENTER", "HELIOCENTER", "TOPOCENTER", "UNKNOWNREFPOS", "SPHERICAL2"}

GeometryValue = PointValue | CircleValue | PolygonValue


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
    if frame != "ICRS":
        msg = "GALACTIC is supported for constant positions only; the tables hold ICRS positions"
        raise scope.error(UnsupportedFeatureError, msg, node)
    return PointValue(lon, lat)


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
    if isinstance(point.lon, Constant) and isinstance(point.lat, Constant):
        return point.lon.number, point.lat.number
    return None


def _box(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> PolygonValue:
    if isinstance(values[0], PointValue):
        centre = constant_point(values[0])
        sizes = values[1:]
    else:
        x, y = constant_number(values[0]), constant_number(values[1])
        centre = None if x is None or y is None else (x, y)
        sizes = values[2:]
    width, height = (constant_number(size) for size in sizes)
    if centre is None or width is None or height is None:
        msg = "BOX with a centre or size taken from columns is not supported by this service"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if abs(centre[1]) > 90:
        msg = f"the latitude {centre[1]:g} is not between -90 and 90 degrees"
        raise scope.error(TypeMismatchError, msg, node)
    return _constant_polygon(box_vertices(*centre, width, height), frame, node, scope)


def _polygon(values: tuple[Typed, ...], frame: str, node: Shape, scope: Scope) -> PolygonValue:
    if isinstance(values[0], PointValue):
        points = [constant_point(v) if isinstance(v, PointValue) else None for v in values]
        frame = "ICRS"
    else:
        numbers = [constant_number(value) for value in values]
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        points = [None if x is None or y is None else (x, y) for x, y in pairs]
    vertices = tuple(point for point in points if point is not None)
    if len(vertices) < len(points):
        msg = "POLYGON with vertices taken from columns is not supported by this service"
        raise scope.error(UnsupportedFeatureError, msg, node)
    return _constant_polygon(vertices, frame, node, scope)


def _constant_polygon(vertices: tuple[tuple[float, float], ...], frame: str, node: Node, scope: Scope) -> PolygonValue:
    if len(vertices) > MAX_VERTICES:
        msg = f"a polygon may have at most {MAX_VERTICES} vertices, not {len(vertices)}"
        raise scope.error(UnsupportedFeatureError, msg, node)
    if any(abs(lat) > 90 or not math.isfinite(lon) for lon, lat in vertices):
        msg = "the latitude of a vertex is not between -90 and 90 degrees"
        raise scope.error(TypeMismatchError, msg, node)
    if frame == "GALACTIC":
        vertices = tuple(icrs_from_galactic(*vertex) for vertex in vertices)
    convex_pieces(vertices)
    return PolygonValue(vertices, polygon_meta(len(vertices)))


def _region(node: Shape, scope: Scope) -> Typed:
    """Read the simple shapes of STC-S: CIRCLE, POLYGON, BOX and POSITION with an optional frame."""
    text = str(getattr(node.arguments[0], "value", ""))
    words = text.split()
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
            "with an optional frame, as in 'CIRCLE ICRS 10 20 1'"
        )
        raise scope.error(UnsupportedFeatureError, msg, node)
    from_text = tuple(Constant(repr(number), DOUBLE) for number in numbers)
    system = StringLiteral(" ".join(names), pos=node.pos)
    shape = Shape(kind, system, (node.arguments[0],) * len(from_text), pos=node.pos)
    return resolve_shape(shape, from_text, scope)


def resolve_geometry_function(  # noqa: C901, PLR0911  # one line for each function
    node: FunctionCall, values: tuple[Typed, ...], scope: Scope
) -> Typed:
    """Resolve AREA, CENTROID, CONTAINS, COORD1, COORD2, COORDSYS, DISTANCE or INTERSECTS."""
    name = node.name
    if name == "DISTANCE" and len(values) == 4:
        values = (_point(values[0], values[1], "ICRS", node, scope), _point(values[2], values[3], "ICRS", node, scope))
    shapes = [_need_shape(value, node, scope) for value in values]
    match name, *shapes:
        case (("CONTAINS" | "INTERSECTS"), _, _):
            return Operation(name, tuple(values), INT)
        case "DISTANCE", PointValue(), PointValue():
            return Operation(name, tuple(values), Meta("double", unit="deg", ucd="pos.angDistance"))
        case "COORD1", PointValue(lon=lon):
            return lon
        case "COORD2", PointValue(lat=lat):
            return lat
        case "COORDSYS", _:
            return Constant("ICRS", TEXT)
        case "AREA", PointValue():
            return Constant("0", DOUBLE.computed(unit="deg**2", ucd="phys.angArea"))
        case "AREA", CircleValue():
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
        case _:
            msg = f"{name} takes points here, not regions"
            raise scope.error(TypeMismatchError, msg, node)


def _need_shape(value: Typed, node: FunctionCall, scope: Scope) -> GeometryValue:
    if isinstance(value, PointValue | CircleValue | PolygonValue):
        return value
    if isinstance(value, ColumnUse) and value.meta.kind == "text":
        msg = (
            f"{node.name} with the region column {value.label} is not supported by this service yet; use the position "
            "columns of the table"
        )
        raise scope.error(UnsupportedFeatureError, msg, node)
    msg = f"{node.name} takes geometries such as POINT(ra, dec) or CIRCLE(ra, dec, radius)"
    raise scope.error(TypeMismatchError, msg, node)
