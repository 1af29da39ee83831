import re

import pytest

from archive.published import Column, Position, Table
from vo.adql.errors import (
    ADQLError,
    AmbiguousNameError,
    TypeMismatchError,
    UnknownColumnError,
    UnknownTableError,
    UnsupportedFeatureError,
)
from vo.adql.parser import parse_query
from vo.adql.postgres import write_query
from vo.adql.resolver import resolve_query

SOURCES = Table(
    "demo.sources",
    "",
    "",
    (
        Column("id", "int", "Number", ucd="meta.id;meta.main"),
        Column("name", "char", "Name", arraysize="*"),
        Column("ra", "double", "RA", unit="deg", ucd="pos.eq.ra;meta.main", utype="obs:ra"),
        Column("dec", "double", "Dec", unit="deg", ucd="pos.eq.dec;meta.main"),
        Column("flux", "float", "Flux", unit="mJy", ucd="phot.flux"),
        Column("seen", "char", "When", arraysize="20*", xtype="timestamp"),
        Column("genuine", "boolean", "Real"),
    ),
    position=Position("ra", "dec"),
)
NAMES = Table("demo.aliases", "", "", (Column("id", "int", "Number"), Column("alias", "char", "Alias", arraysize="*")))
TABLES = {table.name: table for table in (SOURCES, NAMES)}


def resolve(text):
    return resolve_query(parse_query(text), TABLES, text)


def sql_of(text):
    return write_query(resolve(text)).as_string(None)


def only(text):
    (column,) = resolve(text).columns
    return column


def test_plain_columns_keep_all_their_metadata():
    column = only("select RA from demo.sources")
    meta = column.meta
    assert (column.name, meta.datatype, meta.unit, meta.ucd, meta.utype) == (
        "ra",
        "double",
        "deg",
        "pos.eq.ra;meta.main",
        "obs:ra",
    )


@pytest.mark.parametrize(
    ("value", "datatype", "unit", "ucd"),
    [
        ("1", "int", None, None),
        ("3000000000", "long", None, None),
        ("1.5", "double", None, None),
        ("'x'", "char", None, None),
        ("id+1", "long", None, None),
        ("ra*2", "double", "deg", None),
        ("2*ra", "double", "deg", None),
        ("ra+dec", "double", "deg", None),
        ("ra+flux", "double", None, None),
        ("ra*dec", "double", None, None),
        ("flux", "float", "mJy", "phot.flux"),
        ("-flux", "float", "mJy", "phot.flux"),
        ("max(flux)", "float", "mJy", "stat.max;phot.flux"),
        ("avg(ra)", "double", "deg", "stat.mean;pos.eq.ra"),
        ("sum(id)", "long", None, "stat.sum;meta.id"),
        ("count(*)", "long", None, "meta.number"),
        ("cast(ra as real)", "float", "deg", "pos.eq.ra;meta.main"),
        ("in_unit(ra, 'arcmin')", "double", "arcmin", "pos.eq.ra;meta.main"),
        ("distance(ra, dec, 1, 2)", "double", "deg", "pos.angDistance"),
        ("coalesce(flux, 1.5)", "double", None, None),
        ("lower(name)", "char", None, None),
        ("contains(point(ra, dec), circle(1, 2, 3))", "int", None, None),
    ],
)
def test_expressions_have_a_type_a_unit_and_a_meaning(value, datatype, unit, ucd):
    meta = only(f"select {value} from sources").meta
    assert (meta.datatype, meta.unit, meta.ucd) == (datatype, unit, ucd)


