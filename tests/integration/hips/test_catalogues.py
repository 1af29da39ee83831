"""Catalogue HiPS: every row once, the brightest first, files as the server sends them, and Hipsgen contented."""

import io
import re
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from astropy.io import votable
from cdshealpix.nested import lonlat_to_healpix
from django.core.management import call_command

from archive.errors import NotFoundError
from hips import catalogues
from hips.addresses import AllskyAddress, TileAddress
from hips.catalogues import TILE_ROWS, make_catalogue_document, open_catalogue
from hips.documents import Document
from hips.export import export_source, source_of_catalogue
from tests.support.archive_rows import deliver, random_sources
from tests.support.hipsgen import check_lint, needs_hipsgen, run_hipsgen

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 1500


@pytest.fixture
def stars():
    """Optical sources: many in one place, some without a magnitude, one with a name that breaks tables."""
    from archive.models import OmcCatalogueEntry

    catalogues._open.cache_clear()
    random = np.random.default_rng(5)
    rows = [
        {"catalogue_version": "1", "name": f"Star\t{number}\nnext", "omc_id": f"IOMC {number:010d}", "ra": row["ra"],
         "dec": row["dec"], "v_mag": None if number % 10 == 0 else float(random.uniform(2, 17))}
        for number, row in enumerate(random_sources(COUNT))
    ]  # fmt: skip
    for row in rows[:120]:
        row |= {"ra": 100.001, "dec": 20.001}
    deliver("stars", OmcCatalogueEntry, rows)
    return open_catalogue("omc_catalogue")


def read(document):
    lines = document.body.decode().split("\n")
    shown, total = map(int, re.fullmatch(r"# Completeness = (\d+) / (\d+)", lines[0]).groups())
    names = lines[1].split("\t")
    assert lines[-1] == ""
    rows = [dict(zip(names, line.split("\t"), strict=True)) for line in lines[2:-1]]
    return shown, total, rows


def tiles_of(opened):
    return [address for address in catalogues.list_addresses(opened) if isinstance(address, TileAddress)]


def test_every_row_is_in_one_tile_and_brighter_rows_are_above(stars):
    seen, faintest = {}, {}
    for address in tiles_of(stars):
        try:
            shown, total, rows = read(make_catalogue_document(stars, address))
        except NotFoundError:
            rows = []
        last = address.order == stars.facts.order
        assert len(rows) <= TILE_ROWS or last
        for row in rows:
            assert row["omc_id"] not in seen
            seen[row["omc_id"]] = address
            place = lonlat_to_healpix(float(row["ra"]) * u.deg, float(row["dec"]) * u.deg, depth=address.order)
            assert place.tolist() == [address.ipix]
        magnitudes = [float(row["v_mag"]) if row["v_mag"] else np.inf for row in rows]
        assert all(one <= two for one, two in pairwise(magnitudes))
        if rows:
            assert magnitudes[0] >= faintest.get((address.order - 1, address.ipix >> 2), -np.inf)
            assert shown <= total
            assert (shown == total) == (last or total <= TILE_ROWS)
        faintest[address.order, address.ipix] = magnitudes[-1] if rows else -np.inf
    assert len(seen) == COUNT
    assert stars.facts.order == catalogues.MAX_ORDER  # 120 rows in one place: nothing is dropped


def test_allsky_holds_what_the_tiles_of_its_order_hold(stars):
    for order in (1, 2, 3):
        _, total, rows = read(make_catalogue_document(stars, AllskyAddress(order, "tsv")))
        assert total == COUNT
        expected = []
        for address in tiles_of(stars):
            if address.order == order:
                try:
                    expected += read(make_catalogue_document(stars, address))[2]
                except NotFoundError:
                    continue
        assert rows == expected


def test_export_is_what_the_server_sends(stars, client, tmp_path):
    call_command("hips", "export", "omc_catalogue", str(tmp_path / "out"))
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for name in names - {".archipelago-export.json", "index.html"}:
        response = client.get(f"/hips/omc_catalogue/{name}")
        assert (response.status_code, response.content) == (200, (tmp_path / "out" / name).read_bytes()), name
    call_command("hips", "export", "omc_catalogue", str(tmp_path / "one.zip"))
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        packed = {name.removeprefix("omc_catalogue/") for name in archive.namelist()}
        assert packed == names - {".archipelago-export.json"}
        assert all(
            archive.read(f"omc_catalogue/{name}") == (tmp_path / "out" / name).read_bytes() for name in packed
        )  # fmt: skip


def test_metadata_describes_every_column(stars, client):
    body = client.get("/hips/omc_catalogue/Metadata.xml")
    assert body["Content-Type"].startswith("text/xml")
    table = votable.parse(io.BytesIO(body.content), verify="exception").get_first_table()
    assert [field.name for field in table.fields] == [column.name for column in stars.facts.table.columns]
    assert {field.ucd for field in table.fields} >= {"pos.eq.ra;meta.main", "pos.eq.dec;meta.main"}


def test_page_list_and_absent_parts(stars, client, settings):
    settings.PUBLIC_URL = "https://archive.example"
    assert b"brightest first" in client.get("/hips/omc_catalogue/").content.lower()
    text = client.get("/hips/list").content.decode()
    assert "dataproduct_type     = catalog" in text
    assert "hips_service_url     = https://archive.example/hips/omc_catalogue" in text
    for path, words in {
        "omc_catalogue/Norder3/Dir0/Npix5.png": "tab-separated", "omc_catalogue/Norder0/Dir0/Npix5.tsv": "orders 1 to",
        "omc_catalogue/Norder2/Dir0/Npix999.tsv": "no tile 999", "jemx_catalogue/properties": "no source",
        "v/v1/omc_catalogue/properties": "no map", "omc_catalogue/Norder12/Dir0/Npix9.tsv": "orders 1 to",
    }.items():  # fmt: skip
        response = client.get(f"/hips/{path}")
        assert response.status_code in {404, 503}, path
        if "v/v1" not in path:
            assert words in response.content.decode(), path


@needs_hipsgen
def test_hipsgen_lint_finds_nothing_in_a_catalogue(stars, tmp_path):
    export_source(source_of_catalogue(stars), tmp_path / "out")
    check_lint(tmp_path / "out")


@needs_hipsgen
def test_hipsgen_lint_finds_nothing_in_a_small_catalogue(tmp_path):
    from archive.models import OmcCatalogueEntry

    catalogues._open.cache_clear()
    rows = [
        {"catalogue_version": "1", "name": f"Star {number}", "omc_id": f"IOMC {number:010d}", "ra": row["ra"],
         "dec": row["dec"], "v_mag": float(number)}
        for number, row in enumerate(random_sources(40))
    ]  # fmt: skip
    deliver("few", OmcCatalogueEntry, rows)
    few = open_catalogue("omc_catalogue")
    export_source(source_of_catalogue(few), tmp_path / "out")
    tiles = [read(Document(path.read_bytes(), ""))[2] for path in (tmp_path / "out").rglob("Npix*")]
    assert sorted(row["omc_id"] for tile in tiles for row in tile) == [row["omc_id"] for row in rows]
    assert (tmp_path / "out" / "Norder2").exists()  # Aladin Lite wants the first two orders
    # Of three tiles picked at random in a nearly empty sky, it now and then finds none and says so: the verdict counts.
    report = run_hipsgen(f"out={tmp_path / 'out'}", "LINT", directory=tmp_path)
    assert "is fully IVOA HiPS 1.0 compatible" in report, report
    assert "Allsky format error" not in report, report
