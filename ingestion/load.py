"""Last step: publish a plan. The only module that knows the database; it writes through archive.services."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
from django.conf import settings
from django.db import models as orm
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Cast
from numpy.typing import NDArray

from archive import models
from archive.errors import StorageError
from archive.release_diff import compare_releases
from archive.selectors import current_rows
from archive.services import MergeCounts, Publication, ensure_band, open_publication
from archive.skymaps import SkyMap
from archive.storage import store_file
from ingestion.discover import DiscoveredFile
from ingestion.label import Label
from ingestion.plan import Plan
from ingestion.read import read_maps
from ingestion.rows import ProductRow, Row, SourceNameRow, SourceRow
from ingestion.sources import KnownSource

MAX_STORED_FINDINGS = 1000
STORED_AT_ONCE = 1000

MODELS: dict[str, type[models.Released]] = {
    "revolutions": models.Revolution,
    "proposals": models.Proposal,
    "observations": models.Observation,
    "science_windows": models.ScienceWindow,
    "catalogue_releases": models.CatalogueRelease,
    "isdc_reference_catalogue": models.ReferenceCatalogueEntry,
    "ibis_catalogue": models.IbisCatalogueEntry,
    "jemx_catalogue": models.JemxCatalogueEntry,
    "spi_catalogue": models.SpiCatalogueEntry,
    "spi_grb_catalogue": models.GrbCatalogueEntry,
    "omc_catalogue": models.OmcCatalogueEntry,
    "sources": models.Source,
    "source_names": models.SourceName,
    "products": models.Product,
    "product_files": models.ProductFile,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a plan: the release that holds it ('' = nothing was new) and counts per table."""

    release: str
    counts: dict[str, MergeCounts]
    maps_changed: bool


def known_sources() -> dict[str, KnownSource]:
    """Return the archive's sources by source id, real ones with the newest catalogue version that lists them."""
    newest = dict(
        current_rows(models.ReferenceCatalogueEntry)
        .filter(simulated=False, catalogue_version__regex=r"^\d+$")
        .values_list("source_id")
        .annotate(newest=Max(Cast("catalogue_version", orm.IntegerField())))
    )
    names: dict[str, list[str]] = {}
    for source_id, name in (
        current_rows(models.SourceName).order_by("source_id", "normalized_name").values_list("source_id", "name")
    ):
        names.setdefault(source_id, []).append(name)
    columns = [field.name for field in fields(SourceRow)]
    return {
        values["source_id"]: KnownSource(
            SourceRow(**values), newest.get(values["source_id"], 0), tuple(names.get(values["source_id"], ()))
        )
        for values in current_rows(models.Source).values(*columns)
    }


Conclude = Callable[[Publication], None]


def load_plan(plan: Plan, say: Callable[[str], None], *, conclude: Conclude | None = None) -> Loaded:
    """Publish everything a plan holds, in one transaction; an error leaves the archive as it was.

    `conclude` is called as the last step inside the transaction, and commits or fails with it.

    Raises
    ------
    UsageError
        If the delivery id is known with other content.
    BusyError
        If another publication is running.
    StorageError
        If a file changed since it was checked.
    """
    delivery = _delivery_of(plan)
    publication: Publication | None = None
    maps_changed = False
    try:
        with open_publication(delivery=delivery, description=plan.description or plan.title) as publication:
            _store_files(plan.product_files, say)
            _load_rows(plan, publication, say)
            if plan.map_files:
                say(f"loading {len(plan.map_files)} files of sky maps")
                maps_changed = publication.publish_maps(_maps(plan))
            if conclude is not None:
                conclude(publication)
    except BaseException:
        if publication is not None and maps_changed and publication.release.map_version:
            shutil.rmtree(settings.MAPS_ROOT / publication.release.map_version, ignore_errors=True)
        raise
    counts = {
        table: publication.counts[model.__name__]
        for table, model in MODELS.items()
        if model.__name__ in publication.counts
    }
    return Loaded("" if publication.is_empty else publication.release.name, counts, maps_changed)


def preview_plan(plan: Plan) -> dict[str, Any]:
    """Work out what publishing a plan would change, by doing it without its files and maps, and undoing it.

    Raises
    ------
    UsageError, BusyError
        As `load_plan`.
    """
    preview: dict[str, Any] = {"tables": {}, "rows": [], "is_cut": False, "maps": len(plan.map_files)}
    with transaction.atomic():
        with open_publication(delivery=_delivery_of(plan), description=plan.title) as publication:
            _load_rows(plan, publication, _silent)
            found = compare_releases(publication.release.previous, publication.release)
            preview |= {
                "tables": {name: asdict(counts) for name, counts in found.tables.items()},
                "rows": [asdict(row) for row in found.rows],
                "is_cut": found.is_cut,
            }
        transaction.set_rollback(True)
    return json.loads(json.dumps(preview, default=str))


