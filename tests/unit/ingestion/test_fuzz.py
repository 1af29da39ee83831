"""Random damage to files of every kind: the verdict is a finding, never a traceback, and nothing is read as unforeseen."""

import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.discover import discover
from ingestion.read import read_files
from tests.benchmark.fuzz_validator import UNFORESEEN, validate_damaged
from tests.support.fits_files import arf_hdu, rmf_hdus, series_hdu, spectrum_hdu, write
from tests.support.mutations import MUTATIONS, mutate
from tests.unit.archive.formats.test_tables import DATA, QDP, README, survey_table, write_cdf

SHARED = Path(os.environ.get("ARCHIPELAGO_SHARED") or Path(__file__).parents[4] / "shared") / "data"
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "12"))
REAL = (
    "products/isla/SMC_X-1_ISGRI_0745_06340000001_spectrum_rmf.fits",
    "products/isla/1A_1742-289_JEMX2_allmission_timeseries.fits",
    "products/spectra/isgri_62ch_spec.fits",
    "products/lightcurves/isgri_query_lc.fits",
    "catalogues/isgri_cat_strong_0043.fits",
    "catalogues/derived/ibas_grb_gcn_2014_2019.csv",
)


def samples(folder):
    """A file of every format, made in code."""
    folder.mkdir()
    write(folder / "series.fits", series_hdu())
    write(folder / "spectrum.fits", spectrum_hdu())
    write(folder / "arf.fits", arf_hdu())
    write(folder / "rmf.fits", *rmf_hdus())
    survey_table().write(folder / "cat.ecsv", format="ascii.ecsv")
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), folder / "t.parquet")
    (folder / "a.qdp").write_text(QDP)
    (folder / "ReadMe").write_text(README)
    (folder / "table1.dat").write_text(DATA)
    write_cdf(folder / "irem.cdf")
    return folder


def damaged(content, dice):
    """Flip bytes, cut, repeat or overwrite a stretch."""
    held = bytearray(content)
    match dice.randrange(4):
        case 0:
            for _ in range(dice.randint(1, 20)):
                held[dice.randrange(len(held))] = dice.randrange(256)
        case 1:
            del held[dice.randrange(len(held)) :]
        case 2:
            start = dice.randrange(len(held))
            held[start:start] = held[start : start + dice.randint(1, 4000)]
        case _:
            start = dice.randrange(len(held))
            held[start : start + 80] = bytes(dice.randrange(32, 127) for _ in range(80))
    return bytes(held)


def survive(path, content, others):
    """Discover and read a damaged file; return the codes."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    for other in others:
        (path.parent / other.name).write_bytes(other.read_bytes())
    found = discover(path)
    return [finding.rule for file in read_files(found.files, str) for finding in (*found.findings, *file.findings)]


@pytest.mark.filterwarnings("ignore")
def test_random_damage_never_ends_in_a_traceback(tmp_path):
    dice = random.Random(20261121)  # noqa: S311 - the same damage in every run
    folder = samples(tmp_path / "good")
    unforeseen = []
    for path in sorted(folder.iterdir()):
        for number in range(ROUNDS):
            others = [folder / "ReadMe"] if path.name == "table1.dat" else []
            codes = survive(tmp_path / "bad" / path.name, damaged(path.read_bytes(), dice), others)
            unforeseen += [(path.name, number)] if "FILE-UNREADABLE" in codes else []
    assert len(unforeseen) <= ROUNDS, f"checks are missing for {unforeseen}"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the collection of real files is not here")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REAL)
def test_random_damage_to_real_files_never_ends_in_a_traceback(tmp_path, name):
    dice = random.Random(name)  # noqa: S311
    content = (SHARED / name).read_bytes()
    for _ in range(ROUNDS):
        survive(tmp_path / "bad" / Path(name).name, damaged(content, dice), [])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(MUTATIONS))
def test_every_kind_of_damage_is_found_by_the_list_of_checksums(tmp_path, kind):
    """A sample of tests/benchmark/fuzz_validator.py, which does it to hundreds of real files."""
    dice = random.Random(kind)  # noqa: S311 - the same damage in every run
    folder = samples(tmp_path / "good")
    for path in sorted(folder.iterdir()):
        original = path.read_bytes()
        damaged = mutate(kind, original, dice)
        told, own = validate_damaged(tmp_path / f"{path.name}-{kind}", path.name.lower(), "table", original, damaged)
        assert "MANIFEST-DIGEST" in told
        assert not (told | own) & UNFORESEEN


def test_a_file_that_only_the_library_cannot_open_is_said_so(tmp_path):
    """One flipped bit behind EXTEND, as tests/benchmark/fuzz_validator.py found it."""
    path = write(tmp_path / "a.fits", arf_hdu())
    content = bytearray(path.read_bytes())
    content[content.index(b"EXTEND  =") + 36] = ord("(")
    path.write_bytes(bytes(content))
    rules = [finding.rule for file in read_files(discover(path).files, str) for finding in file.findings]
    assert rules == ["FITS-LIBRARY"]
