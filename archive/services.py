"""Writes: everything that changes the archive's tables goes through this module.

A publication is one transaction: rows are merged, then the pointer to the current release moves. Whoever reads at
the same time sees the release before or the release after, never something between.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, LiteralString, TypeAlias, cast
from uuid import uuid4

import numpy as np
import psycopg
import yaml
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

from archive.errors import BusyError, UsageError
from archive.healpix import hpx29, unit_vector
from archive.identifiers import normalize_name
from archive.models import Catalogue, CurrentRelease, Delivery, EnergyBand, Instrument, Product, Release, Released
from archive.published import load_optional_tables, load_tables
from archive.published_sql import create_statements, drop_statements
from archive.selectors import current_map_version, current_release, find_release, forget_release
from archive.skymaps import FloatMap, SkyMap, write_version

REFERENCE_DIRECTORY = Path(__file__).parent / "reference"
BATCH_ROWS = 10_000
MERGE_MEMORY = "256MB"
"""Of a join or sort while rows are merged; one publication runs at a time."""
MAX_NAMED_KEYS = 5
OF_A_FIELD = (Product.Kind.MOSAIC, Product.Kind.SKY_MAP, Product.Kind.SCW_IMAGE)
"""Kinds of product that show a field: its name may be that of a source, but they belong to every source in it."""
_VERSION_COLUMNS = ("id", "release_from_id", "release_to_id", "delivery_id", "simulated")
_INDEX_COLUMNS = ("hpx", "x", "y", "z")

Row: TypeAlias = Mapping[str, Any]
Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What became of the rows given: new, changed, unchanged, and simulated ones not taken over a real row.

    `ended` rows of an earlier delivery were closed because it is superseded or withdrawn.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_real: int = 0
    ended: int = 0


@dataclass(slots=True)
class Publication:
    """A release in the making; lives inside the transaction of `open_publication`."""

    release: Release
    delivery: Delivery
    counts: dict[str, MergeCounts] = field(default_factory=dict)

    def merge(self, model: type[Released], rows: Iterable[Row]) -> MergeCounts:
        """Merge rows into a table by the model's natural key.

        A row equal to the valid one is left alone, a different one replaces it from this release on, an unknown key
        is added. A simulated row never replaces a real one. `ra` and `dec` fill the index columns.

        Parameters
        ----------
        rows : mappings from column name to value; columns left out take the model's default

        Raises
        ------
        UsageError
            If a key comes twice or a column does not exist.
        """
        columns = _data_columns(model)
        with _open_cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', %s, true)", [MERGE_MEMORY])
            total = _stage(cursor, model, columns, rows)
            names = _merge_names(model, columns)
            values = {
                "release": self.release.number,
                "delivery": self.delivery.pk,
                "simulated": self.delivery.simulated,
            }
            _refuse_duplicates(cursor, model, names)
            kept = _execute(cursor, _KEEP_REAL, names, values) if self.delivery.simulated else 0
            unchanged = _execute(cursor, _DROP_UNCHANGED, names, values)
            changed = _execute(cursor, _CLOSE_CHANGED, names, values)
            inserted = _execute(cursor, _INSERT, names, values)
            cursor.execute("DROP TABLE merge_stage")
            if inserted:
                cursor.execute(sql.SQL("ANALYZE {table}").format(**names))
        if kept + unchanged + inserted != total:
            msg = f"{model.__name__}: {total} rows came, but {kept + unchanged + inserted} are accounted for"
            raise RuntimeError(msg)
        counts = MergeCounts(inserted - changed, changed, unchanged, kept)
        before = self.counts.get(model.__name__, MergeCounts())
        self.counts[model.__name__] = MergeCounts(*(a + b for a, b in zip(_tuple(before), _tuple(counts), strict=True)))
        return counts

    def end_delivery(self, delivery_id: str) -> int:
        """End every valid row that a delivery brought, so that this release on is without it; return how many.

        What the delivery had replaced does not come back by itself.

        Raises
        ------
        UsageError
            If the delivery is not published, or brought sky maps: those are whole versions, replaced by new maps.
        """
        old = Delivery.objects.select_related("release__previous").filter(pk=delivery_id).first()
        if old is None or old.release is None:
            raise UsageError(f"there is no published delivery {delivery_id!r} to supersede or withdraw")
        if old.release.map_version != (old.release.previous.map_version if old.release.previous else ""):
            raise UsageError(f"delivery {delivery_id} brought sky maps; deliver other maps, or roll back to a release")
        total = 0
        with _open_cursor() as cursor:
            for model in released_models():
                names = {"table": sql.Identifier(model._meta.db_table)}
                ended = _execute(cursor, _END_DELIVERY, names, {"release": self.release.number, "old": delivery_id})
                if ended:
                    before = self.counts.get(model.__name__, MergeCounts())
                    self.counts[model.__name__] = replace(before, ended=before.ended + ended)
                total += ended
        return total

    def link_products(self, source_of: Mapping[str, str]) -> int:
        """Link valid products of a source, not of a field, to the source that has their target's name; return how many.

        Parameters
        ----------
        source_of
            Source id by normalized name. A product keeps the delivery that brought it; its row before stays readable
            in the releases before.
        """
        if not source_of:
            return 0
        unlinked = Product.objects.filter(release_to=None, source_id="").exclude(target_name="")
        named = unlinked.exclude(kind__in=OF_A_FIELD).values_list("pk", "target_name")
        found = ((pk, source_of.get(normalize_name(target), "")) for pk, target in named.iterator())
        linked = 0
        for pk, source_id in [one for one in found if one[1]]:
            linked += 1
            product = Product.objects.get(pk=pk)
            if product.release_from == self.release:
                Product.objects.filter(pk=pk).update(source_id=source_id)
                continue
            Product.objects.filter(pk=pk).update(release_to=self.release)
            product.pk, product.source_id, product.release_from = None, source_id, self.release
            product.save(force_insert=True)
        if linked:
            before = self.counts.get(Product.__name__, MergeCounts())
            self.counts[Product.__name__] = replace(before, changed=before.changed + linked)
        return linked

    def publish_maps(self, maps: Iterable[tuple[SkyMap, FloatMap]]) -> bool:
        """Write a map version with these maps and those of the current version; True when anything is new."""
        base = current_map_version()
        name = f"{self.release.name.lower()}-{uuid4().hex[:8]}"
        version = write_version(settings.MAPS_ROOT, name, maps, base=base)
        if base is not None and version.sha256 == base.sha256 and set(version.maps) == set(base.maps):
            shutil.rmtree(version.path)
            return False
        self.release.map_version = name
        return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is new or changed."""
        rows = any(counts.new or counts.changed or counts.ended for counts in self.counts.values())
        before = self.release.previous.map_version if self.release.previous else ""
        return not rows and self.release.map_version == before


