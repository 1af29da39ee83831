"""SQL of the published schemas: one view per table, TAP_SCHEMA, and the role that may read them.

All text comes from ``archive/tables/*.yaml`` and this module, never from a request.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from psycopg import sql

from archive.published import POSTGRES_TYPES, SCHEMAS, Column, Table

SKY_FUNCTIONS = Path(__file__).with_name("sky_functions.sql")
_CURRENT = re.compile(r"@current\((\w+)\)")
_MACRO = re.compile(r"@(utc|revolution|release|isla_instrument|isla_band)\(([\w.]+)(?:, ([\w.]+))?\)")
_CURRENT_RELEASE = "(SELECT release_id FROM archive_currentrelease)"

_REVOLUTIONS = "FROM archive_revolution r WHERE r.tstart_mjd_tt IS NOT NULL AND @current(r)"
_MACROS: Mapping[str, str] = MappingProxyType(
    {
        # UTC text of an MJD in TT; TT - UTC was 64.184 s at launch, then a leap second at each date of the list
        # (IERS Bulletin C 30, 36, 43, 49, 52; none since).
        "utc": "to_char(timestamp '1858-11-17' + interval '1 second' * round(({0} * 86400.0 - 64.184 - width_bucket("
        "{0}, '{{53736.000754,54832.000766,56109.000777,57204.000789,57754.000801}}'::float8[]))::numeric), "
        "'YYYY-MM-DD HH24:MI:SS')",
        # The revolution that an MJD falls into: the last one that began before it.
        "revolution": f"((SELECT array_agg(r.revolution ORDER BY r.tstart_mjd_tt) {_REVOLUTIONS})[NULLIF(width_bucket("
        f"{{0}}, (SELECT array_agg(r.tstart_mjd_tt ORDER BY r.tstart_mjd_tt) {_REVOLUTIONS})), 0)])",
        # The name of a release by its number, out of two arrays that a statement reads once.
        "release": "((SELECT array_agg(r.name ORDER BY r.number) FROM archive_release r)[width_bucket({0}, "
        "(SELECT array_agg(r.number ORDER BY r.number) FROM archive_release r))])",
        "isla_instrument": "CASE WHEN {0} IN ('isgri', 'picsit', 'ibis') THEN 1 WHEN {0} LIKE 'jemx%' THEN 2 "
        "WHEN {0} = 'spi' THEN 3 WHEN {0} = 'omc' THEN 4 END",
        "isla_band": "to_char(round({0}), 'FM9999900') || '_' || to_char(round({1}), 'FM9999900')",
    }
)
"""SQL behind the marks of that name in the table descriptions; ``{0}`` and ``{1}`` are what the mark names."""


def drop_statements() -> Iterator[sql.Composed]:
    """Yield the statements that remove the published schemas with all that is in them."""
    for schema in SCHEMAS:
        yield sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))


def create_statements(
    tables: Mapping[str, Table], *, role: str, constants: Mapping[str, str]
) -> Iterator[sql.Composed]:
    """Yield the statements that make schemas, views, TAP_SCHEMA and grants; run them in one transaction.

    `constants` fill the marks ``@name`` inside the SQL of the table descriptions (``public_url``, ``ivo_authority``).
    """
    for schema in SCHEMAS:
        yield sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))
    yield sql.Composed([sql.SQL(SKY_FUNCTIONS.read_text())])  # pyright: ignore[reportArgumentType]  # our own file
    for table in tables.values():
        yield _create_view(table, constants) if table.from_sql else _create_table(table)
    yield from _fill_tap_schema(tables)
    yield _ensure_role(role)
    # The functions of schema sky touch no table: whoever may run them learns nothing.
    yield sql.SQL("GRANT USAGE ON SCHEMA sky TO {}").format(sql.Identifier(role))
    for schema in SCHEMAS:
        names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
        yield sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}").format(**names)
        yield sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}").format(**names)


def _qualified(table: Table) -> sql.Identifier:
    return sql.Identifier(*table.name.split("."))


def _expand(text: str, constants: Mapping[str, str]) -> str:
    """Replace ``@current(alias)`` by the condition that a row is valid in the current release, and the constants.

    Nearly every row is, which the planner cannot know: the ``+ 0`` keeps it from reading a whole index for that.
    """
    valid = (
        rf"(\1.release_from_id + 0 <= {_CURRENT_RELEASE} "
        rf"AND (\1.release_to_id IS NULL OR \1.release_to_id > {_CURRENT_RELEASE}))"
    )
    written = _MACRO.sub(lambda mark: _MACROS[mark[1]].format(mark[2], mark[3]), text)
    expanded = _CURRENT.sub(valid, written)
    for name, value in constants.items():
        expanded = expanded.replace(f"@{name}", value.replace("'", "''"))
    return expanded


def _create_view(table: Table, constants: Mapping[str, str]) -> sql.Composed:
    def trusted(text: str) -> sql.SQL:
        return sql.SQL(_expand(text, constants))  # pyright: ignore[reportArgumentType]  # text of our own YAML files

    columns = [
        sql.SQL("CAST({} AS {}) AS {}").format(
            trusted(column.sql), sql.SQL(POSTGRES_TYPES[column.datatype]), sql.Identifier(column.name)
        )
        for column in table.columns
    ]
    if table.position is not None:
        columns += [
            sql.SQL("t.{} AS {}").format(sql.Identifier(name), sql.Identifier(f"_{name}"))
            for name in ("hpx", "x", "y", "z")
        ]
    if table.footprint is not None:
        columns.append(sql.SQL("CAST({} AS float8) AS _reach").format(trusted(table.footprint.reach_deg)))
    return sql.SQL("CREATE VIEW {} AS SELECT {} FROM {} WHERE {}").format(
        _qualified(table), sql.SQL(", ").join(columns), trusted(table.from_sql), trusted(table.where_sql or "true")
    )


def _create_table(table: Table) -> sql.Composed:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(POSTGRES_TYPES[column.datatype]))
        for column in table.columns
    ]
    return sql.SQL("CREATE TABLE {} ({})").format(_qualified(table), sql.SQL(", ").join(columns))


def _ensure_role(role: str) -> sql.Composed:
    """Make the role unless the server has it; two servers' migrations at once may race, hence the exception."""
    return sql.SQL(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {name}) THEN "
        "CREATE ROLE {role} NOLOGIN; END IF; GRANT {role} TO CURRENT_USER; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    ).format(name=sql.Literal(role), role=sql.Identifier(role))


