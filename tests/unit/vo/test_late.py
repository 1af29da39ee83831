"""`integral_ul` is taken out of the query that the database runs, and refused where its value cannot be known."""

import re

import pytest

from tests.unit.vo.test_resolver import resolve
from vo.adql.errors import ADQLError, TypeMismatchError, UnsupportedFeatureError
from vo.adql.late import split_late
from vo.adql.postgres import write_query

CALL = "integral_ul('isgri', '20-40', ra, dec, 0.9987)"


def test_the_database_gets_the_position_in_its_stead():
    query = resolve(f"SELECT id, {CALL} AS ul, name FROM demo.sources WHERE id < 5 ORDER BY id")
    assert [column.name for column in query.columns] == ["id", "ul", "name"]
    assert (query.columns[1].meta.unit, query.columns[1].meta.datatype) == ("mCrab", "double")
    bare, (call,) = split_late(query)
    assert (call.place, call.right_ascension, call.declination) == (1, "c2", "c4")
    assert (call.instrument, call.band, call.confidence, call.offset) == ("isgri", "20-40", 0.9987, 11)
    text = write_query(bare).as_string(None)
    assert "isgri" not in text
    assert len(bare.columns) == 4


def test_two_calls_and_positions_that_are_computed():
    query = resolve(
        "SELECT integral_ul('isgri', '20-40', ra, dec, 0.9), INTEGRAL_UL('isgri', '40-100', 10, dec / 2, 1 - 0.05) "
        "FROM demo.sources"
    )
    bare, calls = split_late(query)
    assert [column.name for column in query.columns] == ["integral_ul", "integral_ul_2"]
    assert [call.confidence for call in calls] == [0.9, 0.95]
    assert len(bare.columns) == 4
    write_query(bare)


def test_a_query_without_it_stays_as_it_is():
    query = resolve("SELECT id FROM demo.sources UNION SELECT id FROM demo.aliases")
    assert split_late(query) == (query, ())


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (f"SELECT id FROM demo.sources WHERE {CALL} < 1", "line 1, column 35"),
        (f"SELECT 2 * {CALL} FROM demo.sources", "line 1, column 12"),
        (f"SELECT id FROM demo.sources\nORDER BY {CALL}", "line 2, column 10"),
        (f"SELECT {CALL} AS ul FROM demo.sources\nORDER BY ul", "line 2, column 10"),
        (f"SELECT id, {CALL} FROM demo.sources\nORDER BY id, 2", "line 2, column 14"),
        (f"SELECT {CALL} FROM demo.sources\nORDER BY integral_ul", "line 2, column 10"),
        (f"SELECT MAX({CALL}) FROM demo.sources", "line 1, column 12"),
        (f"SELECT DISTINCT {CALL} FROM demo.sources", "line 1, column 17"),
        (f"SELECT * FROM (SELECT {CALL} AS ul FROM demo.sources) AS s", "line 1, column 23"),
        (f"WITH w AS (SELECT {CALL} AS ul FROM demo.sources) SELECT * FROM w", "line 1, column 19"),
        (f"SELECT id FROM demo.aliases UNION SELECT {CALL} FROM demo.sources", "line 1, column 42"),
        (f"SELECT id FROM demo.sources GROUP BY id HAVING MIN({CALL}) < 1", "line 1, column 52"),
        (f"SELECT a.id FROM demo.sources AS a JOIN demo.aliases AS b ON {CALL} < 1", "line 1, column 62"),
    ],
)
def test_elsewhere_it_is_refused_with_its_place(text, at):
    with pytest.raises(UnsupportedFeatureError, match=re.escape(at)):
        resolve(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'isgri', '20-40', ra, dec", "takes 5 argument(s), not 4"),
        ("name, '20-40', ra, dec, 0.9", "the instrument must be a text in quotes"),
        ("'isgri', 2040, ra, dec, 0.9", "must be a text"),
        ("'isgri', '', ra, dec, 0.9", "the band must be a text in quotes"),
        ("'isgri', '20-40', name, dec, 0.9", "must be a number"),
        ("'isgri', '20-40', ra, dec, flux", "the confidence must be a constant"),
        ("'isgri', '20-40', ra, dec, 1", "not 1 (line 1, column"),
        ("'isgri', '20-40', ra, dec, 0", "not 0 (line 1, column"),
        ("'isgri', '20-40', ra, dec, 99.87", "not 99.87 (line 1, column"),
    ],
)
def test_bad_arguments_are_refused_with_their_place(arguments, words):
    with pytest.raises(ADQLError, match=re.escape(words)) as caught:
        resolve(f"SELECT integral_ul({arguments}) FROM demo.sources")
    assert caught.value.line == 1
    assert caught.value.column >= 8


def test_the_type_of_a_text_is_told():
    with pytest.raises(TypeMismatchError):
        resolve("SELECT integral_ul(1, '20-40', ra, dec, 0.9) FROM demo.sources")