@contextmanager
def open_publication(*, delivery: Delivery, description: str) -> Iterator[Publication]:
    """Open a publication; on leaving, it becomes the current release, or nothing happens.

    `delivery` is an unsaved or saved `Delivery`; it is stored with its state and counts. If nothing is new, no release
    is made and the transaction is rolled back. Any error rolls everything back.

    Raises
    ------
    BusyError
        If another publication is running.
    """
    with transaction.atomic():
        _lock_publications()
        previous = current_release()
        release = _next_release(previous, description)
        _abandon_newer(previous, release)
        _save_delivery(delivery)
        publication = Publication(release, delivery)
        yield publication
        if publication.is_empty:
            transaction.set_rollback(True)
            return
        release.save()
        delivery.state = Delivery.State.PUBLISHED
        delivery.release = release
        delivery.counts = {name: asdict(counts) for name, counts in publication.counts.items()}
        delivery.save()
        _serve(release)


def _serve(release: Release) -> None:
    CurrentRelease.objects.update_or_create(id=CurrentRelease.SINGLETON, defaults={"release": release})
    forget_release()


def roll_back_to(release_name: str) -> Release:
    """Serve an earlier (or later) release again by moving the pointer.

    Raises
    ------
    NotFoundError
        If there is no such release.
    """
    with transaction.atomic():
        _lock_publications()
        release = find_release(release_name)
        _serve(release)
    return release


