"""What differs between two releases, row by row, and so also what changed for one source."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import psycopg
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Collate
from psycopg import sql

from archive.models import Release, Released
from archive.services import released_models

_HIDDEN = {"id", "release_from", "release_to", "delivery", "hpx", "x", "y", "z"}
MAX_SHOWN_ROWS = 200


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One thing that is new, gone or changed; `columns` maps a column to its value before and after."""

    table: str
    key: Mapping[str, Any]
    kind: str
    columns: Mapping[str, tuple[Any, Any]]


@dataclass(slots=True)
class TableDifference:
    """How many things of a table are new, gone and changed."""

    new: int = 0
    gone: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseDifference:
    """Counts for every table that differs, and the first rows of each kind; `is_cut` tells that there are more."""

    before: str
    after: str
    tables: Mapping[str, TableDifference]
    rows: tuple[RowDifference, ...]
    is_cut: bool
    maps: tuple[str, str] | None = field(default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.tables and self.maps is None


def compare_releases(
    before: Release | None, after: Release, *, source_id: str = "", table: str = "", max_rows: int = MAX_SHOWN_ROWS
) -> ReleaseDifference:
    """Compare two releases, in either order of time.

    Parameters
    ----------
    before, after
        Releases; `before` None is the empty archive.
    source_id
        Only rows of this source, when given.
    table
        Only this table (model name in the database without ``archive_``), when given.
    max_rows
        How many rows to list; the counts are always complete.
    """
    tables: dict[str, TableDifference] = {}
    rows: list[RowDifference] = []
    for model in released_models():
        name = model._meta.db_table.removeprefix("archive_")
        if (table and table != name) or not _has_source(model, source_id):
            continue
        counts = _count_table(model, before.number if before else 0, after.number, source_id)
        if counts == TableDifference():
            continue
        tables[name] = counts
        if len(rows) < max_rows:
            # The transaction spares the database from keeping the whole answer for a reader who takes its beginning.
            with transaction.atomic(), closing(_compare_table(model, name, before, after, source_id)) as found:
                rows += islice(found, max_rows - len(rows))
    listed = sum(counts.new + counts.gone + counts.changed for counts in tables.values())
    versions = (before.map_version if before else "", after.map_version)
    maps = versions if versions[0] != versions[1] and not source_id and not table else None
    return ReleaseDifference(
        before.name if before else "", after.name, tables, tuple(rows), is_cut=listed > len(rows), maps=maps
    )


def _has_source(model: type[Released], source_id: str) -> bool:
    return not source_id or any(column.name == "source_id" for column in model._meta.concrete_fields)


def _valid_in(number: int) -> Q:
    return Q(release_from__lte=number) & (Q(release_to=None) | Q(release_to__gt=number))


_COUNT = (
    "WITH old AS (SELECT {columns} FROM {table} WHERE {in_old} AND NOT {in_new} AND {of_source}), "
    "new AS (SELECT {columns} FROM {table} WHERE {in_new} AND NOT {in_old} AND {of_source}) "
    "SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM new), count(*), "
    "count(*) FILTER (WHERE ({old_columns}) IS NOT DISTINCT FROM ({new_columns})) FROM old JOIN new USING ({key})"
)


def _count_table(model: type[Released], old: int, new: int, source_id: str) -> TableDifference:
    """Count in the database what `_compare_table` walks through: a release may bring a million rows."""

    def valid(number: int) -> sql.Composed:
        return sql.SQL("(release_from_id <= {n} AND (release_to_id IS NULL OR release_to_id > {n}))").format(n=number)

    def listed(names: tuple[str, ...], *of: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(*of, name) for name in names)

    columns = tuple(column.column for column in model._meta.concrete_fields if column.name not in _HIDDEN)
    statement = sql.SQL(_COUNT).format(
        table=sql.Identifier(model._meta.db_table),
        columns=listed(columns),
        old_columns=listed(columns, "old"),
        new_columns=listed(columns, "new"),
        key=listed(model.KEY),
        in_old=valid(old),
        in_new=valid(new),
        of_source=sql.SQL("source_id = {}").format(source_id) if source_id else sql.SQL("true"),
    )
    with connection.cursor() as wrapped:
        cursor = cast("psycopg.Cursor[tuple[int, int, int, int]]", wrapped)
        cursor.execute(statement)
        gone, added, both, same = cursor.fetchone() or (0, 0, 0, 0)
    return TableDifference(new=added - both, gone=gone - both, changed=both - same)


def _compare_table(
    model: type[Released], name: str, before: Release | None, after: Release, source_id: str
) -> Generator[RowDifference, None, None]:
    """Walk the versions valid in one release only, both sides in the order of the key."""
    old_number = before.number if before else 0
    columns = [column.name for column in model._meta.concrete_fields if column.name not in _HIDDEN]

    def versions(valid: int, other: int) -> Iterator[dict[str, Any]]:
        found = model.objects.filter(_valid_in(valid)).exclude(_valid_in_not_null(other))
        if source_id:
            found = found.filter(source_id=source_id)
        return found.order_by(*(_in_byte_order(model, key) for key in model.KEY)).values(*columns).iterator()

    old_rows, new_rows = versions(old_number, after.number), versions(after.number, old_number)
    old, new = next(old_rows, None), next(new_rows, None)
    while old is not None or new is not None:
        old_key, new_key = _key(model, old), _key(model, new)
        if new is None or (old_key is not None and new_key is not None and old_key < new_key):
            yield RowDifference(name, _named(model, old), "gone", {})
            old = next(old_rows, None)
        elif old is None or old_key != new_key:
            yield RowDifference(name, _named(model, new), "new", {})
            new = next(new_rows, None)
        else:
            changed = {column: (old[column], new[column]) for column in columns if old[column] != new[column]}
            if changed:
                yield RowDifference(name, _named(model, new), "changed", changed)
            old, new = next(old_rows, None), next(new_rows, None)


def _valid_in_not_null(number: int) -> Q:
    """Say `_valid_in` without a null in the answer, so that its negation holds for open rows too."""
    return Q(release_from__lte=number) & (
        Q(release_to__isnull=True) | Q(release_to__isnull=False, release_to__gt=number)
    )


def _in_byte_order(model: type[Released], column: str) -> models.Expression | str:
    """Order texts as Python compares them, whatever the database's collation."""
    is_text = isinstance(model._meta.get_field(column), models.CharField)
    return Collate(F(column), "C").asc() if is_text else column


def _key(model: type[Released], row: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    return None if row is None else tuple(row[name] for name in model.KEY)


def _named(model: type[Released], row: Mapping[str, Any] | None) -> dict[str, Any]:
    """Name a thing: its key, and what a person calls it."""
    if row is None:
        return {}
    more = [name for name in ("name", "source_id") if name in row and name not in model.KEY]
    return {name: row[name] for name in (*model.KEY, *more)}
