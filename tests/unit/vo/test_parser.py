import pytest

from vo.adql.errors import ADQLError, ADQLSyntaxError, QueryTooLargeError
from vo.adql.parser import parse_query
from vo.adql.predicates import MAX_LIST
from vo.adql.syntax import (
    Aggregate,
    Chain,
    ColumnReference,
    Comparison,
    DerivedTable,
    Identifier,
    Join,
    NumberLiteral,
    Select,
    SetOperation,
    Shape,
)
from vo.adql.tokens import MAX_LENGTH, MAX_NESTING

VALID = [
    "SELECT x FROM y",
    "select x, v from y where z=0 and v>2;",
    "SELECT 89x FROM z",
    "select all(a+b)X from most,(anything join else3 ON(a BETWEEN(b+and7)AND 4))",
    "select top 4* from (select * from a.b)x",
    'SELECT "f-bar", "c""ho" FROM "n-k" WHERE "ja ja"<"Umph"',
    "select x from (t1 JOIN t4) FULL OUTER JOIN (t2 JOIN t3)",
    "select x from t1 NATURAL LEFT OUTER JOIN t2, t3",
    "select a from s natural join t join u on (d=e)",
    "select * from ((select a from b) union (select c from d) order by 1) as q",
    "select * from ((select a from b) as q join c on q.a=c.a)",
    "select x from y where ((((a)))) = 1 and (((b)=2) or not (c<3))",
    "select x from y where a in ((select 1 from b))",
    "select x from y where z not between x+8 and x*8",
    "select x from y where u || 'foo' not like '%'",
    "select x from y where k is not null",
    "select x from z where 5+9>'gaga'||'bla'",
    "select '30'*1323 from y",
    "select t1.*, s1.t2.* from t1, s1.t2, s2.t3",
    "select z.x.y.col from z.x.y",
    "select x from y where RAND(4)=x and ROUND(PI(),-2)=3.14 and TRUNCATE(x, 3) > .5e-3",
    "select x from y where Point(NULL, 2, 3)=x",
    "select x from y where POLYGON('fk5', 2, 3, 3, 0, 23, 0, 45, 34)=x",
    "select POLYGON(p1, p2, p3) from y",
    "select CIRCLE(POINT(1,2), 3), BOX(CENTROID(c), 1, 2), REGION('Circle ICRS 1 2 3') from y",
    "select * from t where 1=CONTAINS(CIRCLE('ICRS', 4, 4, 2), POINT('', ra, dec))",
    "select distance(ra, dec, 1, 2), distance(point(1,2), p) from t",
    "select COORD1(p), COORDSYS(p), AREA(c) from t",
    "select CAST(5 AS BigInt), CAST(3.14 AS Double Precision), CAST(n AS char(30)), CAST(n AS TIMESTAMP) from t",
    "select COALESCE(a, b, 0), LOWER(n), UPPER('x'), IN_UNIT(ra, 'arcsec') from t",
    "select count(*), count(distinct x), sum(all y) from t group by z having avg(y) > 1 order by 2 desc, z",
    "with a as (select x from b), c as (select * from a) select * from c offset 5",
    "select a from b union all select c from d except select e from f intersect select g from h order by 1 offset 3",
    "(select top 10 a from b order by a) union (select top 10 a from b order by a desc)",
    "select ivo_hasword(t, 'x') || 9 from y",
    "select x from y where b = TRUE and 0xff & m <> 0",
    "select x -- a comment\nfrom y -- another",
    "select round(x,2)as a,'ab'as b from foo",
    "select TAP_UPLOAD.\n abc\n .c from TAP_UPLOAD . abc",
    'select i.name as instrument, b."name" as band from ila.instrument i join ila.band b using(instrument_oid);',
]

