"""Lets PostgreSQL itself write the rows of a result: its ``*send`` functions give exactly VOTable's bytes.

Each function takes the result columns and returns an SQL expression over the columns ``c1`` ... ``cn`` of a subquery
``r``; one value of it is one row of output (BINARY2: VOTable 1.4 section 5.4; TABLEDATA: section 5.1).
"""

from collections.abc import Sequence

from psycopg import sql
from psycopg.sql import Composable

from vo.adql.postgres import POSTGRES_TYPES, column_type
from vo.adql.resolved import OutputColumn
from vo.votable import is_fixed_text, null_value

Columns = Sequence[OutputColumn]

_NUMBERS = {
    "short": ("int2send", "0::smallint"),
    "int": ("int4send", "0"),
    "long": ("int8send", "0::bigint"),
    "float": ("float4send", "'NaN'::real"),
    "double": ("float8send", "'NaN'::double precision"),
}
_TEXTS = {"char", "unicodeChar"}
_ASCII = (
    "CASE WHEN octet_length({0}) = char_length({0}) THEN {0} ELSE (SELECT string_agg("
    "CASE WHEN ascii(u.c) < 128 THEN u.c ELSE '&#' || ascii(u.c) || ';' END, '' ORDER BY u.n) "
    "FROM regexp_split_to_table({0}, '') WITH ORDINALITY AS u(c, n)) END"
)
_UCS2 = (
    "(SELECT int4send(COALESCE(sum(CASE WHEN ascii(u.c) > 65535 THEN 2 ELSE 1 END), 0)::int) || "
    "COALESCE(string_agg(CASE WHEN ascii(u.c) > 65535 "
    "THEN substring(int4send(55296 + ((ascii(u.c) - 65536) >> 10)) FROM 3) "
    "|| substring(int4send(56320 + ((ascii(u.c) - 65536) & 1023)) FROM 3) "
    "ELSE substring(int4send(ascii(u.c)) FROM 3) END, ''::bytea ORDER BY u.n), ''::bytea) "
    "FROM regexp_split_to_table({0}, '') WITH ORDINALITY AS u(c, n) WHERE u.c <> '')"
)
_TRUTH = "CASE {} WHEN TRUE THEN '\\x54'::bytea WHEN FALSE THEN '\\x46'::bytea ELSE '\\x3f'::bytea END"
_MOST_INDEXED = 16
_CONTROL_CHARACTERS = "".join(map(chr, [*range(1, 9), 11, 12, *range(14, 32)]))


def _column(column: OutputColumn) -> Composable:
    """The column as the type it is declared with: a view or expression may give a wider one."""
    return sql.SQL("CAST(r.{} AS {})").format(sql.Identifier(column.sql_name), column_type(column))


def binary2_row(columns: Columns) -> Composable:
    """Return the expression (bytea) of one BINARY2 row: the null flags, then the cells."""
    return sql.SQL(" || ").join([_null_flags(columns), *(_binary_cell(column) for column in columns)])


def _null_flags(columns: Columns) -> Composable:
    size = (len(columns) + 7) // 8
    names = [sql.SQL("r.{}").format(sql.Identifier(column.sql_name)) for column in columns]
    pieces: list[Composable] = []
    for start in range(0, size, 2):
        bits = names[8 * start : 8 * start + 16]
        width = min(2, size - start)
        terms = [
            sql.SQL("CASE WHEN {} IS NULL THEN {} ELSE 0 END").format(name, sql.Literal(1 << (8 * width - 1 - place)))
            for place, name in enumerate(bits)
        ]
        pieces.append(
            sql.SQL("substring(int4send({}) FROM {})").format(sql.SQL(" + ").join(terms), sql.Literal(5 - width))
        )
    return sql.SQL("CASE WHEN num_nulls({}) = 0 THEN {}::bytea ELSE {} END").format(
        sql.SQL(", ").join(names), sql.Literal("\\x" + "00" * size), sql.SQL(" || ").join(pieces)
    )


