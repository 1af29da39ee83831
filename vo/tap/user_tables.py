"""Tables that people with an account keep: uploaded once, named in any query, shared by a link, gone when they expire.

Each account has a schema of its own. Only names that are plain identifiers get into the database, and only through
`psycopg.sql`; a query sees the tables of the account that asks, and those whose share key it names.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import cast

import numpy as np
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from psycopg import Cursor, sql

from archive.accounts.roles import Visitor
from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.healpix import hpx29, unit_vector
from archive.models import UserTable
from archive.published import Column, Position, Table
from vo.adql.postgres import meta_type
from vo.adql.resolved import Meta
from vo.adql.words import RESERVED_WORDS
from vo.tap.uploads import Upload, read_uploaded_tables

MOST_TABLES = 100
MOST_TABLE_BYTES = 2 * 2**30
"""Of all kept tables of an account, on the disk."""

LIFETIME = timedelta(days=365)
SHARED = "shared_"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NAMED = re.compile(r"(?:user|shared)_[a-z0-9_]+", re.IGNORECASE)


def schema_of(owner: AbstractUser) -> str:
    """Return the schema of an account: ``user_`` and its name, or its number if the name is no plain identifier."""
    name = owner.get_username()
    return f"user_{name}" if _NAME.fullmatch(name) and len(name) < 58 else f"user_{owner.pk}"


def visible_tables(visitor: Visitor | None, query: str) -> Mapping[str, Table]:
    """Return the kept tables that a query of this visitor may name; the database is asked only if it names any."""
    named = {word.lower() for word in _NAMED.findall(query)}
    if not named:
        return {}
    alive = UserTable.objects.filter(expires_at__gt=timezone.now())
    keys = [word.removeprefix(SHARED) for word in named if word.startswith(SHARED)]
    found = {f"{SHARED}{kept.share_key}.{kept.name}": kept for kept in alive.filter(share_key__in=keys)}
    if visitor is not None and visitor.is_authenticated:
        found.update({str(kept): kept for kept in alive.filter(owner=cast("AbstractUser", visitor))})
    return {name: _described(name, kept) for name, kept in found.items()}


def _described(name: str, kept: UserTable) -> Table:
    columns = tuple(Column(**column) for column in kept.columns)
    return Table(name, kept.name, f"kept by {kept.owner}", columns, position=_position(columns))


def _position(columns: Sequence[Column]) -> Position | None:
    """Find the columns of the position: by UCD, else those that are named ra and dec, in degrees."""
    plain = [c for c in columns if c.datatype == "double" and c.arraysize is None and c.unit in {None, "deg"}]
    for ra, dec in (("pos.eq.ra;meta.main", "pos.eq.dec;meta.main"), ("pos.eq.ra", "pos.eq.dec")):
        found = [next((c.name for c in plain if c.ucd == ucd), None) for ucd in (ra, dec)]
        if found[0] and found[1]:
            return Position(found[0], found[1])
    names = {column.name for column in plain}
    return Position("ra", "dec") if {"ra", "dec"} <= names else None


def list_tables(owner: AbstractUser) -> list[UserTable]:
    """Return the tables that an account keeps, by name."""
    return list(UserTable.objects.filter(owner=owner, expires_at__gt=timezone.now()))


def find_table(owner: AbstractUser, name: str) -> UserTable:
    """Return a table that an account keeps.

    Raises
    ------
    NotFoundError
        If it keeps none of that name.
    """
    kept = UserTable.objects.filter(owner=owner, name=name, expires_at__gt=timezone.now()).first()
    if kept is None:
        msg = f"{owner} keeps no table {name[:80]!r}; /tap/user_tables lists those there are"
        raise NotFoundError(msg)
    return kept


def keep_table(owner: AbstractUser, name: str, content: bytes) -> UserTable:
    """Keep a table of any format that uploads may have; one of the same name is replaced, whole or not at all.

    Raises
    ------
    UsageError
        If a name is no plain identifier, or the content cannot be read.
    TooLargeError
        If the account would keep too much.
    """
    _check_name("table", name)
    (upload,) = read_uploaded_tables(((name, name),), {name: content})
    columns = [_lowered(column) for column in upload.table.columns]
    for column in columns:
        _check_name("column", column.name)
    position = _position(columns)
    with transaction.atomic(), connection.cursor() as django_cursor:
        cursor = cast("Cursor", django_cursor)
        # One writer for each account, so that quotas hold.
        cursor.execute("SELECT id FROM auth_user WHERE id = %s FOR UPDATE", [owner.pk])
        remove_table(owner, name)
        if UserTable.objects.filter(owner=owner).count() >= MOST_TABLES:
            msg = f"{owner} keeps {MOST_TABLES} tables already; remove one that is not needed"
            raise TooLargeError(msg)
        schema = schema_of(owner)
        _create(cursor, schema, name, columns, upload, position)
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [f"{schema}.{name}"])
        size = (cursor.fetchone() or (0,))[0]
        used = UserTable.objects.filter(owner=owner).aggregate(total=Sum("size_bytes"))["total"] or 0
        if used + size > MOST_TABLE_BYTES:
            msg = f"{owner} would keep {(used + size) >> 20} MiB with it, and may keep {MOST_TABLE_BYTES >> 20}"
            raise TooLargeError(msg)
        return UserTable.objects.create(
            owner=owner,
            name=name,
            schema=schema,
            columns=[asdict(column) for column in columns],
            row_count=upload.content.row_count,
            size_bytes=size,
            expires_at=timezone.now() + LIFETIME,
        )


def _lowered(column: Column) -> Column:
    return Column(**{**asdict(column), "name": column.name.lower()})


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name) or name.upper() in RESERVED_WORDS:
        msg = (
            f"the {what} name {name[:80]!r} cannot be kept: expected a letter, then letters, digits and _, at most 63, "
            "and no word that ADQL reserves"
        )
        raise UsageError(msg)


def _create(
    cursor: Cursor, schema: str, name: str, columns: Sequence[Column], upload: Upload, position: Position | None
) -> None:
    table, role = sql.Identifier(schema, name), sql.Identifier(settings.TAP_ROLE)
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    types = [meta_type(Meta(column.datatype, column.arraysize)) for column in columns]
    definitions = [(column.name, written) for column, written in zip(columns, types, strict=True)]
    values: list[Sequence[object]] = list(upload.content.columns)
    if position is not None:
        ra, dec = (
            np.array(values[[c.name for c in columns].index(axis)], np.float64) for axis in (position.ra, position.dec)
        )
        good = np.isfinite(ra) & (np.abs(dec) <= 90)
        hidden = [
            hpx29(np.where(good, ra % 360, 0.0), np.where(good, dec, 0.0)),
            *unit_vector(ra, np.where(good, dec, 0.0)),
        ]
        for column, kind, numbers in zip(("_hpx", "_x", "_y", "_z"), ("bigint", *["float8"] * 3), hidden, strict=True):
            definitions.append((column, sql.SQL(kind)))  # pyright: ignore[reportArgumentType]  # literals of this line
            values.append([value if ok else None for value, ok in zip(numbers.tolist(), good.tolist(), strict=True)])
    written = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), kind) for c, kind in definitions)
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table, written))
    with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)) as copy:
        copy.set_types([kind.as_string(None) for _, kind in definitions])
        for row in zip(*values, strict=True):
            copy.write_row(row)
    if position is not None:
        cursor.execute(sql.SQL("CREATE INDEX ON {} (_hpx)").format(table))
    cursor.execute(sql.SQL("ANALYZE {}").format(table))
    grant = sql.SQL("GRANT USAGE ON SCHEMA {0} TO {2}; GRANT SELECT ON {1} TO {2}")
    cursor.execute(grant.format(sql.Identifier(schema), table, role))


def remove_table(owner: AbstractUser, name: str) -> bool:
    """Remove a kept table and its link; return whether there was one."""
    kept = UserTable.objects.filter(owner=owner, name=name).first()
    if kept is not None:
        _drop(kept)
    return kept is not None


def _drop(kept: UserTable) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        _unshare(kept, cast("Cursor", cursor))
        statement = sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(kept.schema, kept.name))
        cast("Cursor", cursor).execute(statement)
        kept.delete()


def share_table(kept: UserTable, *, shared: bool) -> UserTable:
    """Give a kept table a link, or take the link away; who knows the link may read the table."""
    with transaction.atomic(), connection.cursor() as django_cursor:
        cursor = cast("Cursor", django_cursor)
        if not shared:
            _unshare(kept, cursor)
            kept.share_key = None
        elif kept.share_key is None:
            kept.share_key = secrets.token_hex(16)
            names = {
                "schema": sql.Identifier(f"{SHARED}{kept.share_key}"),
                "view": sql.Identifier(f"{SHARED}{kept.share_key}", kept.name),
                "table": sql.Identifier(kept.schema, kept.name),
                "role": sql.Identifier(settings.TAP_ROLE),
            }
            cursor.execute(
                sql.SQL(
                    "CREATE SCHEMA {schema}; CREATE VIEW {view} AS SELECT * FROM {table}; "
                    "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON {view} TO {role}"
                ).format(**names)
            )
        kept.save(update_fields=["share_key"])
    return kept


def _unshare(kept: UserTable, cursor: Cursor) -> None:
    if kept.share_key is not None:
        schema = sql.Identifier(f"{SHARED}{kept.share_key}")
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))


def remove_expired_tables() -> int:
    """Remove the tables whose time is over; return how many."""
    expired = list(UserTable.objects.filter(expires_at__lt=timezone.now()))
    for kept in expired:
        _drop(kept)
    return len(expired)
