"""Tables that are not FITS, written by other programs (astropy, pyarrow, cdflib): the same rows as from FITS."""

import struct

import cdflib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import ascii as ascii_tables
from astropy.table import Table
from cdflib import cdfwrite

from archive.formats import FormatError, read_time_series
from archive.formats.container import open_fits
from archive.formats.tables import make_column
from ingestion.discover import probe_file
from ingestion.profiles import find_profile
from tests.support.fits_files import IJD_KEYWORDS, series_hdu, write

SURVEY = {
    **{f"{what}_{band}": "mCrab" for band in ("17_60", "20_40", "40_60", "60_100") for what in ("FLUX", "ERR")},
    "RA_OBJ": "deg",
    "DEC_OBJ": "deg",
    "ERR_RAD": "deg",
    "EXPOSURE": "s",
    "SIGNIF": None,
}


def survey_table(rows=3):
    made = Table({name: np.linspace(1.0, 2.0, rows) for name in SURVEY})
    for name, unit in SURVEY.items():
        made[name].unit = unit
    made["NAME"] = [f"Source {number}" for number in range(rows)]
    made["SOURCE_ID"] = [f"J05343{number}.0+220052" for number in range(rows)]
    made["CLASS"] = ["HMXB"] * rows
    made["VARIABLE"] = [True] * rows
    made.meta = {"EXTNAME": "IBIS-SURVEY-CAT", "INSTRUME": "IBIS", "RADESYS": "ICRS", "VERSION": 1}
    return made


def read(path):
    """The profile that recognises a file, and what it reads."""
    probe, findings = probe_file(path)
    assert [finding for finding in findings if finding.severity == "error"] == []
    profile = find_profile(probe)
    assert profile is not None
    return profile.name, profile.read(path)


def refused(path):
    """The code with which a file is refused."""
    with pytest.raises(FormatError) as caught:
        probe_file(path)
    return caught.value.finding.rule


@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.W50")  # mCrab
@pytest.mark.parametrize("form", ["ecsv", "ecsv-comma", "votable", "votable-binary2", "parquet"])
def test_a_catalogue_is_read_from_every_format(tmp_path, form):
    table = survey_table()
    path = tmp_path / "cat.any"
    match form:
        case "ecsv":
            table.write(path, format="ascii.ecsv")
        case "ecsv-comma":
            table.write(path, format="ascii.ecsv", delimiter=",")
        case "votable":
            write_votable(path, table, "tabledata")
        case "votable-binary2":
            write_votable(path, table, "binary2")
        case "parquet":
            write_parquet(path, table)
    name, content = read(path)
    assert name == "ibis_catalogue"
    assert [row.name for row in content.rows] == ["Source 0", "Source 1", "Source 2"]
    assert content.rows[2].flux_20_40_mcrab == 2.0
    assert content.rows[1].ra == pytest.approx(1.5)
    assert content.rows[0].variable is True


def write_votable(path, table, serialization):
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Param

    document = from_table(table)
    held = document.get_first_table()
    held.name = table.meta["EXTNAME"]
    held.params.append(Param(document, name="VERSION", datatype="int", value=1))
    held.params.append(Param(document, name="RADESYS", datatype="char", arraysize="*", value="ICRS"))
    held.format = serialization
    document.to_xml(str(path))


def write_parquet(path, table):
    columns = {name: pa.array(table[name].tolist()) for name in table.colnames}
    fields = [pa.field(name, array.type, metadata={"unit": SURVEY.get(name) or ""}) for name, array in columns.items()]
    schema = pa.schema(fields, metadata={key: str(value) for key, value in table.meta.items()})
    pq.write_table(pa.table(list(columns.values()), schema=schema), path)