def _binary_cell(column: OutputColumn, *, null: int | None = None) -> Composable:
    value = _column(column)
    if column.meta.is_array:
        return _binary_array(column)
    if column.meta.datatype in _NUMBERS:
        send, zero = _NUMBERS[column.meta.datatype]
        absent = sql.SQL(zero) if null is None else sql.SQL("({})").format(sql.Literal(null))  # pyright: ignore[reportArgumentType]  # literals of this module
        return sql.SQL("{}(COALESCE({}, CAST({} AS {})))").format(sql.SQL(send), value, absent, column_type(column))  # pyright: ignore[reportArgumentType]  # literals of this module
    if column.meta.datatype == "boolean":
        return sql.SQL(_TRUTH).format(value)
    text = sql.SQL("COALESCE({}, '')").format(value)
    if column.meta.datatype == "unicodeChar":
        return sql.SQL(_UCS2).format(text)
    # What is declared char but is not ASCII becomes character references: clients decode these bytes as ASCII.
    text = sql.SQL(_ASCII).format(text)
    fixed = is_fixed_text(column.meta)
    if fixed is None:
        return sql.SQL("int4send(octet_length({0})) || textsend({0})").format(text)
    padding = sql.Literal("\\x" + "00" * fixed)
    return sql.SQL("textsend({0}) || substring({1}::bytea FROM 1 FOR {2} - octet_length({0}))").format(
        text, padding, sql.Literal(fixed)
    )


def _binary_array(column: OutputColumn) -> Composable:
    """Write the elements one after the other, after their number if that is not fixed."""
    name = sql.Identifier(column.sql_name)
    send = sql.SQL(_TRUTH)
    if column.meta.datatype != "boolean":
        function, null = _NUMBERS[column.meta.datatype]
        send = sql.SQL(f"{function}(COALESCE({{}}, {null}))")  # pyright: ignore[reportArgumentType]  # literals of this module
    count = column.meta.element_count
    if count is not None and 0 < count <= _MOST_INDEXED:
        elements = [sql.SQL("r.{}[{}]").format(name, sql.Literal(place)) for place in range(1, count + 1)]
        return sql.SQL(" || ").join(send.format(element) for element in elements)
    joined = sql.SQL(
        "COALESCE((SELECT string_agg({}, ''::bytea ORDER BY e.n) FROM unnest({}) WITH ORDINALITY AS e(v, n)), {})"
    )
    value = sql.SQL("r.{}").format(name)
    if count is None:
        sent = joined.format(send.format(sql.SQL("e.v")), value, sql.SQL("''::bytea"))
        return sql.SQL("int4send(COALESCE(cardinality({}), 0)) || {}").format(value, sent)
    filled = sql.SQL("COALESCE({}, array_fill(NULL::{}, ARRAY[{}]))").format(
        value, POSTGRES_TYPES[column.meta.datatype], sql.Literal(count)
    )
    return joined.format(send.format(sql.SQL("e.v")), filled, sql.SQL("''::bytea"))


def binary_row(columns: Columns) -> Composable:
    """Return the expression (bytea) of one BINARY row: a NULL is what :func:`vo.votable.null_value` names."""
    return sql.SQL(" || ").join([_binary_cell(column, null=null_value(column.meta)) for column in columns])


def tabledata_row(columns: Columns) -> Composable:
    """Return the expression (text) of one TABLEDATA row; a NULL is an empty cell, or an array of NaN (or ``?``).

    A cell of a field with a fixed arraysize has that many elements, whatever it says (VOTable 1.4 section 4.1).
    """
    cells = [
        sql.SQL("COALESCE({}, {})").format(_xml_cell(column), sql.Literal(_absent_cell(column))) for column in columns
    ]
    return sql.SQL("'<TR><TD>' || {} || '</TD></TR>\n'").format(sql.SQL(" || '</TD><TD>' || ").join(cells))


def _absent_cell(column: OutputColumn) -> str:
    absent = {"float": "NaN", "double": "NaN", "boolean": "?"}.get(column.meta.datatype)
    count = column.meta.element_count if column.meta.is_array else None
    return "" if absent is None or count is None else " ".join([absent] * count)


def _xml_cell(column: OutputColumn) -> Composable:
    text = text_cell(column)
    if column.meta.datatype not in _TEXTS:
        return text
    printable = sql.SQL("translate({}, {}, {})").format(
        text, sql.Literal(_CONTROL_CHARACTERS), sql.Literal("\ufffd" * len(_CONTROL_CHARACTERS))
    )
    escaped = sql.SQL("replace(replace(replace({}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')").format(printable)
    # Most texts need none of this: one look is cheaper than five passes.
    return sql.SQL("CASE WHEN {} ~ '[\\x01-\\x1f&<>]' THEN replace({}, E'\\r', '&#13;') ELSE {} END").format(
        text, escaped, text
    )