def ensure_band(instrument: str, energy_min_kev: float, energy_max_kev: float) -> EnergyBand:
    """Return the energy band of an instrument, made when it is new; energies in keV.

    Examples of the names: ``isgri_28_40`` with band ``28_40``; ``jemx1_3_10.5`` with band ``3_10.5``.
    """
    band = f"{energy_min_kev:.6g}_{energy_max_kev:.6g}"
    energy_band, _ = EnergyBand.objects.get_or_create(
        band_id=f"{instrument}_{band}",
        defaults={
            "instrument_id": instrument,
            "band": band,
            "energy_min_kev": energy_min_kev,
            "energy_max_kev": energy_max_kev,
        },
    )
    return energy_band


def sync_reference_rows() -> None:
    """Bring instruments and catalogues to what archive/reference says."""
    for name, facts in yaml.safe_load((REFERENCE_DIRECTORY / "instruments.yaml").read_text()).items():
        energy_min_kev, energy_max_kev = facts.pop("energy")
        defaults = {**facts, "energy_min_kev": energy_min_kev, "energy_max_kev": energy_max_kev}
        Instrument.objects.update_or_create(instrument=name, defaults=defaults)
    for name, facts in yaml.safe_load((REFERENCE_DIRECTORY / "catalogues.yaml").read_text()).items():
        Catalogue.objects.update_or_create(catalogue=name, defaults=facts)


def lock_migration() -> None:
    """Wait until no other process migrates; the lock ends with the transaction."""
    with _open_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [settings.LOCK_MIGRATE])


def drop_published_tables() -> None:
    """Remove the published schemas, so that the tables under them can change."""
    with _open_cursor() as cursor:
        for statement in drop_statements():
            cursor.execute(statement)


def publish_tables() -> None:
    """Make the published schemas, TAP_SCHEMA and the grants of the read-only role anew."""
    constants = {"public_url": settings.PUBLIC_URL, "ivo_authority": settings.IVO_AUTHORITY}
    with _open_cursor() as cursor:
        made = set(connection.introspection.table_names(cursor))
        optional = {name: table for name, table in load_optional_tables().items() if table.from_sql.split()[0] in made}
        for statement in create_statements({**load_tables(), **optional}, role=settings.TAP_ROLE, constants=constants):
            cursor.execute(statement)


def released_models() -> list[type[Released]]:
    """Return every model with a table whose rows belong to releases, by name."""
    models_of_archive = apps.get_app_config("archive").get_models()
    return sorted((m for m in models_of_archive if issubclass(m, Released)), key=lambda model: model.__name__)


@contextmanager
def _open_cursor() -> Iterator[Cursor]:
    """Open a cursor of Django's connection, typed as what it wraps: psycopg's, which takes `sql` objects and COPY."""
    with connection.cursor() as cursor:
        yield cast("Cursor", cursor)


def _lock_publications() -> None:
    with _open_cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [settings.LOCK_PUBLISH])
        row = cursor.fetchone()
    if row != (True,):
        msg = "another publication is running; try again when it has ended"
        raise BusyError(msg)


def _next_release(previous: Release | None, description: str) -> Release:
    now = datetime.now(UTC)
    newest = Release.objects.order_by("-number").first()
    count = Release.objects.filter(name__startswith=f"{now.year}.").count()
    release = Release(
        number=newest.number + 1 if newest else 1,
        name=f"{now.year}.{count + 1}",
        previous=previous,
        published_at=now,
        description=description,
        map_version=previous.map_version if previous else "",
    )
    release.save()
    return release


