"""What is kept of files while they are read: little, and the same numbers to the last bit."""

import gc
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingestion.discover import DiscoveredFile, discover
from ingestion.gather import gather_files
from ingestion.packed import BLOCK_ITEMS, packed
from ingestion.products import PartFile, assemble_products
from ingestion.read import read_files
from ingestion.rows import ProductRow
from tests.support.fits_files import arf_hdu, rmf_hdus, series_hdu, spectrum_hdu, write


def test_packed_rows_are_equal_to_those_put_in():
    rows = packed(ProductRow)
    made = [
        ProductRow(f"p{number}", "light_curve", "\u03b3-ray\nsource", "isgri", ra=number / 3, metadata={"bands": [[1 / 7, None]]})
        for number in range(2 * BLOCK_ITEMS + 3)
    ]  # fmt: skip
    for row in made:
        rows.append(row)
    assert len(rows) == len(made)
    assert list(rows) == made
    assert (rows[0], rows[BLOCK_ITEMS], rows[-1]) == (made[0], made[BLOCK_ITEMS], made[-1])
    assert rows[BLOCK_ITEMS - 1 : BLOCK_ITEMS + 1] == made[BLOCK_ITEMS - 1 : BLOCK_ITEMS + 1]
    with pytest.raises(IndexError):
        rows[len(made)]


def test_an_empty_packed_sequence_is_false():
    assert not packed(ProductRow)
    assert list(packed(ProductRow)) == []


def test_files_with_many_points_are_let_go_of(tmp_path):
    """Each file holds 80 kB of points here; kept of each is less than 1 kB, the file's own record not included."""
    (read,) = read_files(discover(write(tmp_path / "a.fits", series_hdu())).files, str)
    (series,) = read.part.series

    def files(count):
        for number in range(count):
            points = replace(series, rate=np.full(10_000, float(number)))
            file = DiscoveredFile(Path("x"), f"lc_{number:06d}.fits", 1, f"{number:064x}", read.file.profile, ())
            yield replace(read, file=file, part=replace(read.part, series=(points,)))

    gather_files(files(BLOCK_ITEMS))
    tracemalloc.start()
    try:
        count = 4 * BLOCK_ITEMS
        gathered = gather_files(files(count))
        gc.collect()
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(gathered.assembler.finish(lambda _: "").products) == count
    assert held / count < 1000
    assert most < 4e6, "one file's points at a time, and one block of rows that are not packed yet"


def test_many_spectra_share_the_channels_of_their_responses(tmp_path):
    for number in range(3):
        names = {"RESPFILE": f"rmf_{number}.fits", "ANCRFILE": f"arf_{number}.fits"}
        write(tmp_path / f"spec_{number}.fits", spectrum_hdu(NAME=f"Source {number}", **names))
        write(tmp_path / names["RESPFILE"], *rmf_hdus())
        write(tmp_path / names["ANCRFILE"], arf_hdu())
    read = list(read_files(discover(tmp_path).files, str))
    parts = [PartFile(one.file.name, one.file.sha256, one.file.size_bytes, one.part) for one in read]
    for order in (parts, parts[::-1]):
        found = assemble_products(order, lambda subject: f"J {subject.name}")
        assert {(row.product_id, row.source_id, row.energy_max_kev) for row in found.products} == {
            (f"spec_{number}", f"J Source {number}", 60.0) for number in range(3)
        }
        assert sorted((file.product_id, file.role, file.file_name) for file in found.files) == sorted(
            (f"spec_{number}", role, f"{role if role != 'science' else 'spec'}_{number}.fits")
            for number in range(3)
            for role in ("science", "rmf", "arf")
        )
        assert found.unused == ()
