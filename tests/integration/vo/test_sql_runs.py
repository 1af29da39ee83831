"""Whatever the resolver accepts, PostgreSQL executes, and gives the values that Python computes."""

import csv
import io
import math

import pytest

from tests.support.archive_rows import deliver, random_sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]


@pytest.fixture(autouse=True)
def rows():
    from archive.models import Source, SourceName

    deliver("random", Source, random_sources(60))
    names = [
        {"source_id": f"J{i:06d}", "name": f"Alias {i}", "normalized_name": f"ALIAS{i}", "is_main": True}
        for i in range(0, 60, 2)
    ]
    deliver("names", SourceName, names)


def values(client, query, form="csv"):
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": form})
    content = response.getvalue().decode()
    assert response.status_code == 200, content
    return list(csv.reader(io.StringIO(content)))[1:]


ONE = "FROM integral.sources WHERE source_id = 'J000007'"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("7/2", "3"),
        ("7/2.0", "3.5"),
        ("7/2*1.0", "3"),
        ("2147483647+1", "2147483648"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("10-3-2", "5"),
        ("0xff & 0x0f | 0x30", "63"),
        ("6 ^ 3", "5"),
        ("~0", "-1"),
        ("MOD(-7, 3)", "-1"),
        ("MOD(7.5, 2)", "1.5"),
        ("ROUND(2.5)", "3"),
        ("ROUND(-1234.567, -2)", "-1200"),
        ("TRUNCATE(1.999, 1)", "1.9"),
        ("CEILING(1.2)+FLOOR(-1.2)", "0"),
        ("ABS(-3)", "3"),
        ("POWER(2, 10)", "1024"),
        ("LOG10(1000)", "3"),
        ("ROUND(LOG(EXP(2)), 9)", "2"),
        ("ROUND(DEGREES(PI()), 9)", "180"),
        ("ROUND(ATAN2(1, 1)*4, 9)", str(round(math.pi, 9))),
        ("ROUND(COT(RADIANS(45)), 9)", "1"),
        ("'a' || 1 || 'b'", "a1b"),
        ("UPPER('ab') || LOWER('CD')", "ABcd"),
        ("COALESCE(NULL, 'x', 'y')", "x"),
        ("COALESCE(NULL, 2)", "2"),
        ("CAST('12' AS INTEGER) + 1", "13"),
        ("CAST(2.7 AS VARCHAR)", "2.7"),
        ("CAST('abcdef' AS VARCHAR(3))", "abc"),
        ("CAST('2021-01-14T11:25:00' AS TIMESTAMP)", "2021-01-14T11:25:00.000"),
        ("TIMESTAMP('2021-01-14 11:25:00+02:00')", "2021-01-14T09:25:00.000"),
        ("IN_UNIT(ra, 'arcsec') - ra*3600", "0"),
        ("COORD2(POINT(1, 2))", "2"),
        ("COORDSYS(POINT(1, 2))", "ICRS"),
        ("POINT(1, 2)", "1 2"),
        ("CIRCLE(POINT(1, 2), 0.5)", "1 2 0.5"),
        ("BOX(0, 0, 2, 2)", None),
        ("CAST('1 2 3 4 5 9' AS POLYGON)", "1 2 3 4 5 9"),
        ("ROUND(AREA(CIRCLE(0, 0, 1)), 4)", "3.1415"),
        ("ROUND(AREA(POLYGON(0, 0, 90, 0, 0, 90)), 2)", "5156.62"),
        ("CONTAINS(POINT(1, 1), CIRCLE(1, 1.5, 0.6))", "1"),
        ("CONTAINS(CIRCLE(1, 1, 0.09), CIRCLE(1, 1.5, 0.6))", "1"),
        ("CONTAINS(CIRCLE(1, 1, 0.2), CIRCLE(1, 1.5, 0.6))", "0"),
        ("INTERSECTS(CIRCLE(1, 1, 0.2), CIRCLE(1, 1.5, 0.29))", "0"),
        ("INTERSECTS(CIRCLE(1, 1, 0.2), CIRCLE(1, 1.5, 0.31))", "1"),
        ("ivo_hasword('The Crab Nebula', 'crab')", "1"),
        ("ivo_hasword('The Crab Nebula', 'neb')", "0"),
        ("ivo_hasword('The Crab Nebula', 'nebula crab')", "1"),
        ("ivo_nocasematch('Crab', 'c%B')", "1"),
        ("ivo_hashlist_has('a#Bc#d', 'bC')", "1"),
        ("ivo_hashlist_has('a#Bc#d', 'b')", "0"),
        ("ivo_interval_overlaps(1, 3, 2, 5)", "1"),
        ("ivo_interval_overlaps(1, 3, 4, 5)", "0"),
        ("ivo_healpix_index(0, 83.633, 22.0145)", "5"),
        ("ivo_healpix_index(6, ra, dec) - ivo_healpix_index(6, POINT(ra, dec))", "0"),
        ("ijd(51544.5)", "0.5"),
        ("NULL || 'x'", None),
        ("TRUE", "true"),
        ("simulated", "false"),
    ],
)
def test_expressions_have_the_value_python_gives(client, expression, expected):
    ((value, _),) = values(client, f"SELECT {expression}, 1 {ONE}")
    if expected is not None:
        assert value == expected


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("SELECT * FROM integral.sources JOIN integral.source_names USING (source_id)", 30),
        ("SELECT * FROM integral.sources s LEFT JOIN integral.source_names n ON s.source_id = n.source_id", 60),
        ("SELECT * FROM integral.source_names n RIGHT OUTER JOIN integral.sources s USING (source_id)", 60),
        (
            "SELECT source_id FROM integral.sources s FULL JOIN (SELECT 'x' AS source_id FROM integral.releases) q USING (source_id)",
            62,
        ),
        ("SELECT DISTINCT isdc_class FROM integral.sources ORDER BY isdc_class DESC", 7),
        (
            "SELECT isdc_class AS c, COUNT(*) AS n FROM integral.sources GROUP BY c HAVING COUNT(*) > 8 ORDER BY n DESC, c",
            4,
        ),
        ("SELECT ROUND(ra/10) AS band, COUNT(*) AS n FROM integral.sources GROUP BY band ORDER BY 2 DESC", None),
        (
            "SELECT MIN(simulated), MAX(simulated), SUM(isdc_class), AVG(DISTINCT ra), COUNT(DISTINCT isdc_class) FROM integral.sources",
            1,
        ),
        ("SELECT ivo_string_agg(name, ', ') FROM integral.sources GROUP BY isdc_class", 7),
        ("SELECT source_id FROM integral.sources UNION SELECT source_id FROM integral.source_names", 60),
        (
            "SELECT source_id FROM integral.sources UNION ALL SELECT source_id FROM integral.source_names ORDER BY source_id OFFSET 80",
            10,
        ),
        ("SELECT source_id FROM integral.sources EXCEPT SELECT source_id FROM integral.source_names", 30),
        ("SELECT source_id FROM integral.sources INTERSECT SELECT source_id FROM integral.source_names", 30),
        (
            "SELECT isdc_class FROM integral.sources UNION SELECT ra FROM integral.sources WHERE ra < 0 UNION SELECT NULL FROM integral.sources",
            7,
        ),
        (
            "(SELECT TOP 2 name FROM integral.sources ORDER BY name) UNION (SELECT TOP 2 name FROM integral.sources ORDER BY name DESC)",
            4,
        ),
        (
            "WITH a AS (SELECT TOP 5 * FROM integral.sources ORDER BY ra), b AS (SELECT name FROM a) SELECT a.name FROM a, b",
            25,
        ),
        (
            "SELECT name FROM integral.sources s WHERE EXISTS (SELECT 1 FROM integral.source_names n WHERE n.source_id = s.source_id)",
            30,
        ),
        ("SELECT name FROM integral.sources WHERE source_id NOT IN (SELECT source_id FROM integral.source_names)", 30),
        ("SELECT name FROM integral.sources WHERE name LIKE 'Source 1_' OR name ILIKE 'SOURCE 2_'", 20),
        ("SELECT name FROM integral.sources WHERE name LIKE '%\\%'", 0),
        ("SELECT name FROM integral.sources WHERE ra NOT BETWEEN 0 AND 360", 0),
        ("SELECT name FROM integral.sources WHERE isdc_class IS NULL", 9),
        ("SELECT name FROM integral.sources WHERE simulated = 'False' AND simulated <> 1", 60),
        ("SELECT release FROM integral.releases WHERE published_at >= '2005-01-01 00:00:00+00:00'", 2),
        (
            "SELECT q.a, r.b FROM (SELECT ra a FROM integral.sources) q JOIN (SELECT ra b FROM integral.sources) r ON q.a = r.b",
            60,
        ),
        ("SELECT (ra), -dec, +ra FROM integral.sources WHERE (ra > 0 AND (dec > -91)) AND NOT (ra < 0)", 60),
        ("SELECT isdc_class FROM integral.sources GROUP BY isdc_class, 1, 'x' ORDER BY 'x', 1", 7),
        ("SELECT TOP 3 name FROM integral.sources WHERE 1 = 1 ORDER BY DISTANCE(POINT(ra, dec), POINT(0, 0))", 3),
        ("SELECT AVG(DISTANCE(ra, dec, 0, 0)), isdc_class FROM integral.sources GROUP BY isdc_class", 7),
        ("SELECT table_name, \"size\" FROM tap_schema.columns WHERE table_name = 'ivoa.obscore' AND std = 1", None),
    ],
    ids=lambda value: str(value)[:70],
)
def test_queries_give_the_rows_they_must(client, query, count):
    for form in ("csv", "votable", "json"):
        response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": form})
        content = response.getvalue()
        assert response.status_code == 200, content
        assert b'value="ERROR"' not in content
    if count is not None:
        assert len(values(client, query)) == count
