"""Random trees printed and parsed again are the same; random text is parsed or refused, never a crash."""

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.adql_printer import print_query
from vo.adql import syntax
from vo.adql.errors import ADQLError
from vo.adql.parser import parse_query
from vo.adql.words import RESERVED_WORDS

CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
regular = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(lambda w: w.upper() not in RESERVED_WORDS)
identifiers = st.builds(syntax.Identifier, regular) | st.builds(
    syntax.Identifier, st.text(CHARACTERS, min_size=1, max_size=8), st.just(True)
)
columns = st.lists(identifiers, min_size=1, max_size=4).map(lambda n: syntax.ColumnReference(tuple(n)))
numbers = st.from_regex(r"0x[0-9a-fA-F]{1,4}|[0-9]{1,6}(\.[0-9]{0,4})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
leaves = (
    columns
    | st.builds(syntax.NumberLiteral, numbers)
    | st.builds(syntax.StringLiteral, st.text(CHARACTERS, max_size=8))
    | st.builds(syntax.BooleanLiteral, st.booleans())
    | st.just(syntax.NullLiteral())
)


def chains(values, operators):
    rest = st.lists(st.tuples(st.sampled_from(operators), values), min_size=1, max_size=3).map(tuple)
    return st.builds(syntax.Chain, values, rest)


def compound(values):
    unary = st.sampled_from(["ABS", "SQRT", "LOWER", "COS", "DEGREES", "COORDSYS", "AREA"])
    return (
        chains(values, ["+", "-"])
        | chains(values, ["*", "/"])
        | chains(values, ["||"])
        | chains(values, ["&", "|", "^"])
        | st.builds(syntax.Signed, st.sampled_from(["+", "-", "~"]), values)
        | st.builds(lambda f, v: syntax.FunctionCall(f, (v,)), unary, values)
        | st.builds(lambda *v: syntax.FunctionCall("COALESCE", v), values, values)
        | st.builds(syntax.Cast, values, st.sampled_from(["INTEGER", "DOUBLE PRECISION", "TIMESTAMP", "POINT"]))
        | st.builds(syntax.Cast, values, st.just("VARCHAR"), st.integers(1, 99))
        | st.builds(syntax.Aggregate, st.sampled_from(["MIN", "SUM", "COUNT"]), values, st.booleans())
    )


values = st.recursive(leaves, compound, max_leaves=6)
points = st.builds(lambda a, b: syntax.Shape("POINT", syntax.StringLiteral("ICRS"), (a, b)), values, values)
shapes = points | st.builds(lambda p, r: syntax.Shape("CIRCLE", None, (p, r)), points, values)
geometry = st.builds(lambda p, s: syntax.FunctionCall("CONTAINS", (p, s)), points, shapes)
operators = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
predicates = (
    st.builds(syntax.Comparison, operators, leaves, values)
    | st.builds(syntax.Comparison, st.just("="), geometry, st.just(syntax.NumberLiteral("1")))
    | st.builds(syntax.Between, leaves, values, values, st.booleans())
    | st.builds(syntax.InList, leaves, st.lists(values, min_size=1, max_size=3).map(tuple), st.booleans())
    | st.builds(syntax.Like, leaves, values, st.booleans(), st.booleans())
    | st.builds(syntax.IsNull, columns, st.booleans())
)
conditions = st.recursive(
    predicates,
    lambda inner: (
        st.builds(syntax.And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(syntax.Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(syntax.Not, inner)
    ),
    max_leaves=5,
)
tables = st.builds(syntax.TableName, st.lists(identifiers, min_size=1, max_size=3).map(tuple), st.none() | identifiers)
items = st.just((syntax.Star(),)) | st.lists(
    st.builds(syntax.DerivedColumn, values, st.none() | identifiers), min_size=1, max_size=3
).map(tuple)
selects = st.builds(
    syntax.Select,
    items,
    st.lists(
        tables
        | st.builds(
            syntax.Join,
            st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]),
            tables,
            tables,
            st.booleans(),
            st.none() | conditions,
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    st.none() | conditions,
    st.lists(columns, max_size=2).map(tuple),
    st.none() | conditions,
    st.booleans(),
    st.none() | st.integers(0, 10**6),
)
orders = st.lists(st.builds(syntax.OrderTerm, st.integers(1, 9) | columns, st.booleans()), max_size=2).map(tuple)
expressions = st.builds(syntax.SelectExpression, selects, orders, st.none() | st.integers(0, 99))
bodies = selects | st.builds(
    syntax.SetOperation,
    st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]),
    selects,
    selects | expressions,
    st.booleans(),
)
queries = st.builds(
    syntax.Query,
    st.builds(syntax.SelectExpression, bodies, orders, st.none() | st.integers(0, 99)),
    st.lists(st.builds(syntax.WithQuery, identifiers, expressions), max_size=1).map(tuple),
)

_slow = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@_slow
@given(queries)
def test_a_printed_tree_parses_to_the_same_tree(query):
    text = print_query(query)
    assert parse_query(text) == query, text


PIECES = [
    "SELECT", "FROM", "WHERE", "(", ")", ",", "*", "a", "b.c", "1", "1.5e3", "'x'", '"q"', "=", "<", "AND", "OR", "NOT",
    "IN", "BETWEEN", "JOIN", "ON", "USING", "UNION", "ORDER BY", "GROUP BY", "TOP", "COUNT", "POINT", "CIRCLE", "CAST",
    "AS", "WITH", "||", "+", "-", "--", "\n", ";", "EXISTS", "LIKE", "IS", "NULL", "ABS", "0x", ".", "'", '"', "é", "\0",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text):
    with suppress(ADQLError):
        parse_query(text)


@settings(max_examples=150, deadline=None)
@given(queries, st.data())
def test_a_damaged_query_is_parsed_or_refused(query, data):
    text = print_query(query)
    place = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 5))
    with suppress(ADQLError):
        parse_query(text[:place] + data.draw(st.sampled_from(PIECES)) + text[place + length :])
