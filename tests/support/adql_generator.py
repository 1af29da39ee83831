"""Writes random ADQL on the published tables: most of it has a meaning, and some has not.

A `random.Random` decides; a strategy of this depth would take hypothesis longer to build than the queries to run.
"""

NUMBERS = ["ra", "dec", "isdc_class", "1", "0", "2.5", "-3", "0x1f", "1e3", "NULL"]
TEXTS = ["name", "source_id", "'abc'", "'%a_'", "'it''s'", "''", "'10 20'", "NULL"]
TRUTHS = ["simulated", "TRUE", "'false'"]
POINTS = ["POINT(ra, dec)", "POINT('ICRS', 10, 20)", "POINT('GALACTIC', ra, dec)", "ivo_healpix_center(3, 77)"]
REGIONS = [
    "CIRCLE(10, 20, 5)",
    "CIRCLE(ra, dec, ABS(dec))",
    "BOX(0, 0, 10, 5)",
    "BOX(ra, dec, 1, 2)",
    "POLYGON(0, 0, 10, 0, 0, 10)",
    "POLYGON(ra, dec, 10, 0, 0, 10)",
    "REGION('CIRCLE ICRS 10 20 3')",
    "MOC('3/0-300 2/9')",
    "CIRCLE('GALACTIC', ra, dec, 1)",
    "ivo_geom_transform('ICRS', 'GALACTIC', BOX(1, 2, 3, 4))",
    "POLYGON(POINT(ra, dec), POINT(1, 1), POINT('GALACTIC', 3, 5))",
]
UNARY = [
    "ABS",
    "CEILING",
    "FLOOR",
    "ROUND",
    "TRUNCATE",
    "SIN",
    "COS",
    "ATAN",
    "DEGREES",
    "RADIANS",
    "EXP",
    "SQRT",
    "LOG",
]
AGGREGATES = ["COUNT", "MIN", "MAX", "AVG", "SUM"]
TABLES = [
    "integral.sources",
    "(SELECT * FROM integral.sources WHERE ra > 5) AS q",
    "integral.sources NATURAL JOIN (SELECT source_id, name AS alias FROM integral.source_names) AS n",
    "integral.sources LEFT JOIN (SELECT source_id, is_main FROM integral.source_names) AS n USING (source_id)",
]


def number(r, depth=2):
    """Return a numeric expression."""
    if depth == 0 or r.random() < 0.3:
        return r.choice(
            [
                r.choice(NUMBERS),
                r.choice(NUMBERS),
                f"{r.choice(['COORD1', 'COORD2'])}({r.choice(POINTS)})",
                f"DISTANCE({r.choice(POINTS)}, {r.choice(POINTS)})",
                f"AREA({r.choice(REGIONS)})",
                f"{r.choice(['CONTAINS', 'INTERSECTS'])}({r.choice(POINTS + REGIONS)}, {r.choice(REGIONS)})",
            ]
        )
    one, two = number(r, depth - 1), number(r, depth - 1)
    return r.choice(
        [
            f"({one} {r.choice('+-*/')} {two})",
            f"({one} {r.choice('+-*/')} {two} {r.choice('+-*/')} {number(r, 0)})",
            f"({one} {r.choice('&|^')} {two})",
            f"{r.choice(UNARY)}({one})",
            f"{r.choice('-+~')}({one})",
            f"COALESCE({one}, {two})",
            f"MOD({one}, {two})",
            f"ROUND({one}, 2)",
            f"POWER({one}, 2)",
            f"CAST({one} AS {r.choice(['SMALLINT', 'INTEGER', 'BIGINT', 'REAL', 'DOUBLE PRECISION'])})",
            f"ivo_healpix_index(6, {one}, {two})",
            f"ijd({one})",
            f"revolution_of({one})",
            f"ivo_interval_overlaps({one}, {two}, 1, 2)",
        ]
    )