README = """J/A+A/1/1   A catalogue   (Nobody, 2026)
================================================================================
Byte-by-byte Description of file: table1.dat
--------------------------------------------------------------------------------
   Bytes Format Units   Label     Explanations
--------------------------------------------------------------------------------
   1-  8  A8    ---     Name      Source name
  10- 11  I2    h       RAh       Right ascension
  13- 14  I2    min     RAm       Right ascension
  16- 19  F4.1  s       RAs       Right ascension
      21  A1    ---     DE-       Sign
  22- 23  I2    deg     DEd       Declination
  25- 26  I2    arcmin  DEm       Declination
  28- 29  I2    arcsec  DEs       Declination
  31- 35  F5.2  mW/m2   Flux      ?=-9.99 Flux, which
                                  goes on in a second line
--------------------------------------------------------------------------------
"""
DATA = "Crab     05 34 32.0 +22 00 52  1.25\nSco X-1  16 19 55.1 -15 38 25 -9.99\n"


def test_a_cds_table_is_read_by_its_readme_as_astropy_reads_it(tmp_path):
    (tmp_path / "ReadMe").write_text(README)
    (tmp_path / "table1.dat").write_text(DATA)
    name, content = read(tmp_path / "table1.dat")
    assert name == "table"
    assert read(tmp_path / "ReadMe")[0] == "cds_readme"
    with open_fits(tmp_path / "table1.dat") as file:
        held = file.hdus[1].data
        theirs = ascii_tables.read(str(tmp_path / "table1.dat"), readme=str(tmp_path / "ReadMe"), format="cds")
        assert list(held["Name"]) == list(theirs["Name"])
        np.testing.assert_array_equal(held["RAs"], theirs["RAs"])
        assert np.isnan(held["Flux"][1])
        assert held["RA_OBJ"][0] == pytest.approx(83.6333333)
        assert held["DEC_OBJ"][1] == pytest.approx(-15.6402778)
    flux = next(column for column in content.part.columns if column.name == "Flux")
    assert (flux.unit_original, flux.unit) == ("mW/m2", "mW.m**-2")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda readme: readme.replace("-" * 80, "="), "CDS-README"),
        (lambda readme: readme.replace("   1-  8  A8 ", "   9-  8  A8 "), "CDS-README"),
    ],
)
def test_a_wrong_readme_is_refused(tmp_path, change, rule):
    (tmp_path / "ReadMe").write_text(change(README))
    (tmp_path / "table1.dat").write_text(DATA)
    assert refused(tmp_path / "table1.dat") == rule


QDP = """! ESAC
READ SERR 1 2
LAB OT ISGRI Time Series (20-35 keV)
LAB T Crab (RA=83.633, Dec=22.014)
LAB X Time (s) since MJD 52677.25
100.0\t50.0\t155.0\t0.5\t0.1
300.0\t50.0\tNO\tNO\t0.1
"""


def test_a_qdp_series_is_read(tmp_path):
    (tmp_path / "crab.qdp").write_text(QDP)
    name, content = read(tmp_path / "crab.qdp")
    assert name == "time_series"
    one = read_time_series(tmp_path / "crab.qdp")[0]
    assert (one.source_name, one.instrument, one.energy_max_kev) == ("Crab", "isgri", 35.0)
    assert one.time_mjd_tt[0] == pytest.approx(52677.25 + 100.0 / 86400.0, abs=1e-9)
    assert one.half_width_d[0] == pytest.approx(50.0 / 86400.0)
    assert np.isnan(one.rate[1])
    assert "TIME-ZERO" in {finding.rule for finding in content.findings}


def test_a_qdp_series_without_its_labels_is_refused(tmp_path):
    (tmp_path / "a.qdp").write_text(QDP.replace("20-35 keV", "soft"))
    assert refused(tmp_path / "a.qdp") == "QDP-LABELS"


def test_a_column_without_name_is_refused(tmp_path):
    path = write(tmp_path / "a.fits", series_hdu())
    path.write_bytes(path.read_bytes().replace(b"= 'TIMEDEL '", b"=           "))
    with pytest.raises(FormatError, match="COLUMN-UNNAMED"), open_fits(path):
        pass


def test_columns_between_bars_are_read(tmp_path):
    (tmp_path / "bat.txt").write_text("ID|NAME|  RA|GAMM|GAMM|\n# |    | deg|    |    |\n 1|a b | 1.5| 2.0|    |\n")
    name, content = read(tmp_path / "bat.txt")
    assert name == "table"
    assert [(column.name, column.unit) for column in content.part.columns][2:] == [
        ("RA", "deg"),
        ("GAMM", ""),
        ("GAMM_2", ""),
    ]


