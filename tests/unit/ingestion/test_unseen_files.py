"""Files that nobody made for this archive: test data of installed packages gets a verdict, never a traceback.

`python -m tests.unit.ingestion.test_unseen_files > docs/reference/unseen-files.md` writes the page anew.
"""

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

import pytest
import yaml

from ingestion.discover import discover
from ingestion.pipeline import make_plan
from ingestion.rehearsal import Rehearsed, describe_verdicts, judge
from ingestion.validator import NO_SOURCES
from tests.support.deliveries import LABEL

PACKAGES = Path(sysconfig.get_path("purelib"))
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "unseen-files.md"
FILES = {
    "astroquery/esa/utils/tests/data/test.fits": "XMM-Newton light curve",
    "astropy/io/fits/tests/data/chandra_time.fits": "Chandra, header of an event list",
    "astroquery/esa/hubble/tests/data/cone_search_m31_5.vot": "Hubble archive, answer of TAP",
    "astroquery/gaia/tests/data/1710099405832VAL-result.vot": "Gaia archive, answer of TAP, BINARY2",
    "astroquery/gaia/tests/data/1712337806100O-result.ecsv": "Gaia archive, ECSV with tabs in descriptions",
    "astroquery/utils/tap/tests/data/test_upload_file/1744351221317O-result.fits": "Gaia archive, FITS table",
    "astroquery/imcce/tests/data/skybot_query.vot": "SkyBoT, solar-system objects",
    "astropy/io/ascii/tests/data/cds/glob/lmxbrefs.dat": "CDS J/A+A, table of low-mass X-ray binaries",
    "astropy/io/ascii/tests/data/vizier/table1.dat": "CDS, table of a paper",
    "astropy/io/votable/tests/data/regression.xml": "VOTable with every datatype",
    "astropy/modeling/tests/data/1904-66_AZP.fits": "image, AZP projection",
    "astropy/wcs/tests/data/j94f05bgq_flt.fits": "Hubble ACS image",
    "astropy/wcs/tests/data/dss.14.29.56-62.41.05.fits.gz": "Digitized Sky Survey, plate solution",
    "astropy/io/fits/tests/data/o4sp040b0_raw.fits": "Hubble STIS, raw spectrum",
    "cdshealpix/tests/resources/skymap-implicit.fits": "HEALPix map",
    "regions/io/fits/tests/data/regions_wcs.fits": "region table",
    "astropy/io/fits/tests/data/checksum_false.fits": "FITS with a wrong checksum",
    "astropy/io/fits/tests/data/comp.fits": "tile-compressed image",
    "pyarrow/tests/data/parquet/v0.7.1.parquet": "Parquet of 2017",
    "astroquery/gama/tests/data/GAMA_HzVs28.fits": "GAMA, FITS table",
}
KINDS = (".fits", ".fits.gz", ".fit", ".vot", ".ecsv", ".parquet", ".xml", ".cdf")
# Of packages that the project does not need; the folder of ARCHIPELAGO_UNSEEN holds them unpacked.
UNSEEN = os.environ.get("ARCHIPELAGO_UNSEEN", "")
OTHERS = {
    "threeML/data/datasets/example_integral.pha": (
        "INTEGRAL, IBIS/ISGRI, Crab: three spectra of OSA",
        "example_integral.rsp",
    ),
    "threeML/data/datasets/example_integral.rsp": ("INTEGRAL, matrix of the same", "example_integral.pha"),
    "threeML/data/datasets/example_integral_spi.pha": ("the same, changed by hand", "example_integral.rsp"),
    "demo/data/isgri_events.fits.gz": ("INTEGRAL, raw ISGRI events of a science window, 2.5 million",),
    "demo/data/255900280010_isgri_model.fits.gz": ("INTEGRAL, illuminated fractions of the ISGRI pixels",),
    "threeML/data/datasets/multi_analysis/awt.pi": (
        "Swift XRT, counts with POISSERR",
        "awt.arf",
        "awt.rmf",
        "awtback.pi",
    ),
    "threeML/data/datasets/multi_analysis/awt.rmf": ("Swift XRT, matrix", "awt.pi", "awt.arf"),
    "threeML/data/datasets/multi_analysis/awt.arf": ("Swift XRT, effective area", "awt.pi", "awt.rmf"),
    "threeML/data/datasets/xrt/xrt_bkg.pha": ("Swift XRT, background",),
    "threeML/data/datasets/bat/gbm_bat_joint_BAT.pha": ("Swift BAT, coded mask, rates", "gbm_bat_joint_BAT.rsp"),
    "threeML/data/datasets/gbm/gbm_bat_joint_BGO_00.pha": ("Fermi GBM, type II",),
    "threeML/data/datasets/glg_cspec_n3_bn080916009_v07.rsp": ("Fermi GBM, matrix without TLMIN",),
    "threeML/data/datasets/glg_cspec_n3_bn080916009_v01.pha": ("Fermi GBM, spectra by time",),
    "threeML/data/datasets/glg_tte_n3_bn080916009_v01.fit.gz": ("Fermi GBM, events",),
    "threeML/data/ogip_test_xmm_pn.rmf": ("XMM-Newton pn, matrix",),
    "threeML/data/ogip_test_xmm_pn.arf": ("XMM-Newton pn, effective area",),
    "stingray/tests/data/LightCurve_bexvar.fits": ("eROSITA, light curve",),
    "stingray/tests/data/lcurveA.fits": ("NuSTAR, light curve of XRONOS",),
    "stingray/tests/data/monol_testA.evt": ("NuSTAR, events",),
    "stingray/tests/data/xte_test.evt.gz": ("RXTE, events",),
    "stingray/tests/data/chandra_test.fits": ("Chandra, events",),
    "stingray/tests/data/laxpc_file_read.fits": ("AstroSat LAXPC, events",),
}
KINDS = (".fits", ".fits.gz", ".fit", ".vot", ".ecsv", ".parquet", ".xml", ".cdf")
TABLE = """| file | what it is | profile | verdict | rules broken | warnings |
| --- | --- | --- | --- | --- | --- |
"""
HEAD = f"""# Verdicts on files never seen before

What the validator says of test data that packages bring along: other missions, other archives, other software, and five files
of INTEGRAL that the project's own collection does not have. No rule was bent for them. A file that no profile claims is refused
by name (FILE-UNKNOWN), with the HDUs that are in it, never guessed at.

What came to light and was mended: a tab in a description of ECSV broke the reader; legal spectra of counts (POISSERR without
STAT_ERR) were refused; of a file with three spectra two went without a word (SPECTRUM-SEVERAL now); type II files were said to
have no exposure; a matrix without TLMIN was read as if its channels counted from 0; OGIP light curves (HDUCLAS1 = LIGHTCURVE)
were recognised only under OSA's names. The map of `cdshealpix` begins its TFORM with blanks, which FITS 4.0 (4.2.1.1) counts
as part of the text.

`python -m tests.benchmark.fuzz_validator DATA` damages the real files of the project's collection (cut, flipped bits, swapped
HDUs, other units, odd keywords, packed twice): of 2,000 damaged files none ended in a traceback, the list of checksums told of
every one, and the other rules saw 1,573 without it; at most 0.4 CPU seconds and no growth of memory. One bit had left a header that only
astropy refuses; it has a rule of its own now (FITS-LIBRARY).

Written by `python -m tests.unit.ingestion.test_unseen_files`; a test keeps it up to date with the locked packages.

## Packages that the project uses

{TABLE}"""
HEAD_OTHERS = f"""
## Packages of X-ray and gamma-ray astronomy

Test data of threeML 2.6.1, stingray 2.3.2 and isgri 0.1.0, which are no part of the project: unpack them into one folder, name
it in `ARCHIPELAGO_UNSEEN`, and the same test looks at these too. Spectra were looked at beside their responses.

{TABLE}"""


