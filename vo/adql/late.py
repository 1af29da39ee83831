"""`integral_ul`: a function whose values are computed after the query, from arrays that the database does not hold.

The database finds the rows and the positions; the values are then read from the memory-mapped maps and joined to the
rows. So a call can stand in the outermost SELECT list, by itself, and nowhere else: no condition, order, group, other
function or query around it could see its value. `check_places` says so, with the place; `split_late` makes the query
that the database runs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from vo.adql.errors import ADQLError, TypeMismatchError, UnsupportedFeatureError
from vo.adql.regions import constant_number
from vo.adql.resolved import DOUBLE, INT, Constant, Meta, Operation, OutputColumn, ResolvedQuery, SelectBody, Typed
from vo.adql.scope import Scope, same_name
from vo.adql.syntax import ColumnReference, DerivedColumn, FunctionCall, Identifier, Node, Query, Select

NAME = "INTEGRAL_UL"
UNIT = "mCrab"
ErrorMaker = Callable[[type[ADQLError], str, Node], ADQLError]


@dataclass(frozen=True, slots=True)
class LateCall:
    """One call: its values belong into column `place` of the result, counted from 0.

    Until then `right_ascension` and `declination` are the columns of the inner query that hold the position, ICRS
    degrees; `offset` is where the call stands in the text.
    """

    place: int
    right_ascension: str
    declination: str
    instrument: str
    band: str
    confidence: float
    offset: int


def resolve_late(node: FunctionCall, values: tuple[Typed, ...], scope: Scope) -> Operation:
    """Resolve integral_ul(instrument, band, ra, dec, confidence); the last three are numbers already.

    Raises
    ------
    TypeMismatchError
        If instrument and band are no constant texts, or the confidence no constant between 0 and 1.
    """
    for value, what, argument in zip(values, ("instrument", "band"), node.arguments, strict=False):
        if not isinstance(value, Constant) or not str(value.value or "").strip():
            msg = f"integral_ul: the {what} must be a text in quotes, such as 'isgri' and '20-40'"
            raise scope.error(TypeMismatchError, msg, argument)
    confidence = constant_number(values[4])
    if confidence is None or not 0.0 < confidence < 1.0:
        found = "" if confidence is None else f", not {confidence:g}"
        msg = f"integral_ul: the confidence must be a constant between 0 and 1, one-sided, such as 0.9987{found}"
        raise scope.error(TypeMismatchError, msg, node.arguments[4])
    offset = Constant(str(node.pos), INT)
    return Operation(NAME, (*values, offset), Meta("double", unit=UNIT, ucd="phot.flux;stat.max"))


def check_places(query: Query, error: ErrorMaker) -> None:
    """Refuse a call that does not stand by itself in the outermost SELECT list.

    Raises
    ------
    UnsupportedFeatureError
        With the place of the call, or of the ORDER BY that needs its value.
    """
    calls = [call for call in _calls(query) if call.name == NAME]
    if not calls:
        return
    outermost = query.expression.body
    items = outermost.items if isinstance(outermost, Select) else ()
    late = {id(item.value): item for item in items if isinstance(item, DerivedColumn) and item.value in calls}
    for call in calls:
        if id(call) not in late:
            msg = (
                "integral_ul is computed after the query, so it can only be a column of the outermost SELECT: "
                "select it, and filter or sort the result"
            )
            raise error(UnsupportedFeatureError, msg, call)
    if isinstance(outermost, Select) and outermost.distinct:
        raise error(UnsupportedFeatureError, "integral_ul is computed after DISTINCT: leave DISTINCT out", calls[0])
    for term in query.expression.order_by:
        for item in late.values():
            if _means(term.by, item, items.index(item) + 1):
                msg = "integral_ul is computed after the query, so the query cannot be sorted by it: sort the result"
                raise error(UnsupportedFeatureError, msg, term)


def split_late(query: ResolvedQuery) -> tuple[ResolvedQuery, tuple[LateCall, ...]]:
    """Return the query for the database and the calls to compute after it.

    In the query each call is replaced by its right ascension; its declination is a column more at the end.
    """
    body = query.body
    if not isinstance(body, SelectBody):
        return query, ()
    columns, values, calls = list(body.columns), list(body.values), []
    for place, value in enumerate(body.values):
        if isinstance(value, Operation) and value.name == NAME:
            instrument, band, ra, dec, confidence, offset = value.arguments
            added = OutputColumn(f"c{len(columns) + 1}", f"c{len(columns) + 1}", DOUBLE)
            columns[place] = replace(columns[place], meta=DOUBLE)
            values[place] = _as_double(ra)
            columns.append(added)
            values.append(_as_double(dec))
            calls.append(
                LateCall(
                    place,
                    columns[place].sql_name,
                    added.sql_name,
                    _text(instrument),
                    _text(band),
                    constant_number(confidence) or 0.0,
                    int(_text(offset)),
                )
            )
    if not calls:
        return query, ()
    bare = replace(body, columns=tuple(columns), values=tuple(values))
    return ResolvedQuery(bare.columns, bare, query.named_queries), tuple(calls)


def _calls(node: object) -> Iterator[FunctionCall]:
    if isinstance(node, FunctionCall):
        yield node
    if isinstance(node, tuple):
        for part in node:
            yield from _calls(part)
    elif is_dataclass(node) and not isinstance(node, type) and not isinstance(node, Identifier):
        for one in fields(node):
            yield from _calls(getattr(node, one.name))


def _means(by: object, item: DerivedColumn, position: int) -> bool:
    if isinstance(by, int):
        return by == position
    name = item.alias.name if item.alias else NAME.lower()
    return isinstance(by, ColumnReference) and len(by.names) == 1 and same_name(by.names[0], name)


def _as_double(value: Typed) -> Operation:
    return Operation("CAST DOUBLE PRECISION", (value,), DOUBLE)


def _text(value: Typed) -> str:
    return str(value.value) if isinstance(value, Constant) else ""