def _save_delivery(delivery: Delivery) -> None:
    known = Delivery.objects.filter(pk=delivery.pk).first()
    if known is not None and known.digest_sha256 != delivery.digest_sha256:
        msg = (
            f"delivery {delivery.pk} is known with the content {known.digest_sha256[:12]}..., now it has "
            f"{delivery.digest_sha256[:12]}...; a changed delivery needs a new delivery_id"
        )
        raise UsageError(msg)
    delivery.save()


def _abandon_newer(previous: Release | None, release: Release) -> None:
    """After a roll-back: what the releases above the pointer brought ends here, what they ended goes on."""
    base = previous.number if previous else 0
    if base == release.number - 1:
        return
    values = {"base": base, "release": release.number}
    with _open_cursor() as cursor:
        for model in released_models():
            columns = _data_columns(model)
            names = {
                "table": sql.Identifier(model._meta.db_table),
                "columns": _list(sql.Identifier(name) for name in (*columns, "delivery_id", "simulated")),
            }
            _execute(cursor, _END_ABANDONED, names, values)
            _execute(cursor, _REVIVE, names, values)


def _data_columns(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(f.column for f in model._meta.concrete_fields if f.column not in _VERSION_COLUMNS)


def _list(items: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(items)


def _tuple(counts: MergeCounts) -> tuple[int, int, int, int, int]:
    return (counts.new, counts.changed, counts.unchanged, counts.kept_real, counts.ended)


def _merge_names(model: type[Released], columns: tuple[str, ...]) -> dict[str, sql.Composable]:
    def of(alias: str, names: Iterable[str]) -> sql.Composed:
        return _list(sql.Identifier(alias, name) for name in names)

    return {
        "table": sql.Identifier(model._meta.db_table),
        "columns": _list(map(sql.Identifier, columns)),
        "key": _list(map(sql.Identifier, model.KEY)),
        "same_key": sql.SQL("({}) = ({})").format(of("h", model.KEY), of("s", model.KEY)),
        "same_row": sql.SQL("({}) IS NOT DISTINCT FROM ({})").format(of("h", columns), of("s", columns)),
    }


_KEEP_REAL = (
    "DELETE FROM merge_stage s USING {table} h WHERE {same_key} AND h.release_to_id IS NULL AND NOT h.simulated"
)
_DROP_UNCHANGED = (
    "DELETE FROM merge_stage s USING {table} h WHERE {same_key} AND h.release_to_id IS NULL "
    "AND h.simulated = %(simulated)s AND {same_row}"
)
_CLOSE_CHANGED = (
    "UPDATE {table} h SET release_to_id = %(release)s FROM merge_stage s WHERE {same_key} AND h.release_to_id IS NULL"
)
_INSERT = (
    "INSERT INTO {table} ({columns}, release_from_id, delivery_id, simulated) "
    "SELECT {columns}, %(release)s, %(delivery)s, %(simulated)s FROM merge_stage"
)
_END_DELIVERY = (
    "UPDATE {table} SET release_to_id = %(release)s "
    "WHERE delivery_id = %(old)s AND release_to_id IS NULL AND release_from_id < %(release)s"
)
# What an abandoned release brought ends here.
_END_ABANDONED = (
    "UPDATE {table} SET release_to_id = %(release)s "
    "WHERE release_from_id > %(base)s AND release_from_id < %(release)s AND release_to_id IS NULL"
)
# What an abandoned release ended is valid again from here on, as a copy.
_REVIVE = (
    "INSERT INTO {table} ({columns}, release_from_id) SELECT {columns}, %(release)s FROM {table} "
    "WHERE release_from_id <= %(base)s AND release_to_id > %(base)s AND release_to_id < %(release)s"
)


def _execute(cursor: Cursor, statement: LiteralString, names: Mapping[str, sql.Composable], values: Row) -> int:
    cursor.execute(sql.SQL(statement).format(**names), values)
    return cursor.rowcount


def _stage(cursor: Cursor, model: type[Released], columns: tuple[str, ...], rows: Iterable[Row]) -> int:
    """Copy the rows into the temporary table ``merge_stage``; return how many there were.

    Values go over in the types of the columns, in binary: a number is not written out and read again, and a value of
    another type is an error here, not a cast in the database.
    """
    names = {"table": sql.Identifier(model._meta.db_table), "columns": _list(map(sql.Identifier, columns))}
    cursor.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE merge_stage ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
        ).format(**names)
    )
    cursor.execute("SELECT * FROM merge_stage")
    types = [column.type_code for column in cursor.description or ()]
    total = 0
    iterator = iter(rows)
    statement = sql.SQL("COPY merge_stage ({columns}) FROM STDIN (FORMAT BINARY)").format(**names)
    while batch := list(islice(iterator, BATCH_ROWS)):
        # One COPY per batch: the connection is free while rows are drawn, so these may come from queries themselves.
        with cursor.copy(statement) as copy:
            copy.set_types(types)
            for values in _complete_rows(model, columns, batch):
                copy.write_row(values)
        total += len(batch)
    cursor.execute("ANALYZE merge_stage")
    return total