def write_cdf(path, **changes):
    rows = 4
    values = {
        "EPOCH": cdflib.cdfepoch.compute([[2010, 1, 1, 0, minute, 0, 0] for minute in range(rows)]),
        "COUNTRATE": np.arange(rows * 15, dtype=np.float32).reshape(rows, 15),
        "ORBIT": np.full((rows, 3), 10000.0),
        **changes,
    }
    file = cdfwrite.CDF(path, cdf_spec={"rDim_sizes": []})
    for name, held in values.items():
        kind = cdfwrite.CDF.CDF_EPOCH if name == "EPOCH" else cdfwrite.CDF.CDF_DOUBLE
        spec = {
            "Variable": name,
            "Data_Type": kind,
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Dim_Sizes": list(np.shape(held)[1:]),
        }
        file.write_var(spec, var_data=np.asarray(held, dtype=np.float64))
    file.close()
    return path.with_suffix(".cdf")


def test_a_cdf_of_the_radiation_monitor_is_read(tmp_path):
    path = write_cdf(tmp_path / "irem.cdf")
    name, content = read(path)
    assert name == "irem_counts"
    # 2010-01-01T00:00:00 UTC is MJD 55197; TT is 66.184 s ahead.
    assert content.part.tstart_mjd_tt == pytest.approx(55197 + 66.184 / 86400, abs=1e-8)
    with open_fits(path) as file:
        np.testing.assert_array_equal(file.hdus[1].data["TC3"], [11.0, 26.0, 41.0, 56.0])
        assert file.hdus[1].data["ALTITUDE"][0] == pytest.approx(np.sqrt(3) * 10000 - 6378.137)


def test_other_and_damaged_cdf_files_are_refused(tmp_path):
    assert refused(write_cdf(tmp_path / "a.cdf", COUNTRATE=np.zeros((4, 3)))) == "CDF-VARIABLES"
    (tmp_path / "b.cdf").write_bytes(b"\xcd\xf3\x00\x01" + bytes(40))
    assert refused(tmp_path / "b.cdf") == "CDF-DAMAGED"
    held = bytearray(write_cdf(tmp_path / "c.cdf").read_bytes())
    place = int.from_bytes(held[20:28], "big") + 56  # number of dimensions, by which cdflib counts
    held[place : place + 4] = (2**30).to_bytes(4, "big")
    (tmp_path / "c.cdf").write_bytes(held)
    assert refused(tmp_path / "c.cdf") == "CDF-DAMAGED"


VOTABLE = "<VOTABLE><RESOURCE><TABLE name='X'><FIELD name='a' datatype='int'{size}/><DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"


@pytest.mark.parametrize(
    "text",
    [
        VOTABLE.format(size="", data="<BINARY><STREAM href='http://127.0.0.1/x'/></BINARY>"),
        VOTABLE.format(size="", data="<BINARY><STREAM href='file:///etc/passwd'/></BINARY>"),
        '<!DOCTYPE VOTABLE [<!ENTITY a "aaaa">]>' + VOTABLE.format(size="", data="<TABLEDATA/>"),
        VOTABLE.format(size=" arraysize='100000000'", data="<BINARY><STREAM encoding='base64'>AAAA</STREAM></BINARY>"),
        VOTABLE.format(size="", data="<TABLEDATA><TR><TD>1"),
    ],
    ids=["http", "file", "doctype", "huge cells", "cut"],
)
def test_a_hostile_votable_is_refused_by_our_own_reader(tmp_path, text):
    (tmp_path / "a.vot").write_text(text)
    assert refused(tmp_path / "a.vot") == "VOTABLE-REFUSED"