def test_geometries_are_dali_arrays():
    point, circle, polygon = resolve(
        "select point(ra, dec), circle(ra, dec, 1), polygon(0,0,1,0,1,1) from sources"
    ).columns
    assert [(c.meta.datatype, c.meta.arraysize, c.meta.xtype) for c in (point, circle, polygon)] == [
        ("double", "2", "point"),
        ("double", "3", "circle"),
        ("double", "6", "polygon"),
    ]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("select a from nowhere", UnknownTableError, "Unknown table nowhere"),
        ("select a from demo.source", UnknownTableError, "did you mean demo.sources"),
        ("select flx from sources", UnknownColumnError, "did you mean flux"),
        ("select s.x from sources s", UnknownColumnError, "Unknown column s.x"),
        ("select sources.ra from sources s", UnknownTableError, "Unknown table sources"),
        ('select "RA" from sources', UnknownColumnError, "Unknown column RA"),
        ("select id from sources, aliases", AmbiguousNameError, "demo.sources and demo.aliases"),
        ("select 1 from sources, sources", AmbiguousNameError, "twice"),
        ("select 1 from sources join aliases", TypeMismatchError, "JOIN needs ON"),
        ("select ra from sources where name = 3", TypeMismatchError, "cannot compare the text name with a number"),
        ("select ra from sources where seen > 'yesterday'", TypeMismatchError, "not a time"),
        ("select name+1 from sources", TypeMismatchError, "must be a number"),
        ("select lower(ra) from sources", TypeMismatchError, "must be a text"),
        ("select ra, count(*) from sources", TypeMismatchError, "GROUP BY"),
        ("select ra from sources group by id", TypeMismatchError, "column ra"),
        ("select ra from sources where 1 < all_flux", UnknownColumnError, "all_flux"),
        ("select max(min(ra)) from sources", ADQLError, "MIN cannot stand here"),
        ("select ra from sources order by 2", UnknownColumnError, "1 output column"),
        ("select distinct ra from sources order by dec", TypeMismatchError, "output columns only"),
        ("select id from sources union select id, alias from aliases", TypeMismatchError, "1 and 2 columns"),
        ("select name from sources union select id from aliases", TypeMismatchError, "text on the left"),
        ("select id from sources where id in (select id, alias from aliases)", TypeMismatchError, "one column"),
        ("select in_unit(ra, 'keV') from sources", TypeMismatchError, "cannot be converted"),
        ("select in_unit(id, 'keV') from sources", TypeMismatchError, "not known"),
        ("select ivo_not_here(ra) from sources", UnsupportedFeatureError, "ivo_not_here"),
        ("select rand(4) from sources", UnsupportedFeatureError, "seed"),
        ("select point('FK4', ra, dec) from sources", UnsupportedFeatureError, "FK4"),
        ("select region('Union ICRS (x)') from sources", UnsupportedFeatureError, "Union"),
        ("select area(name) from sources", TypeMismatchError, "not described as one of regions"),
        ("select moc('4/5000') from sources", ADQLError, "cells go from 0 to 3071"),
        ("select moc('x') from sources", ADQLError, "written like 4/30-33"),
        ("select moc(name) from sources", UnsupportedFeatureError, "text in quotes"),
        ("select region('MOC 30/1') from sources", ADQLError, "above 29"),
        ("select ivo_healpix_center(3, 768) from sources", TypeMismatchError, "go from 0 to 767"),
        ("select ivo_healpix_index(30, ra, dec) from sources", TypeMismatchError, "0 to 29"),
        ("select ivo_geom_transform('FK4', 'ICRS', point(1, 2)) from sources", UnsupportedFeatureError, "GALACTIC"),
        ("select ivo_geom_transform('ICRS', 'GALACTIC', ra) from sources", TypeMismatchError, "must be a geometry"),
        ("select ivo_epoch_prop(1, 2, 3) from sources", TypeMismatchError, "takes 8 argument(s), not 3"),
        ("select ivo_histogram(ra, 5, 1, 3) from sources", TypeMismatchError, "lower and a higher limit"),
        ("select ra from sources where ivo_histogram(ra, 0, 1, 3) = 1", ADQLError, "cannot stand here"),
        ("select ivo_to_mjd(ra) from sources", TypeMismatchError, "must be a time"),
        ("select ijd('yesterday') from sources", TypeMismatchError, "not a time"),
        ("select circle(1, 2, -1) from sources", TypeMismatchError, "radius -1"),
        ("select circle(1, 95, 1) from sources", TypeMismatchError, "latitude 95"),
        ("select ra from sources where point(ra, dec) = point(1, 2)", UnsupportedFeatureError, "CONTAINS"),
        ("select polygon(0,0,10,10,10,0,0,10) from sources", TypeMismatchError, "cross"),
        (
            "with a as (select 1 from sources), A as (select 2 from aliases) select * from a",
            AmbiguousNameError,
            "two queries",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_reason(text, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        resolve(text)
    assert caught.value.line == 1


def test_what_the_writer_cannot_do_is_refused_and_not_guessed():
    for region in ("contains(circle(1, 2, 3), point(ra, dec))", "intersects(circle(ra, dec, 1), moc('3/4'))"):
        with pytest.raises(UnsupportedFeatureError):
            sql_of(f"select id from sources where 1 = {region}")
    with pytest.raises(UnsupportedFeatureError, match="column of the result"):
        sql_of("select moc('3/4') from sources")


def test_names_of_the_result_are_unique():
    names = [c.name for c in resolve("select ra, ra, ra as ra_2, n, n from (select ra, 1 as n from sources) q").columns]
    assert len({name.lower() for name in names}) == len(names)
    assert names[0] == "ra"


def test_using_gives_one_column():
    names = [c.name for c in resolve("select * from sources join aliases using (id)").columns]
    assert names == ["id", "name", "ra", "dec", "flux", "seen", "genuine", "alias"]
    natural = [c.name for c in resolve("select * from aliases natural full join sources").columns]
    assert natural == ["id", "alias", "name", "ra", "dec", "flux", "seen", "genuine"]


def test_hidden_columns_stay_hidden():
    for name in ('"_hpx"', '"_x"'):
        with pytest.raises(UnknownColumnError):
            resolve(f"select {name} from sources")
    assert "_hpx" not in [c.name for c in resolve("select * from sources").columns]


def test_inner_queries_see_the_outer_tables():
    resolve("select name from sources s where exists (select 1 from aliases n where n.id = s.id)")
    with pytest.raises(UnknownTableError):
        resolve("select name from sources s, (select id from aliases n where n.id = s.id) q")


def test_cones_on_a_table_s_position_use_the_index():
    for text in (
        "contains(point('ICRS', ra, dec), circle('ICRS', 10, 20, 5/60.)) = 1",
        "1 = contains(point(s.ra, s.dec), circle(point(10, 20), 0.1))",
        "distance(ra, dec, 10, 20) < 0.1",
        "0.1 >= distance(point(10, 20), point(ra, dec))",
        "intersects(box('ICRS', 10, 20, 1, 1), point(ra, dec)) = 1",
        "contains(point(ra, dec), polygon(1, 1, 3, 1, 2, 3)) = 1",
    ):
        assert '"_hpx" >= ' in sql_of(f"select id from sources s where {text}"), text
    for text in ("contains(point(dec, ra), circle(10, 20, 1)) = 1", "contains(point(ra+0, dec), circle(1, 2, 3)) = 1"):
        assert "_hpx" not in sql_of(f"select id from sources s where {text}"), text


def test_user_text_reaches_sql_only_as_quoted_constants_and_generated_names():
    written = sql_of("""select name as "x"" ; drop table t; --" from sources where name = 'a'' or 1=1; --\\'""")
    assert "drop table" not in written
    assert "''" in written
    assert 'AS "c1"' in written


def test_times_are_compared_in_utc():
    assert "'2004-12-31T23:00:00.000'" in sql_of("select id from sources where seen >= '2005-01-01 00:00:00+01:00'")


def test_texts_stand_for_truth_values():
    assert '"genuine" = TRUE' in sql_of("select id from sources where genuine = 'True'").replace('"t1".', "")
    assert '"genuine" = FALSE' in sql_of("select id from sources where genuine = 0").replace('"t1".', "")