def _complete_rows(model: type[Released], columns: tuple[str, ...], batch: list[Row]) -> Iterator[list[object]]:
    """Yield the values of each row in the order of `columns`, with defaults and index columns filled in."""
    fields = {f.column: f for f in model._meta.concrete_fields}
    unknown = set().union(*batch) - set(columns)
    if unknown:
        msg = f"{model.__name__} has no column {', '.join(sorted(unknown))}"
        raise UsageError(msg)
    json_columns = [place for place, name in enumerate(columns) if isinstance(fields[name], models.JSONField)]
    defaults = [(name, fields[name].get_default()) for name in columns]
    index = _index_columns(batch) if "hpx" in columns else {}
    places = [(place, index[name]) for place, name in enumerate(columns) if name in index]
    for number, row in enumerate(batch):
        values: list[object] = [row.get(name, default) for name, default in defaults]
        for place, held in places:
            values[place] = held[number]
        for place in json_columns:
            values[place] = Jsonb(values[place])
        yield values


def _index_columns(batch: list[Row]) -> dict[str, list[float | int | None]]:
    """Compute hpx, x, y, z from ra and dec; None where the row has no position."""
    has = np.array([row.get("ra") is not None and row.get("dec") is not None for row in batch])
    ra = np.array([row["ra"] if ok else 0.0 for row, ok in zip(batch, has, strict=True)], dtype=np.float64)
    dec = np.array([row["dec"] if ok else 0.0 for row, ok in zip(batch, has, strict=True)], dtype=np.float64)
    columns = dict(zip(_INDEX_COLUMNS, (hpx29(ra, dec), *unit_vector(ra, dec)), strict=True))
    return {
        name: [value if ok else None for value, ok in zip(values.tolist(), has, strict=True)]
        for name, values in columns.items()
    }


def _refuse_duplicates(cursor: Cursor, model: type[Released], names: Mapping[str, sql.Composable]) -> None:
    statement = "SELECT {key}, count(*) FROM merge_stage GROUP BY {key} HAVING count(*) > 1 ORDER BY {key}"
    cursor.execute(sql.SQL(statement).format(**names))
    duplicates = cursor.fetchall()
    if duplicates:
        examples = ", ".join(" ".join(map(str, row[:-1])) for row in duplicates[:MAX_NAMED_KEYS])
        msg = (
            f"{model.__name__}: {len(duplicates)} keys ({', '.join(model.KEY)}) come more than once, "
            f"for example {examples}; each may come once in a delivery"
        )
        raise UsageError(msg)
