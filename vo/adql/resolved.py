"""The resolved query: every name bound to a column, every value with its type. The only input of the SQL writers."""

import math
from dataclasses import dataclass, replace
from typing import Literal as OneOf

Kind = OneOf["int", "float", "text", "boolean", "timestamp", "point", "circle", "polygon", "moc", "array", "null"]
GEOMETRY_KINDS = frozenset({"point", "circle", "polygon", "moc"})

_INTEGERS = {"short": 16, "int": 32, "long": 64}
_FLOATS = {"float": 32, "double": 64}


@dataclass(frozen=True, slots=True)
class Meta:
    """What VOTable says of a column: datatype, shape, unit and meaning."""

    datatype: str
    arraysize: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    description: str = ""

    @property
    def kind(self) -> Kind:
        """How the value behaves in expressions."""
        if self.xtype == "timestamp" and self.datatype in {"char", "unicodeChar"}:
            return "timestamp"
        if self.xtype in {"point", "circle", "polygon"} and self.is_array:
            return self.xtype  # pyright: ignore[reportReturnType]  # narrowed by the test
        if self.xtype == "moc":
            return "moc"
        if self.is_array:
            return "array"
        if self.datatype in _INTEGERS:
            return "int"
        if self.datatype in _FLOATS:
            return "float"
        return {"boolean": "boolean", "null": "null"}.get(self.datatype, "text")  # pyright: ignore[reportReturnType]

    @property
    def is_number(self) -> bool:
        """Whether it is a single number."""
        return self.arraysize is None and (self.datatype in _INTEGERS or self.datatype in _FLOATS)

    @property
    def is_array(self) -> bool:
        """Whether it is a list of numbers or truth values; geometries are."""
        return self.arraysize is not None and self.datatype in {*_INTEGERS, *_FLOATS, "boolean"}

    @property
    def element_count(self) -> int | None:
        """Number of elements of an array, or None if that differs from row to row."""
        if self.arraysize is None or self.arraysize.endswith("*"):
            return None
        return math.prod(int(number) for number in self.arraysize.split("x"))

    def computed(self, **changes: str | None) -> "Meta":
        """Return this type for a computed value: without utype and description, with `changes`."""
        return replace(self, **{"utype": None, "description": "", **changes})  # pyright: ignore[reportArgumentType]


INT = Meta("int")
LONG = Meta("long")
DOUBLE = Meta("double")
TEXT = Meta("char", "*")
UNICODE = Meta("unicodeChar", "*")
BOOLEAN = Meta("boolean")
NULL = Meta("null")
TIMESTAMP = Meta("char", "23*", xtype="timestamp")
POINT = Meta("double", "2", "deg", "pos.eq", xtype="point")
CIRCLE = Meta("double", "3", "deg", "pos.outline", xtype="circle")
REGION = Meta("double", "*", "deg", "pos.outline", xtype="polygon")
MOC = Meta("char", "*", None, "pos.outline", xtype="moc")


def polygon_meta(vertices: int) -> Meta:
    """Type of a polygon with that many vertices (DALI 1.1 section 3.3.7)."""
    return Meta("double", str(2 * vertices), "deg", "pos.outline", xtype="polygon")


def wider(left: Meta, right: Meta) -> str:
    """Return the datatype that holds both numbers.

    Examples
    --------
    >>> wider(Meta("short"), Meta("long")), wider(Meta("long"), Meta("float"))
    ('long', 'double')
    """
    if left.datatype in _INTEGERS and right.datatype in _INTEGERS:
        return max(left.datatype, right.datatype, key=_INTEGERS.__getitem__)
    return "float" if left.datatype == right.datatype == "float" else "double"


# --- values ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. Numbers keep their text, so that no digit is lost on the way."""

    value: str | bool | None
    meta: Meta

    @property
    def number(self) -> float:
        """The value as a float; only for numbers."""
        return float(str(self.value))


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column of a source; `role` tells whether it is the ra or dec of its indexed position, or its footprint."""

    source: str
    column: str
    meta: Meta
    label: str
    role: OneOf["", "ra", "dec", "footprint"] = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator, function, aggregate or condition, by name, applied to values."""

    name: str
    arguments: tuple["Typed", ...]
    meta: Meta