INVALID = [
    ("", "SELECT"),
    ("W00T", "SELECT"),
    ("SELECT A", "FROM"),
    ("SELECT FROM x", "value"),
    ("SELECT x, FROM y", "value"),
    ("SELECT A FROM B WHERE", "value"),
    ("SELECT TOP -10 a FROM b", "whole number"),
    ("SELECT TOP foo FROM x", "whole number"),
    ("SELECT * FROM distinct", "reserved"),
    ("SELECT *, a FROM b", "stands alone"),
    ("SELECT * FROM (SELECT * FROM x)", "name for the subquery"),
    ("select x from (t1)", "JOIN"),
    ("select x from t1 JOIN", "table"),
    ("select x from t1 CROSS JOIN t2", "CROSS is a reserved word"),
    ("select x from t1, t2 ON", "reserved"),
    ("select * from a join b on foo", "comparison"),
    ("SELECT * from a OFFSET 20 join b on foo", "end of the query"),
    ("select x from y where z BETWEEN AND 5", "value"),
    ("select x from y where x IN 5", "list or a query"),
    ("select x from y where x IN (23, 3,)", "value"),
    ("select x from y where x IN ()", "value"),
    ("select x from y where x Is None", "NULL"),
    ("select x from y where (a+b) is null", "IS NULL takes a column"),
    ("select x from y where not not a=1", "NOT"),
    ("select x from y where ABS()<3", "argument"),
    ("select x from y where ABS(y,z)<3", "argument"),
    ("select x from y where TAN2(x)<3", "did you mean ATAN2"),
    ("select x from y where PI==3", "( after the function PI"),
    ("select x.y.z.a.b from a", "at most catalog"),
    ("select x from a.b.c.d", "at most catalog"),
    ("select mag from %s", "'%'"),
    ("select _a from b", '"_name"'),
    ("select distance from b", "reserved"),
    ("select count(*) from b where count(*) > 5", "HAVING"),
    ("select x from y where CONTAINS(a,b)", "comparison"),
    ("select x from y where Point('fk5',2,3)", "comparison"),
    ("select x from y where CIRCLE('fk5', 2, 3)=x", "must be a point"),
    ("select POLYGON('fk5', 2, 3, 3, 0, 23, 0, 45) from y", "three vertices"),
    ("select POINT(1) from y", "longitude"),
    ("select point(1, 2)||'a' from y", "geometry"),
    ("select 'a'||point(1, 2) from y", "geometry"),
    ("select CAST(1 AS NULL) from y", "a type that CAST can make"),
    ("select CAST(1 AS FLOAT) from y", "a type that CAST can make"),
    ("select a from b union (with c as (select d from e) select d from c)", "SELECT"),
    ("select 'a from b", "no closing"),
    ('select "a from b', "no closing"),
    ("select my_undefined_function(ra) from t", "unknown function"),
    ("select a from b; select c from d", "end of the query"),
    ("delete from t", "SELECT"),
    ("select a from b where c = (select d from e)", "value"),
    ("select a\x00 from b", "no meaning"),
    ("select 'a\x00' from b", "NUL"),
]


@pytest.mark.parametrize("text", VALID)
def test_valid_queries_are_parsed(text):
    parse_query(text)


@pytest.mark.parametrize(("text", "words"), INVALID, ids=[text for text, _ in INVALID])
def test_invalid_queries_are_refused_with_a_reason(text, words):
    with pytest.raises(ADQLSyntaxError, match=f"(?s).*{__import__('re').escape(words)}"):
        parse_query(text)


def test_the_error_names_line_column_what_was_found_and_expected():
    with pytest.raises(ADQLSyntaxError) as caught:
        parse_query("SELECT ra,\n  dec FRM sources")
    assert (caught.value.line, caught.value.column) == (2, 11)
    assert caught.value.found == "sources"
    assert "FROM" in caught.value.expected
    assert str(caught.value).endswith("(line 2, column 11)")


def test_reserved_words_as_a_table_are_an_unknown_table():
    with pytest.raises(ADQLSyntaxError, match=r"Unknown table schema\.table"):
        parse_query("select top 10 * from schema.table;")


def test_intersect_binds_tighter_than_union():
    body = parse_query("select a from b union select c from d intersect select e from f").expression.body
    assert isinstance(body, SetOperation)
    assert body.operator == "UNION"
    assert isinstance(body.right, SetOperation)
    assert body.right.operator == "INTERSECT"


def test_the_tree_of_a_query():
    select = parse_query(
        'SELECT TOP 3 COUNT(*) AS n, -a.x FROM t AS a LEFT JOIN "U" b USING (id) WHERE a.x+1*2 >= 5'
    ).expression.body
    assert isinstance(select, Select)
    assert select.top == 3
    assert select.items[0].value == Aggregate("COUNT", None)
    join = select.tables[0]
    assert isinstance(join, Join)
    assert (join.kind, join.using) == ("LEFT", (Identifier("id"),))
    assert join.right.names == (Identifier("U", delimited=True),)
    where = select.where
    assert isinstance(where, Comparison)
    x = ColumnReference((Identifier("a"), Identifier("x")))
    product = Chain(NumberLiteral("1"), (("*", NumberLiteral("2")),))
    assert where.left == Chain(x, (("+", product),))


def test_coordinate_systems_are_kept_apart_from_coordinates():
    item = parse_query("select CIRCLE('GALACTIC', 1, 2, 3) from t").expression.body.items[0].value
    assert isinstance(item, Shape)
    assert item.coordsys.value == "GALACTIC"
    assert len(item.arguments) == 3


def test_a_parenthesis_in_from_may_hold_a_query_in_a_parenthesis():
    table = parse_query("select * from (((select a from b))) as q").expression.body.tables[0]
    assert isinstance(table, DerivedTable)


@pytest.mark.parametrize(
    "text",
    [
        "select a from t where b in (" + ",".join("1" for _ in range(MAX_LIST + 1)) + ")",
        "select " + "(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1) + " from t",
        "select a from t where " + "(" * 5000 + "a=1",
        "select * from " + "(" * 5000 + "select a from b",
        "select " + "abs(" * 5000 + "a",
        "select a from t where " + "not (" * 5000,
        "select a from " + ",".join("t" for _ in range(60)),
        "select " + "+".join("1" for _ in range(2000)) + " from t",
        "select a from t" + " " * MAX_LENGTH,
        "select a from b" + " union select a from b" * 60,
    ],
    ids=["list", "nesting", "conditions", "tables", "calls", "nots", "many tables", "sum", "length", "unions"],
)
def test_a_query_past_a_limit_is_refused(text):
    with pytest.raises(QueryTooLargeError):
        parse_query(text)


def test_limits_are_user_errors():
    assert issubclass(QueryTooLargeError, ADQLError)
