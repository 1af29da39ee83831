"""Last step: publish a plan. The only module that knows the database; it writes through archive.services."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import numpy as np
from django.conf import settings
from django.db import models as orm
from django.db.models import Max
from django.db.models.functions import Cast
from numpy.typing import NDArray

from archive import models
from archive.errors import StorageError
from archive.selectors import current_rows
from archive.services import MergeCounts, Publication, ensure_band, open_publication
from archive.skymaps import SkyMap
from archive.storage import store_file
from ingestion.discover import DiscoveredFile
from ingestion.plan import Plan
from ingestion.read import read_maps
from ingestion.rows import ProductRow, Row, SourceRow
from ingestion.sources import KnownSource

MAX_STORED_FINDINGS = 1000

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


def load_plan(plan: Plan, say: Callable[[str], None]) -> Loaded:
    """Publish everything a plan holds, in one transaction; an error leaves the archive as it was.

    Raises
    ------
    UsageError
        If the delivery id is known with other content.
    BusyError
        If another publication is running.
    StorageError
        If a file changed since it was checked.
    """
    delivery = models.Delivery(
        delivery_id=plan.delivery_id,
        title=plan.title,
        team=plan.team,
        licence=plan.licence,
        digest_sha256=plan.digest_sha256,
        simulated=plan.simulated,
        received_at=datetime.now(UTC),
        findings=[asdict(finding) for finding in plan.findings[:MAX_STORED_FINDINGS]],
    )
    publication: Publication | None = None
    maps_changed = False
    try:
        with open_publication(delivery=delivery, description=plan.description or plan.title) as publication:
            say(f"storing {len(plan.product_files)} files")
            for file in plan.product_files:
                _store(file)
            for table, model in MODELS.items():
                rows = plan.rows.get(table, ())
                if rows:
                    say(f"loading {len(rows)} rows into {table}")
                    publication.merge(model, (_values(row) for row in rows))
            _ensure_bands(plan)
            if plan.map_files:
                say(f"loading {len(plan.map_files)} files of sky maps")
                maps_changed = publication.publish_maps(_maps(plan))
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


def _values(row: Row) -> dict[str, object]:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _store(file: DiscoveredFile) -> None:
    stored = store_file(file.path)
    if stored.sha256 != file.sha256:
        msg = f"{file.name} changed after it was checked; nothing was loaded; run the command again"
        raise StorageError(msg)
    defaults = {"size_bytes": stored.size_bytes, "stored_at": datetime.now(UTC), "verified_at": datetime.now(UTC)}
    models.StoredFile.objects.get_or_create(sha256=stored.sha256, defaults=defaults)


def _ensure_bands(plan: Plan) -> None:
    products = [row for row in plan.rows.get("products", ()) if isinstance(row, ProductRow)]
    bands = set()
    for row in products:
        if row.band and row.band != "V" and row.energy_min_kev is not None and row.energy_max_kev is not None:
            bands.add((row.instrument, row.energy_min_kev, row.energy_max_kev))
    for instrument, low, high in sorted(bands):
        ensure_band(instrument, low, high)


def _maps(plan: Plan) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    for file in plan.map_files:
        for one in read_maps(file):
            ensure_band(one.sky_map.instrument, one.sky_map.energy_min_kev, one.sky_map.energy_max_kev)
            yield one.sky_map, one.values