def test_arrays_in_cells_are_refused(tmp_path):
    data = "<TABLEDATA><TR><TD>1 2</TD></TR></TABLEDATA>"
    (tmp_path / "a.vot").write_text(VOTABLE.format(size=" arraysize='2'", data=data))
    assert refused(tmp_path / "a.vot") == "TABLE-CELL"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("# %ECSV 1.0\n# ---\n# &a [*a]\na\n1\n", "ECSV-HEADER"),
        ("# %ECSV 1.0\n# ---\n# datatype: !!python/object/apply:os.system [x]\na\n1\n", "ECSV-HEADER"),
        ("# %ECSV 1.0\n# ---\n# [1]\na\n1\n", "ECSV-HEADER"),
        ("# %ECSV 1.0\n# ---\n# datatype: none\na\n1\n", "ECSV-HEADER"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\nb\n1\n", "ECSV-HEADER"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\nx\n", "CELL-NUMBER"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: float64}\na\nx\n", "CELL-NUMBER"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: string, subtype: json}\na\nx\n", "TABLE-CELL"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: bool}\na\nTrue\nnan\n", "TABLE-CELL"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1 2\n", "ROW-LENGTH"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n", "TABLE-EMPTY"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: string}\na\né\n", "TABLE-ASCII"),
        ("# %ECSV 1.0\n# ---\n# datatype: []\n\n", "ECSV-HEADER"),
    ],
)
def test_a_wrong_ecsv_is_refused(tmp_path, content, rule):
    (tmp_path / "a.ecsv").write_text(content)
    assert refused(tmp_path / "a.ecsv") == rule


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "a.ecsv").write_bytes(b"# %ECSV 1.0\n\xff\n")
    assert refused(tmp_path / "a.ecsv") == "TEXT-UTF8"


def test_wrong_parquet_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [[1, 2], [3]]}), path)
    assert refused(path) == "PARQUET-NESTED"
    path.write_bytes(b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1")
    assert refused(path) == "PARQUET-DAMAGED"
    pq.write_table(pa.table({"a": [1, 2, 3]}), path)
    monkeypatch.setattr("archive.formats.binary_tables.MAX_ROWS", 2)
    assert refused(path) == "PARQUET-SIZE"


def test_the_caps_of_tables_hold(tmp_path, monkeypatch):
    path = tmp_path / "a.ecsv"
    survey_table().write(path, format="ascii.ecsv")
    monkeypatch.setattr("archive.formats.tables.MAX_COLUMNS", 3)
    assert refused(path) == "TABLE-COLUMNS"
    monkeypatch.undo()
    monkeypatch.setattr("archive.formats.tables.MAX_ROWS", 2)
    assert refused(path) == "TABLE-ROWS"


def test_structural_keywords_of_the_meta_do_not_reach_the_header(tmp_path):
    table = Table({"A": [1, 2]}, meta={**IJD_KEYWORDS, "NAXIS1": 5, "TFORM1": "99E", "long key": [1, 2]})
    table.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    with open_fits(tmp_path / "a.ecsv") as file:
        header = file.hdus[1].header
        assert (header["MJDREF"], header["TFORM1"]) == (51544.0, "K")
        assert "long key: [1, 2]" in str(header["HISTORY"])


def test_what_fits_no_kind_of_column_is_refused():
    with pytest.raises(FormatError, match="TABLE-CELL"):
        make_column("a", [1, "x"])
    assert np.isnan(make_column("a", [1, None]).values[1])


def test_a_table_says_what_is_wrong_with_units_and_ucds(tmp_path):
    table = Table({"RA": [400.0], "F": [1.0], "G": [2.0]})
    table["RA"].unit, table["F"].unit = "deg", "erg / (s cm2)"
    table.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    text = (tmp_path / "a.ecsv").read_text().replace("{name: RA,", "{name: RA, ucd: 'pos.eq.ra;meta.main',")
    text = text.replace("{name: G,", "{name: G, unit: furlong, ucd: 'flux.phot', description: d,")
    (tmp_path / "a.ecsv").write_text(text)
    _, content = read(tmp_path / "a.ecsv")
    found = {(finding.rule, finding.column) for finding in content.findings}
    assert found >= {
        ("CELL-RANGE", "RA"),
        ("UNIT-SPELLING", "F"),
        ("UNIT-UNKNOWN", "G"),
        ("UCD-UNKNOWN", "G"),
        ("UCD-ABSENT", "F"),
        ("DESCRIPTION-ABSENT", "F"),
    }
