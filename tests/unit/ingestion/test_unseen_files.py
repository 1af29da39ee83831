"""Files that nobody made for this archive: test data of installed packages gets a verdict, never a traceback.

`python -m tests.unit.ingestion.test_unseen_files > docs/reference/unseen-files.md` writes the page anew.
"""

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
HEAD = """# Verdicts on files never seen before

What the validator says of test data that installed packages bring along: other missions, other archives, other software.
None is a file of INTEGRAL, and none a spectrum, response or event list with its data: such files from outside the project's
collection were not at hand. A file that no profile claims is refused by name (FILE-UNKNOWN), never guessed at. The rules were
not bent; one fault came to light and was mended, a tab in a description of ECSV that broke the reader. The map of
`cdshealpix` begins its TFORM with blanks, which FITS 4.0 (4.2.1.1) counts as part of the text.

Written by `python -m tests.unit.ingestion.test_unseen_files`; a test keeps it up to date with the locked packages.

| file | what it is | profile | verdict | rules broken | warnings |
| --- | --- | --- | --- | --- | --- |
"""


def verdict_on(path: Path, work: Path) -> str:
    """Return profile, verdict, errors and warnings on one file, as cells of a table."""
    folder = work / "folder"
    folder.mkdir()
    for one in (path, path.with_name("ReadMe")):
        if one.is_file():
            shutil.copyfile(one, folder / one.name)
    found = next(file for file in discover(folder).files if file.path.name == path.name)
    if found.profile is None:
        rules = sorted({finding.rule for finding in found.findings})
        return f"| none | refused | {', '.join(rules) or 'FILE-UNKNOWN'} |  |"
    label = {**LABEL, "files": [{"pattern": path.name, "profile": found.profile.name}]}
    (folder / "delivery.yaml").write_text(yaml.safe_dump(label))
    line = describe_verdicts(judge([Rehearsed("one", folder, None, (found,))])).splitlines()[-1]
    return "|" + line.split("|", 2)[2]


def make_page() -> str:
    lines = []
    for name, words in FILES.items():
        with tempfile.TemporaryDirectory() as work:
            lines.append(f"| `{name}` | {words} {verdict_on(PACKAGES / name, Path(work))}\n")
    return HEAD + "".join(lines)


def test_the_verdicts_are_the_documented_ones():
    absent = [name for name in FILES if not (PACKAGES / name).is_file()]
    if absent:
        pytest.skip(f"test data of installed packages are absent: {absent[0]}")
    assert PAGE.read_text("utf-8") == make_page()


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
    print(make_page(), end="")