def _silent(line: str) -> None:
    """Say nothing."""


def _delivery_of(plan: Plan) -> models.Delivery:
    return models.Delivery(
        delivery_id=plan.delivery_id,
        title=plan.title,
        team=plan.team,
        licence=plan.licence,
        digest_sha256=plan.digest_sha256,
        simulated=plan.simulated,
        received_at=datetime.now(UTC),
        findings=[asdict(finding) for finding in plan.findings[:MAX_STORED_FINDINGS]],
        **(_declared(plan.label) if plan.label else {}),
    )


def _declared(label: Label) -> dict[str, Any]:
    return {
        "kind": label.kind,
        "completeness": label.completeness,
        "creators": list(label.creators),
        "papers": list(label.papers),
        "waivers": [{**asdict(waiver), "expires": str(waiver.expires)} for waiver in label.waivers],
    }


def _load_rows(plan: Plan, publication: Publication, say: Callable[[str], None]) -> None:
    """End what the label supersedes or withdraws, then merge the rows of every table."""
    if plan.label is not None and plan.label.release_type in {"supersede", "withdraw"}:
        publication.end_delivery(plan.label.supersedes)
    if plan.label is not None and plan.label.release_type == "withdraw":
        models.Withdrawal.objects.create(
            release=publication.release, delivery_id=plan.label.supersedes, reason=plan.label.reason
        )
    for table, model in MODELS.items():
        rows = plan.rows.get(table, ())
        if rows:
            say(f"loading {len(rows)} rows into {table}")
            publication.merge(model, _values_of(rows))
    if linked := publication.link_products(_names_of(plan)):
        say(f"linked {linked} products to sources that came after them")
    _ensure_bands(plan)


def _names_of(plan: Plan) -> dict[str, str]:
    """Return source ids by normalized name; a main name wins, a name of several sources is nobody's."""
    held: dict[str, set[str]] = {}
    main: dict[str, str] = {}
    for row in plan.rows.get("source_names", ()):
        if isinstance(row, SourceNameRow):
            held.setdefault(row.normalized_name, set()).add(row.source_id)
            if row.is_main:
                main[row.normalized_name] = row.source_id
    return {name: next(iter(ids)) for name, ids in held.items() if len(ids) == 1} | main


def _values_of(rows: Iterable[Row]) -> Iterator[dict[str, object]]:
    """Yield each row, all of one kind, as values by column."""
    names: tuple[str, ...] = ()
    for row in rows:
        names = names or tuple(field.name for field in fields(row))
        values = {name: getattr(row, name) for name in names}
        for name, value in values.items():
            if isinstance(value, tuple):
                values[name] = list(value)
        yield values


def _store_files(files: Iterable[DiscoveredFile], say: Callable[[str], None]) -> None:
    """Put files into the store, with their rows a batch at a time."""
    remaining = iter(files)
    done = 0
    while batch := list(islice(remaining, STORED_AT_ONCE)):
        say(f"storing files {done + 1} to {done + len(batch)}")
        rows = [_store(file) for file in batch]
        models.StoredFile.objects.bulk_create(rows, ignore_conflicts=True)
        done += len(batch)


def _store(file: DiscoveredFile) -> models.StoredFile:
    stored = store_file(file.path)
    if stored.sha256 != file.sha256:
        msg = f"{file.name} changed after it was checked; nothing was loaded; run the command again"
        raise StorageError(msg)
    now = datetime.now(UTC)
    return models.StoredFile(sha256=stored.sha256, size_bytes=stored.size_bytes, stored_at=now, verified_at=now)


def _ensure_bands(plan: Plan) -> None:
    bands = set()
    for row in plan.rows.get("products", ()):
        if not isinstance(row, ProductRow) or not row.band or row.band == "V":
            continue
        if row.energy_min_kev is not None and row.energy_max_kev is not None:
            bands.add((row.instrument, row.energy_min_kev, row.energy_max_kev))
    for instrument, low, high in sorted(bands):
        ensure_band(instrument, low, high)


def _maps(plan: Plan) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    for file in plan.map_files:
        for one in read_maps(file):
            ensure_band(one.sky_map.instrument, one.sky_map.energy_min_kev, one.sky_map.energy_max_kev)
            yield one.sky_map, one.values
