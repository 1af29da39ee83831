"""The syntax tree of an ADQL 2.1 query: frozen dataclasses, each with its offset in the text.

Names follow the grammar of ADQL 2.1 (appendix A). Offsets are not part of equality, so that a query printed and
parsed again compares equal.
"""

from dataclasses import dataclass, field
from typing import Literal as OneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything that stands at an offset of the query's text."""

    pos: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A name; a delimited one ("Like This") is case-sensitive."""

    name: str
    delimited: bool = False


# --- values ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberLiteral(Node):
    """`text` is as written: digits, decimals, an exponent, or 0x hexadecimal."""

    text: str


@dataclass(frozen=True, slots=True)
class StringLiteral(Node):
    """A text, without its quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class BooleanLiteral(Node):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class NullLiteral(Node):
    """NULL."""


@dataclass(frozen=True, slots=True)
class ColumnReference(Node):
    """One to four names: [[[catalog.]schema.]table.]column."""

    names: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Signed(Node):
    """A sign, or the bitwise complement, before a value."""

    operator: OneOf["+", "-", "~"]
    operand: "Value"


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operands joined by operators of one precedence, evaluated from the left.

    Flat, so that a sum of a thousand terms is not a thousand levels deep.
    """

    first: "Value"
    rest: tuple[tuple[str, "Value"], ...]


@dataclass(frozen=True, slots=True)
class FunctionCall(Node):
    """Mathematical, string, geometry or user-defined function; the name is in upper case."""

    name: str
    arguments: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """COUNT, AVG, MIN, MAX or SUM; no argument means COUNT(*)."""

    name: str
    argument: "Value | None"
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """CAST(operand AS target), with the length of CHAR(n) and VARCHAR(n)."""

    operand: "Value"
    target: str
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Shape(Node):
    """POINT, CIRCLE, BOX, POLYGON or REGION with its optional coordinate system."""

    kind: str
    coordsys: StringLiteral | NullLiteral | None
    arguments: tuple["Value", ...]


Value = (
    NumberLiteral
    | StringLiteral
    | BooleanLiteral
    | NullLiteral
    | ColumnReference
    | Signed
    | Chain
    | FunctionCall
    | Aggregate
    | Cast
    | Shape
)

# --- conditions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`left operator right`; the operator is one of = <> < <= > >=."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Between(Node):
    """`value BETWEEN low AND high`."""

    value: Value
    low: Value
    high: Value
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InList(Node):
    """`value IN (item, ...)`."""

    value: Value
    items: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery(Node):
    """`value IN (query)`."""

    value: Value
    query: "SelectExpression"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Node):
    """`value LIKE pattern`, or ILIKE."""

    value: Value
    pattern: Value
    negated: bool = False
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """`column IS NULL`."""

    value: ColumnReference
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """`EXISTS (query)`."""

    query: "SelectExpression"


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`NOT condition`."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And(Node):
    """Conditions that must all hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Conditions of which one must hold."""

    conditions: tuple["Condition", ...]


Condition = Comparison | Between | InList | InQuery | Like | IsNull | Exists | Not | And | Or

# --- tables ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableName(Node):
    """One to three names: [[catalog.]schema.]table, and the correlation name."""

    names: tuple[Identifier, ...]
    alias: Identifier | None = None


@dataclass(frozen=True, slots=True)
class DerivedTable(Node):
    """A query in FROM, with the name it needs."""

    query: "SelectExpression"
    alias: Identifier


@dataclass(frozen=True, slots=True)
class Join(Node):
    """Two tables joined by ON, USING, NATURAL, or (by the grammar) nothing."""

    kind: OneOf["INNER", "LEFT", "RIGHT", "FULL"]
    left: "TableReference"
    right: "TableReference"
    natural: bool = False
    on: Condition | None = None
    using: tuple[Identifier, ...] = ()


TableReference = TableName | DerivedTable | Join

# --- queries --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*`, or `table.*` with the names before the star."""

    qualifier: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class DerivedColumn(Node):
    """A value in the select list, with its name if it is given one."""

    value: Value
    alias: Identifier | None = None


@dataclass(frozen=True, slots=True)
class OrderTerm(Node):
    """A value, or the position of an output column counted from 1."""

    by: Value | int
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Select(Node):
    """One SELECT ... FROM ..., without ORDER BY and OFFSET."""

    items: tuple[Star | DerivedColumn, ...]
    tables: tuple[TableReference, ...]
    where: Condition | None = None
    group_by: tuple[Value, ...] = ()
    having: Condition | None = None
    distinct: bool = False
    top: int | None = None


@dataclass(frozen=True, slots=True)
class SetOperation(Node):
    """UNION, EXCEPT or INTERSECT; `keep_duplicates` is ALL."""

    operator: OneOf["UNION", "EXCEPT", "INTERSECT"]
    left: "QueryBody"
    right: "QueryBody"
    keep_duplicates: bool = False


@dataclass(frozen=True, slots=True)
class SelectExpression(Node):
    """A select query or set expression with its order and offset; also what stands inside parentheses."""

    body: "QueryBody"
    order_by: tuple[OrderTerm, ...] = ()
    offset: int | None = None


QueryBody = Select | SetOperation | SelectExpression


@dataclass(frozen=True, slots=True)
class WithQuery(Node):
    """A common table expression."""

    name: Identifier
    query: SelectExpression


@dataclass(frozen=True, slots=True)
class Query(Node):
    """A whole ADQL query: common table expressions and the select expression that uses them."""

    expression: SelectExpression
    with_queries: tuple[WithQuery, ...] = ()