def _fill_tap_schema(tables: Mapping[str, Table]) -> Iterator[sql.Composed]:
    """Yield the INSERTs of TAP 1.1 sections 4.1 to 4.4."""
    filled = {table.schema for table in tables.values()}
    for index, (schema, description) in enumerate(SCHEMAS.items()):
        if schema not in filled:
            continue
        yield _insert("schemas", schema_name=schema, description=description, utype=None, schema_index=index)
    for table_index, table in enumerate(tables.values()):
        yield _insert(
            "tables",
            schema_name=table.schema,
            table_name=table.name,
            table_type="view" if table.from_sql else "table",
            description=table.description,
            utype=table.utype,
            table_index=table_index,
        )
        for column_index, column in enumerate(table.columns):
            yield _insert("columns", **_column_row(table, column, column_index))
    keys = ((table, key) for table in tables.values() for key in table.keys)
    for number, (table, key) in enumerate(keys, start=1):
        key_id = f"key_{number:03d}"
        yield _insert(
            "keys",
            key_id=key_id,
            from_table=table.name,
            target_table=key.target,
            description=key.description,
            utype=None,
        )
        for own, target in key.columns:
            yield _insert("key_columns", key_id=key_id, from_column=own, target_column=target)


def _column_row(table: Table, column: Column, index: int) -> dict[str, object]:
    return {
        "table_name": table.name,
        # A name that ADQL reserves is listed as queries must write it (TAP 1.1 section 4.3).
        "column_name": '"size"' if column.name == "size" else column.name,
        "datatype": column.datatype,
        "arraysize": column.arraysize,
        "xtype": column.xtype,
        "size": int(column.arraysize.rstrip("*")) if column.arraysize and column.arraysize != "*" else None,
        "description": column.description,
        "utype": column.utype,
        "unit": column.unit,
        "ucd": column.ucd,
        "indexed": int(column.indexed),
        "principal": int(column.principal),
        "std": int(column.std),
        "column_index": index,
    }


def _insert(table: str, **values: object) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier("tap_schema", table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Literal, values.values())),
    )