@dataclass(frozen=True, slots=True)
class PointValue:
    """ICRS longitude and latitude in degrees."""

    lon: "Typed"
    lat: "Typed"
    meta: Meta = POINT


@dataclass(frozen=True, slots=True)
class CircleValue:
    """A circle; the radius in degrees."""

    centre: PointValue
    radius: "Typed"
    meta: Meta = CIRCLE


@dataclass(frozen=True, slots=True)
class PolygonValue:
    """A polygon of constant vertices, (lon, lat) in ICRS degrees."""

    vertices: tuple[tuple[float, float], ...]
    meta: Meta


@dataclass(frozen=True, slots=True)
class RegionValue:
    """A shape that differs from row to row.

    `value` is a column of footprints as text, or an array in ICRS degrees: 3 numbers a circle, 6 or more a polygon.
    """

    value: "Typed"
    meta: Meta = REGION


@dataclass(frozen=True, slots=True)
class MocValue:
    """A coverage: half-open ranges of NESTED cells at order 29, sorted and apart from each other."""

    ranges: tuple[tuple[int, int], ...]
    meta: Meta = MOC


@dataclass(frozen=True, slots=True)
class QueryTest:
    """IN or EXISTS with a query."""

    name: OneOf["IN", "EXISTS"]
    value: "Typed | None"
    body: "Body"
    meta: Meta = BOOLEAN


Geometry = PointValue | CircleValue | PolygonValue | RegionValue | MocValue
Typed = Constant | ColumnUse | Operation | Geometry | QueryTest


def children(value: Typed) -> tuple[Typed, ...]:
    """Return the values that a value is made of."""
    match value:
        case Operation(arguments=arguments):
            return arguments
        case PointValue(lon, lat):
            return (lon, lat)
        case CircleValue(centre, radius):
            return (centre, radius)
        case RegionValue(inner):
            return (inner,)
        case QueryTest(value=test) if test is not None:
            return (test,)
        case _:
            return ()


# --- queries --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a result: its name for the client, its name in SQL, its type."""

    name: str
    sql_name: str
    meta: Meta


@dataclass(frozen=True, slots=True)
class BaseTable:
    """A view of the published schemas, or an uploaded table; `name` is that in the database."""

    alias: str
    name: tuple[str, ...]
    uploaded: bool = False


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A common table expression, by its name in SQL."""

    alias: str
    name: str


@dataclass(frozen=True, slots=True)
class QueryTable:
    """A query in FROM."""

    alias: str
    body: "Body"


@dataclass(frozen=True, slots=True)
class JoinedTables:
    """Two joined tables; no condition means every pair."""

    kind: str
    left: "FromItem"
    right: "FromItem"
    on: Typed | None


FromItem = BaseTable | NamedQuery | QueryTable | JoinedTables


@dataclass(frozen=True, slots=True)
class SelectBody:
    """A SELECT with its order, limit and offset."""

    columns: tuple[OutputColumn, ...]
    values: tuple[Typed, ...]
    tables: tuple[FromItem, ...]
    where: Typed | None
    group_by: tuple[Typed, ...]
    having: Typed | None
    distinct: bool
    order_by: tuple[tuple[Typed, bool], ...] = ()
    limit: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class SetBody:
    """`order_by` holds positions of columns, counted from 1, and whether they descend."""

    operator: str
    left: "Body"
    right: "Body"
    columns: tuple[OutputColumn, ...]
    order_by: tuple[tuple[int, bool], ...] = ()
    offset: int | None = None


Body = SelectBody | SetBody


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query ready to be written as SQL; `columns` describe its result."""

    columns: tuple[OutputColumn, ...]
    body: Body
    named_queries: tuple[tuple[str, Body], ...] = ()
