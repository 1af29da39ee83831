"""The output columns of a SELECT: their names, and which of them a GROUP BY leaves free."""

from vo.adql.resolved import ColumnUse, Constant, Operation, OutputColumn, Typed, children
from vo.adql.scope import same_name
from vo.adql.syntax import Aggregate, ColumnReference, DerivedColumn, FunctionCall, Shape


def default_name(item: DerivedColumn, value: Typed) -> str:
    """Return the name of an output column that was given none."""
    match item.value:
        case ColumnReference():
            return value.label if isinstance(value, ColumnUse) else item.value.names[-1].name
        case Aggregate(name=name) | FunctionCall(name=name):
            return name.lower()
        case Shape(kind=kind):
            return kind.lower()
        case _:
            return "col"


def unique_columns(items: list[tuple[str, Typed]]) -> tuple[OutputColumn, ...]:
    """Name the output columns; a name that is taken gets a number, since VOTable and FITS want them unique."""
    taken = {name.lower() for name, _ in items}
    seen: set[str] = set()
    columns = []
    for index, (name, value) in enumerate(items, start=1):
        unique, number = name, 1
        while unique.lower() in seen or (number > 1 and unique.lower() in taken):
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique.lower())
        columns.append(OutputColumn(unique, f"c{index}", value.meta))
    return tuple(columns)


def named_item(by: object, items: list[tuple[str, Typed]]) -> Typed | None:
    """Return the output column that a plain name means, if it is one."""
    if isinstance(by, ColumnReference) and len(by.names) == 1:
        return next((value for name, value in items if same_name(by.names[0], name)), None)
    return None


_AGGREGATES = ("COUNT", "MIN", "MAX", "AVG", "SUM", "IVO_STRING_AGG", "IVO_HISTOGRAM")


def _is_aggregate(value: Typed) -> bool:
    return isinstance(value, Operation) and value.name.split(" ")[0].split("(")[0] in _AGGREGATES


def has_aggregate(value: Typed) -> bool:
    """Whether a value is, or holds, an aggregate."""
    return _is_aggregate(value) or any(has_aggregate(child) for child in children(value))


def ungrouped(value: Typed, groups: tuple[Typed, ...], own: set[str]) -> ColumnUse | None:
    """Return a column of this select that is neither grouped nor aggregated, if there is one."""
    if value in groups or _is_aggregate(value) or isinstance(value, Constant):
        return None
    if isinstance(value, ColumnUse):
        return value if value.source in own else None
    return next((found for child in children(value) if (found := ungrouped(child, groups, own))), None)
