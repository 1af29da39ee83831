"""The corpus is resolved; a query that is damaged is refused at a place inside it, or is another query."""

from pathlib import Path

import pytest

from archive.published import load_tables
from tests.support.adql_corpus import ACCEPTED
from vo.adql.errors import ADQLError, ADQLSyntaxError
from vo.adql.functions import FUNCTIONS
from vo.adql.parser import parse_query
from vo.adql.resolver import resolve_query
from vo.adql.tokens import tokenize
from vo.adql.words import AGGREGATES, CAST_TARGETS, GEOMETRY_FUNCTIONS, SCALAR_FUNCTIONS, SHAPES

DATATYPES = {"boolean", "short", "int", "long", "float", "double", "char", "unicodeChar"}


@pytest.mark.parametrize("text", ACCEPTED)
def test_every_output_column_has_a_votable_type(text):
    for column in resolve_query(parse_query(text), load_tables(), text).columns:
        meta = column.meta
        assert meta.datatype in DATATYPES
        assert meta.arraysize or meta.datatype not in {"char", "unicodeChar"}
        assert meta.unit is None or meta.datatype not in {"char", "unicodeChar", "boolean"}


def test_the_corpus_calls_every_function():
    text = " ".join(ACCEPTED).upper()
    words = {*AGGREGATES, *GEOMETRY_FUNCTIONS, *SCALAR_FUNCTIONS, *SHAPES, *FUNCTIONS, "CAST"}
    assert [word for word in sorted(words) if f"{word}(" not in text] == []
    assert [target for target in CAST_TARGETS if f"AS {target}" not in text] == []


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_query_without_one_of_its_tokens_is_refused_inside_it_or_is_another_query(text):
    places = []
    for token in tokenize(text)[:-1]:
        damaged = text[: token.pos] + " " + text[token.pos + len(token.written) :]
        try:
            parse_query(damaged)
        except ADQLSyntaxError as error:
            places.append((damaged.split("\n"), error))
    assert len(places) >= 3
    for lines, error in places:
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@pytest.mark.parametrize("text", ACCEPTED)
@pytest.mark.parametrize("word", ["SELECT", ")", "%", "FROM FROM", "'"])
def test_what_has_no_place_at_the_end_is_refused_at_that_place(text, word):
    whole = text.rstrip().rstrip(";")
    damaged = f"{whole}\n{word}"
    with pytest.raises(ADQLError) as caught:
        parse_query(damaged)
    assert (caught.value.line, caught.value.column) == (damaged.count("\n") + 1, 1)


def test_every_function_is_on_the_page_of_adql():
    page = (Path(__file__).parents[3] / "docs/reference/adql.md").read_text()
    assert [name for name in FUNCTIONS if f"`{name.lower()}(" not in page] == []
    assert all(f.signature.split("(")[0].upper() == name for name, f in FUNCTIONS.items())