def text(r, depth=2):
    """Return an expression of texts."""
    if depth == 0 or r.random() < 0.4:
        return r.choice([*TEXTS, f"CAST({number(r, 1)} AS {r.choice(['VARCHAR', 'CHAR(4)'])})"])
    one, two = text(r, depth - 1), text(r, depth - 1)
    if r.random() < 0.1:
        return f"CAST(ivo_hasword({one}, {two}) + ivo_nocasematch({two}, {one}) AS VARCHAR)"
    return r.choice([f"({one} || {two})", f"LOWER({one})", f"UPPER({one})", f"COALESCE({one}, {two})"])


def value(r):
    """Return an expression of any kind."""
    return r.choice([number(r), number(r), text(r), r.choice(TRUTHS), r.choice(POINTS), r.choice(REGIONS)])


def condition(r, depth=2):
    """Return a condition, now and then of values that cannot be compared."""
    if depth and r.random() < 0.4:
        inner = [condition(r, depth - 1) for _ in range(2)]
        return r.choice([f"({inner[0]} AND {inner[1]})", f"({inner[0]} OR {inner[1]})", f"NOT ({inner[0]})"])
    sign = r.choice(["=", "<>", "<", ">=", "!="])
    return r.choice(
        [
            f"{number(r)} {sign} {number(r)}",
            f"{text(r)} {sign} {text(r)}",
            f"{value(r)} {sign} {value(r)}",
            f"1 = CONTAINS({r.choice(POINTS + REGIONS)}, {r.choice(REGIONS)})",
            f"{r.choice('01')} = INTERSECTS({r.choice(REGIONS)}, {r.choice(REGIONS)})",
            f"DISTANCE({r.choice(POINTS)}, {r.choice(POINTS)}) < {number(r)}",
            f"{number(r)} NOT BETWEEN {number(r)} AND {number(r)}",
            f"{text(r)} {r.choice(['IN', 'NOT IN'])} ({text(r)}, {text(r)})",
            f"{number(r)} IN ({number(r)}, {number(r)})",
            f"{text(r)} {r.choice(['LIKE', 'NOT LIKE', 'ILIKE'])} {text(r)}",
            f"{r.choice(['ra', 'name', 'isdc_class'])} IS {r.choice(['', 'NOT '])}NULL",
            "source_id IN (SELECT source_id FROM integral.source_names)",
            "EXISTS (SELECT 1 FROM integral.source_names AS z WHERE z.name = 'x')",
        ]
    )


def select(r):
    """Return one SELECT, plain or grouped, of one table or a join."""
    table = r.choice(TABLES)
    where = f" WHERE {condition(r)}" if r.random() < 0.5 else ""
    if r.random() < 0.5:
        items = ", ".join(value(r) for _ in range(r.randint(1, 3)))
        order = f" ORDER BY {r.choice([number(r), '1'])}" if r.random() < 0.5 else ""
        return f"SELECT {r.choice(['', 'DISTINCT ', 'TOP 3 '])}{items} FROM {table}{where}{order}"
    key = r.choice([number(r), text(r)])
    argument = r.choice([number(r), text(r)])
    aggregate = f"{r.choice(AGGREGATES)}({r.choice(['', 'DISTINCT '])}{argument})"
    if r.random() < 0.2:
        aggregate = f"ivo_string_agg({text(r)}, ',') || 'x' AS b, SUM({number(r)}) * 2"
        return f"SELECT {key} AS k, {aggregate} AS a FROM {table}{where} GROUP BY {key} ORDER BY 3"
    having = f" HAVING {aggregate} > 1" if r.random() < 0.5 else ""
    return f"SELECT {key} AS k, {aggregate} AS a, COUNT(*) FROM {table}{where} GROUP BY {key}{having}"


def query(r):
    """Return a whole query: a SELECT, two of them joined as sets, one named by WITH, or one inside another."""
    return r.choice(
        [
            select(r),
            select(r),
            f"({select(r)}) {r.choice(['UNION', 'EXCEPT ALL', 'INTERSECT'])} ({select(r)})",
            f"WITH w AS ({select(r)}) SELECT * FROM w AS a, w AS b OFFSET 1",
            f"SELECT COUNT(*) FROM ({select(r)}) AS x",
        ]
    )
