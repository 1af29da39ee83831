"""Catalogue HiPS read from the database on request: each tile shows the brightest sources which those above do not.

A row appears at the first order at which at most `tile_rows` - 1 rows of its tile's part of the sky are brighter. So a
tile is the brightest rows of its part without the brightest rows of the part four times as large: two queries with a
limit, and no tile depends on any other having been made.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import LiteralString

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from archive.errors import NotFoundError, UnavailableError
from archive.healpix import HPX_ORDER
from archive.published import Table, load_tables
from archive.selectors import current_release
from hips.addresses import Address, AllskyAddress, DocumentAddress, TileAddress
from hips.catalogue_files import CatalogueFacts, encode_metadata, encode_tile, make_catalogue_properties
from hips.documents import BytesCache, Document, builder_name
from hips.moc import Coverage, encode_moc, normalize
from hips.properties import KEV_METRE, format_properties

TILE_ROWS = 50
MIN_ORDER, SMALLEST_ORDER, MAX_ORDER = 1, 3, 9


@dataclasses.dataclass(frozen=True, slots=True)
class Ranking:
    """What brightest first means in a catalogue: the column that is its key, an SQL expression, and words."""

    key: str
    expression: LiteralString
    words: str
    band_kev: tuple[float, float]


# Johnson V from 500 to 600 nm (Mas-Hesse et al. 2003, A&A 411, L261), as energies of photons.
V_KEV = (KEV_METRE / 600e-9, KEV_METRE / 500e-9)

RANKINGS = MappingProxyType(
    {
        "isdc_reference_catalogue": Ranking(
            "source_id", "isgri_20_60_cps DESC NULLS LAST", "by the ISGRI rate in 20-60 keV", (20.0, 60.0)
        ),
        "ibis_catalogue": Ranking(
            "name",
            "coalesce(flux_17_60_mcrab, flux_20_40_mcrab) DESC NULLS LAST",
            "by the flux in 17-60 keV, or else in 20-40 keV",
            (17.0, 100.0),
        ),
        "jemx_catalogue": Ranking(
            "name",
            "rate_3_10_cps DESC NULLS LAST, flux_3_10_mcrab DESC NULLS LAST",
            "by the rate, then the flux, in 3-10 keV",
            (3.0, 30.0),
        ),
        "spi_catalogue": Ranking(
            "source_id", "flux_15_300_ph_cm2_s DESC NULLS LAST", "by the flux in 15-300 keV", (15.0, 8000.0)
        ),
        "spi_grb_catalogue": Ranking(
            "name", "fluence_20_200_erg_cm2 DESC NULLS LAST", "by the fluence in 20-200 keV", (20.0, 200.0)
        ),
        "omc_catalogue": Ranking("omc_id", "v_mag ASC NULLS LAST", "by the magnitude in V", V_KEV),
    }
)
"""The catalogues that are HiPS, each with its ranking."""


@dataclasses.dataclass(frozen=True)
class OpenCatalogue:
    """A catalogue of one release.

    Attributes
    ----------
    cells, counts : (n,), int64
        Pixels of `MAX_ORDER` that hold sources, ascending, and the number of rows in each.
    """

    facts: CatalogueFacts
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """Short digest of what it shows: a release never changes."""
        text = f"2 {self.facts.release} {self.facts.released} {self.facts.survey_id} {self.facts.row_count}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @cached_property
    def tile_rows(self) -> int:
        """Most rows of a tile above the finest order: few in a small catalogue, so that its second order holds some.

        Aladin Lite asks for the Allsky files of orders 1 and 2 and needs both; Hipsgen's LINT refuses one without rows.
        """
        return min(TILE_ROWS, max(1, _fullest(self.cells, self.counts, MIN_ORDER) // 2))

    @property
    def coverage(self) -> Coverage:
        """Tiles of the finest order that hold a source."""
        pixels = np.unique(self.cells >> (2 * (MAX_ORDER - self.facts.order)))
        return normalize(self.facts.order, np.stack([pixels, pixels + 1], axis=1))

    def count(self, order: int, ipix: int) -> int:
        """Number of rows in one pixel."""
        shift = 2 * (MAX_ORDER - order)
        low, high = np.searchsorted(self.cells, [ipix << shift, (ipix + 1) << shift])
        return int(self.counts[low:high].sum())


_CACHE = BytesCache(32 * 1024 * 1024)


def open_catalogue(survey_id: str) -> OpenCatalogue:
    """Open a catalogue of the current release.

    Raises
    ------
    NotFoundError
        If there is no such catalogue, or the release has no row of it.
    UnavailableError
        If the archive has no release.
    """
    if survey_id not in RANKINGS:
        raise NotFoundError(f"There is no catalogue {survey_id[:80]!r}; there are {', '.join(RANKINGS)}.")
    release = current_release()
    if release is None:
        raise UnavailableError("This archive holds no release yet, so it has no catalogue.")
    opened = _open(survey_id, release.name, release.published_at)
    if opened.facts.row_count == 0:
        raise NotFoundError(f"Release {release.name} has no source in {survey_id}.")
    return opened


def list_catalogues() -> list[OpenCatalogue]:
    """Catalogues of the current release that hold a source; none in an empty archive."""
    release = current_release()
    if release is None:
        return []
    opened = (_open(name, release.name, release.published_at) for name in RANKINGS)
    return [catalogue for catalogue in opened if catalogue.facts.row_count]


def make_catalogue_document(opened: OpenCatalogue, address: Address) -> Document:
    """Make one tile or document of a catalogue HiPS.

    Raises
    ------
    NotFoundError
        If it has no such tile, or no source lies in it.
    """
    key = (opened.digest, str(address))
    document = _CACHE.get(key)
    if document is None:
        document = _make_document(opened, address)
        _CACHE.put(key, document)
    return document


def catalogue_properties(opened: OpenCatalogue) -> dict[str, str]:
    """Key and value of its properties."""
    return make_catalogue_properties(opened.facts, authority=settings.IVO_AUTHORITY)


def list_addresses(opened: OpenCatalogue) -> Iterator[Address]:
    """Every address that this catalogue may have, the properties last."""
    for order in range(MIN_ORDER, opened.facts.order + 1):
        pixels = np.unique(opened.cells >> (2 * (MAX_ORDER - order)))
        yield from (TileAddress(order, ipix, "tsv") for ipix in pixels.tolist() if _may_hold(opened, order, ipix))
    for order in range(MIN_ORDER, min(opened.facts.order, 3) + 1):
        pixels = np.unique(opened.cells >> (2 * (MAX_ORDER - order)))
        if any(_may_hold(opened, order, ipix) for ipix in pixels.tolist()):
            yield AllskyAddress(order, "tsv")
    for name in ("Moc.fits", "metadata.xml", "Metadata.xml", "properties"):
        yield DocumentAddress(name)


def _make_document(opened: OpenCatalogue, address: Address) -> Document:
    text = "text/tab-separated-values; charset=utf-8"
    match address:
        case TileAddress(file_format="tsv"):
            return Document(_make_tile(opened, address.order, address.ipix), text)
        case AllskyAddress(file_format="tsv"):
            return Document(_make_allsky(opened, address.order), text)
        case DocumentAddress(name="properties"):
            body = format_properties(catalogue_properties(opened)).encode()
            return Document(body, "text/plain; charset=utf-8")
        case DocumentAddress(name="Moc.fits"):
            return Document(encode_moc(opened.coverage, simulated=opened.facts.simulated), "application/fits")
        case DocumentAddress(name="metadata.xml" | "Metadata.xml"):
            return Document(encode_metadata(opened.facts), "text/xml; charset=utf-8")
        case _:
            raise NotFoundError(
                f"The catalogue {opened.facts.survey_id} has no {str(address)[:60]}: its tiles are tab-separated text, "
                "Norder3/Dir0/Npix271.tsv."
            )


def _make_tile(opened: OpenCatalogue, order: int, ipix: int) -> bytes:
    finest = opened.facts.order
    if not MIN_ORDER <= order <= finest:
        raise NotFoundError(f"There is no tile of order {order}: this HiPS has orders {MIN_ORDER} to {finest}.")
    if not 0 <= ipix < 12 << (2 * order):
        raise NotFoundError(f"There is no tile {ipix} of order {order}: there are {12 << (2 * order)} of this order.")
    total = opened.count(order, ipix)
    rows = _read_rows(opened, order, ipix) if total and _may_hold(opened, order, ipix) else []
    shown = total if order == finest else min(opened.tile_rows, total)
    if not rows and shown == total:
        raise NotFoundError(f"Tile {ipix} of order {order} holds no source that those above it do not hold.")
    return encode_tile(opened.facts.table.columns, rows, shown=shown, total=total)


def _may_hold(opened: OpenCatalogue, order: int, ipix: int) -> bool:
    """Whether the tile above leaves any row to the tiles below it."""
    return order == MIN_ORDER or opened.count(order - 1, ipix >> 2) > opened.tile_rows


def _read_rows(opened: OpenCatalogue, order: int, ipix: int) -> list[tuple[object, ...]]:
    """Rows of one tile, brightest first."""
    statement = sql.SQL(
        "WITH above AS (SELECT {key} FROM {view} WHERE _hpx >= %s AND _hpx < %s ORDER BY {ranking} LIMIT %s),"
        " here AS (SELECT * FROM {view} WHERE _hpx >= %s AND _hpx < %s ORDER BY {ranking} LIMIT %s)"
        " SELECT {columns} FROM here WHERE ({key}) NOT IN (SELECT {key} FROM above) ORDER BY {ranking}"
    ).format(**_names(opened.facts))
    own, parent = 2 * (HPX_ORDER - order), 2 * (HPX_ORDER - order + 1)
    above = opened.tile_rows if order > MIN_ORDER else 0
    limit = None if order == opened.facts.order else opened.tile_rows
    bounds = (
        (ipix >> 2) << parent, ((ipix >> 2) + 1) << parent, above, ipix << own, (ipix + 1) << own, limit,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, bounds)  # pyright: ignore[reportArgumentType] - psycopg takes composed SQL
        return cursor.fetchall()


def _make_allsky(opened: OpenCatalogue, order: int) -> bytes:
    facts = opened.facts
    if not MIN_ORDER <= order <= min(facts.order, 3):
        raise NotFoundError(f"There is no Allsky file of order {order}: orders 1 to {min(facts.order, 3)} have one.")
    statement = sql.SQL(
        "SELECT {columns} FROM (SELECT *,"
        " row_number() OVER (PARTITION BY _hpx >> %s ORDER BY {ranking}) AS _own,"
        " row_number() OVER (PARTITION BY _hpx >> %s ORDER BY {ranking}) AS _above FROM {view}) ranked"
        " WHERE (_own <= %s OR %s) AND (_above > %s OR %s) ORDER BY _hpx >> %s, {ranking}"
    ).format(**_names(facts))
    own = 2 * (HPX_ORDER - order)
    with connection.cursor() as cursor:
        first, last = order == MIN_ORDER, order == facts.order
        values = (own, own + 2, opened.tile_rows, last, opened.tile_rows, first, own)
        cursor.execute(statement, values)  # pyright: ignore[reportArgumentType] - psycopg takes composed SQL
        rows = cursor.fetchall()
    shift = 2 * (MAX_ORDER - order)
    _, where = np.unique(opened.cells >> shift, return_inverse=True)
    totals = np.bincount(where, weights=opened.counts)
    shown = int(totals.sum() if last else np.minimum(totals, opened.tile_rows).sum())
    return encode_tile(facts.table.columns, rows, shown=shown, total=facts.row_count)


def _names(facts: CatalogueFacts) -> dict[str, sql.Composable]:
    """Parts of the queries; all of them come from our own files."""
    table, ranking = facts.table, RANKINGS[facts.survey_id]
    identifiers = sql.SQL(", ").join(map(sql.Identifier, (ranking.key, "catalogue_version")))
    return {
        "view": sql.Identifier(*table.name.split(".")),
        "columns": sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
        "key": identifiers,
        "ranking": sql.SQL(", ").join((sql.SQL(ranking.expression), identifiers)),
    }


@lru_cache(maxsize=16)
def _open(survey_id: str, release_name: str, released: dt.datetime) -> OpenCatalogue:
    table = load_tables()[f"integral.{survey_id}"]
    cells, counts, simulated = _count_cells(table)
    order = next((order for order in range(SMALLEST_ORDER, MAX_ORDER) if _fullest(cells, counts, order) <= TILE_ROWS),
                 MAX_ORDER)  # fmt: skip
    covered = np.unique(cells >> (2 * (MAX_ORDER - order))).size / (12 << (2 * order))
    ranking = RANKINGS[survey_id]
    facts = CatalogueFacts(
        survey_id, table, ranking.words, ranking.band_kev, int(counts.sum()), simulated, order, release_name, released,
        builder_name(), covered,
    )  # fmt: skip
    return OpenCatalogue(facts, cells, counts)


def _count_cells(table: Table) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Pixels of `MAX_ORDER` with sources, rows in each, and the number of simulated rows: one query."""
    statement = sql.SQL(
        "SELECT _hpx >> %s, count(*), count(*) FILTER (WHERE simulated) FROM {view} GROUP BY 1 ORDER BY 1"
    ).format(view=sql.Identifier(*table.name.split(".")))
    with connection.cursor() as cursor:
        shift = (2 * (HPX_ORDER - MAX_ORDER),)
        cursor.execute(statement, shift)  # pyright: ignore[reportArgumentType] - psycopg takes composed SQL
        found = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], int(found[:, 2].sum())


def _fullest(cells: NDArray[np.int64], counts: NDArray[np.int64], order: int) -> int:
    """Rows in the fullest pixel of an order."""
    _, where = np.unique(cells >> (2 * (MAX_ORDER - order)), return_inverse=True)
    return int(np.bincount(where, weights=counts).max(initial=0))