def text_cell(column: OutputColumn) -> Composable:
    """Return the expression of a cell as text: shortest digits that give the number back, Inf, NaN, true and false."""
    if column.meta.is_array:
        absent = "?" if column.meta.datatype == "boolean" else "NaN"
        return sql.SQL("replace(array_to_string(r.{}, ' ', {}), 'Infinity', 'Inf')").format(
            sql.Identifier(column.sql_name), sql.Literal(absent)
        )
    value = _column(column)
    if column.meta.datatype in {"float", "double"}:
        return sql.SQL("replace(({})::text, 'Infinity', 'Inf')").format(value)
    if column.meta.datatype in _TEXTS:
        return value
    return sql.SQL("({})::text").format(value)


def html_row(columns: Columns) -> Composable:
    """Return the expression (text) of one row of an HTML table; numbers have the class ``n``."""
    cells = [
        sql.SQL("{} || COALESCE({}, '')").format(
            sql.Literal('<td class="n">' if column.meta.is_number else "<td>"), _xml_cell(column)
        )
        for column in columns
    ]
    return sql.SQL("'<tr>' || {} || '</td></tr>\n'").format(sql.SQL(" || '</td>' || ").join(cells))


def ecsv_cell(column: OutputColumn) -> Composable:
    """Return the expression of a cell of ECSV: True and False, arrays as JSON with NaN and Infinity."""
    if column.meta.is_array:
        value = sql.SQL("r.{}").format(sql.Identifier(column.sql_name))
        return sql.SQL("'[' || array_to_string({}, ',', 'null') || ']'").format(value)
    if column.meta.datatype == "boolean":
        return sql.SQL("CASE {} WHEN TRUE THEN 'True' WHEN FALSE THEN 'False' END").format(_column(column))
    return _column(column)


def json_row(columns: Columns) -> Composable:
    """Return the expression (text) of one row as a JSON array; NaN and infinities are texts, JSON has none."""
    values = [sql.SQL("r.{}").format(sql.Identifier(c.sql_name)) if c.meta.is_array else _column(c) for c in columns]
    return sql.SQL("json_build_array({})::text").format(sql.SQL(", ").join(values))


def separated_row(columns: Columns, delimiter: str) -> Composable:
    """Return the expression (text) of one line of CSV or TSV (RFC 4180), the same bytes as COPY writes.

    What holds a delimiter, a quote or the end of a line is quoted; so is the empty text, for nothing is NULL.
    """
    special = [f"%{delimiter}%", '%"%', "%\n%", "%\r%"]
    cells: list[Composable] = []
    for column in columns:
        if column.meta.is_number:
            cells.append(sql.SQL("COALESCE(({})::text, '')").format(_column(column)))
            continue
        text = text_cell(column)
        looks = [sql.SQL("{} LIKE {}").format(text, sql.Literal(pattern)) for pattern in special]
        cells.append(
            sql.SQL("CASE WHEN {0} OR {1} = '' THEN {2} ELSE COALESCE({1}, '') END").format(
                sql.SQL(" OR ").join(looks), text, _in_quotes(text)
            )
        )
    return _line(cells, delimiter)


def ecsv_row(columns: Columns) -> Composable:
    """Return the expression (text) of one line of ECSV; texts are always quoted: one may begin with ``#``."""
    cells: list[Composable] = []
    for column in columns:
        cell = ecsv_cell(column)
        plain = column.meta.is_number or (column.meta.datatype == "boolean" and not column.meta.is_array)
        cells.append(
            sql.SQL("COALESCE({}, '')").format(sql.SQL("({})::text").format(cell) if plain else _in_quotes(cell))
        )
    return _line(cells, ",")


def _in_quotes(text: Composable) -> Composable:
    return sql.SQL("""'"' || replace({}, '"', '""') || '"'""").format(text)


def _line(cells: Sequence[Composable], delimiter: str) -> Composable:
    return sql.SQL("concat_ws({}, {}) || E'\\n'").format(sql.Literal(delimiter), sql.SQL(", ").join(cells))


def plain_columns(columns: Columns) -> Composable:
    """Return the list of expressions for values as they are."""
    return sql.SQL(", ").join(
        sql.SQL("r.{}").format(sql.Identifier(column.sql_name)) if column.meta.is_array else _column(column)
        for column in columns
    )
