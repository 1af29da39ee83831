"""Checks what kind of value an operator or function was given."""

from vo.adql.errors import TypeMismatchError
from vo.adql.resolved import TEXT, TIMESTAMP, UNICODE, ColumnUse, Constant, Meta, Typed
from vo.adql.scope import Scope
from vo.adql.syntax import Node
from vo.adql.types import read_timestamp


def need_number(value: Typed, what: str, node: Node, scope: Scope) -> Typed:
    """Return `value` if it is a number or NULL, else fail."""
    if not value.meta.is_number and value.meta.kind != "null":
        msg = f"{what} must be a number, not {describe(value)}"
        raise scope.error(TypeMismatchError, msg, node)
    return value


def need_text(value: Typed, what: str, node: Node, scope: Scope) -> Typed:
    """Return `value` if it is a text or NULL, else fail."""
    if value.meta.kind not in {"text", "timestamp", "null"}:
        msg = f"{what} must be a text, not {describe(value)}; CAST(... AS VARCHAR) makes one"
        raise scope.error(TypeMismatchError, msg, node)
    return Constant(None, TEXT) if value.meta.kind == "null" else value


def text_meta(*values: Typed) -> Meta:
    """Return the type of a text made of these values; what may hold more than ASCII is unicodeChar."""
    return UNICODE if any(value.meta.datatype == "unicodeChar" for value in values) else TEXT


def describe(value: Typed) -> str:
    """Name a value's kind for an error message."""
    kind = {"int": "number", "float": "number"}.get(value.meta.kind, value.meta.kind)
    return f"the {kind} {value.label}" if isinstance(value, ColumnUse) else f"a {kind}"


def constant_time(value: Constant, node: Node, scope: Scope) -> Constant:
    """Return a text as the time that it writes, else fail."""
    iso = read_timestamp(str(value.value))
    if iso is None:
        msg = f"{value.value!r} is not a time such as 2005-01-31T12:00:00 (UTC)"
        raise scope.error(TypeMismatchError, msg, node)
    return Constant(iso, TIMESTAMP)