def verdict_on(path: Path, work: Path, companions: tuple[str, ...] = ()) -> str:
    """Return profile, verdict, errors and warnings on one file, as cells of a table."""
    folder = work / "folder"
    folder.mkdir()
    for one in (path, path.with_name("ReadMe"), *(path.with_name(name) for name in companions)):
        if one.is_file():
            shutil.copyfile(one, folder / one.name)
    files = discover(folder).files
    found = next(file for file in files if file.path.name == path.name)
    if found.profile is None:
        rules = sorted({finding.rule for finding in found.findings})
        return f"| none | refused | {', '.join(rules) or 'FILE-UNKNOWN'} |  |"
    claimed = tuple(file for file in files if file.profile and (file is found or file.path.name in companions))
    entries = [{"pattern": file.path.name, "profile": file.profile.name} for file in claimed if file.profile]
    (folder / "delivery.yaml").write_text(yaml.safe_dump({**LABEL, "files": entries}))
    lines = describe_verdicts(judge([Rehearsed("one", folder, None, claimed)])).splitlines()
    return "|" + next(line for line in lines if line.startswith(f"| `{path.name}`")).split("|", 2)[2]


def make_page() -> str:
    lines = []
    for name, words in FILES.items():
        with tempfile.TemporaryDirectory() as work:
            lines.append(f"| `{name}` | {words} {verdict_on(PACKAGES / name, Path(work))}\n")
    return HEAD + "".join(lines)


def make_second_part(root: Path) -> str:
    """Write the table of the packages in a folder, each file found by the end of its path."""
    lines = []
    for name, (words, *companions) in OTHERS.items():
        path = next(iter(sorted(root.glob(f"*/{name}")) + sorted(root.glob(f"*/*/{name}"))))
        with tempfile.TemporaryDirectory() as work:
            lines.append(f"| `{name}` | {words} {verdict_on(path, Path(work), tuple(companions))}\n")
    return HEAD_OTHERS + "".join(lines)


def test_the_verdicts_are_the_documented_ones():
    absent = [name for name in FILES if not (PACKAGES / name).is_file()]
    if absent:
        pytest.skip(f"test data of installed packages are absent: {absent[0]}")
    page = PAGE.read_text("utf-8")
    assert page.startswith(make_page() + HEAD_OTHERS)
    assert [name for name in OTHERS if f"| `{name}` |" not in page] == []


@pytest.mark.skipif(not UNSEEN, reason="ARCHIPELAGO_UNSEEN names no folder with the packages")
def test_the_verdicts_on_other_packages_are_the_documented_ones():
    assert PAGE.read_text("utf-8").endswith(make_second_part(Path(UNSEEN)))


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::astropy.io.fits.verify.VerifyWarning"
)  # on strange names of columns: kept as they are
def test_no_file_of_any_package_breaks_a_reader():
    candidates = [path for path in PACKAGES.rglob("*") if path.name.lower().endswith(KINDS) and path.is_file()]
    if not candidates:
        pytest.skip("no installed package brings test data")
    for path in sorted(candidates):
        rules = {finding.rule for finding in make_plan(path, NO_SOURCES, lambda _: None).findings}
        assert not rules & {"FILE-UNREADABLE", "VALIDATOR-FAILED"}, path
    assert len(candidates) >= len(FILES)


if __name__ == "__main__":
    held = PAGE.read_text("utf-8")
    second = make_second_part(Path(UNSEEN)) if UNSEEN else held[held.index("\n## Packages of X-ray") :]
    print(make_page() + second, end="")
