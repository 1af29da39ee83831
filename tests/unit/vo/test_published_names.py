"""The published names can be written in queries without quotes, apart from the one TAP prescribes."""

from archive.published import load_tables
from vo.adql.words import RESERVED_WORDS


def test_no_published_name_is_reserved_in_adql():
    tables = load_tables()
    parts = {part for name in tables for part in name.split(".")}
    columns = {(name, column.name) for name, table in tables.items() for column in table.columns}
    assert not {part for part in parts if part.upper() in RESERVED_WORDS}
    assert {pair for pair in columns if pair[1].upper() in RESERVED_WORDS} == {("tap_schema.columns", "size")}
