from pathlib import Path

import pytest

from ingestion.discover import DiscoveredFile
from ingestion.read import ReadFile, read_files
from ingestion.rows import RevolutionRow, ScienceWindowRow
from ingestion.validate import check_simulated, join_rows


def read_file(name, *rows):
    file = DiscoveredFile(Path(), name, 1, "0" * 64, None, ())
    return ReadFile(file, tuple(rows), None, (), simulated=False, findings=())


def scw(scw_id="008200200010", **values):
    times = {"tstart_mjd_tt": 52764.5, "tstop_mjd_tt": 52764.52}
    return ScienceWindowRow(scw_id=scw_id, revolution=82, kind="pointing", **{**times, **values})


def rules(findings):
    return [finding.rule for finding in findings]


def test_a_key_twice_in_one_file_is_an_error_with_its_row():
    rows, findings = join_rows([read_file("a", RevolutionRow(1), RevolutionRow(2), RevolutionRow(1))])
    assert len(rows) == 2
    assert [(finding.rule, finding.row, finding.found) for finding in findings] == [("ROW-DUPLICATE", 3, "1")]


def test_two_files_fill_each_other_in():
    rows, findings = join_rows(
        [read_file("a", scw(obs_id="02201460001")), read_file("b", scw(ra=10.0, dec=20.0, good_spi_s=5.0))]
    )
    assert rows == [scw(obs_id="02201460001", ra=10.0, dec=20.0, good_spi_s=5.0)]
    assert rules(findings) == ["ROW-SHARED"]


@pytest.mark.parametrize(
    ("ours", "theirs", "agree"),
    [
        ({"ra": 10.0, "dec": 20.0}, {"ra": 10.0001, "dec": 20.0}, True),
        ({"ra": 10.0, "dec": 20.0}, {"ra": 10.01, "dec": 20.0}, False),
        ({"tstart_mjd_tt": 52764.5}, {"tstart_mjd_tt": 52764.5 + 66 / 86400}, False),
        ({"elapsed_s": 2000.0}, {"elapsed_s": 2001.0}, True),
        ({"good_isgri_s": 2000.0}, {"good_isgri_s": 1900.0}, False),
        ({"obs_id": "02201460001"}, {"obs_id": "02201460002"}, False),
        ({"good_isgri_s": 0.0}, {"good_isgri_s": 100.0}, False),
    ],
)
def test_two_files_must_agree(ours, theirs, agree):
    _, findings = join_rows([read_file("a", scw(**ours)), read_file("b", scw(**theirs))])
    assert rules(findings) == (["ROW-SHARED"] if agree else ["ROW-CONFLICT", "ROW-SHARED"])


def test_many_duplicates_are_counted():
    _, findings = join_rows([read_file("a", *[RevolutionRow(1)] * 30)])
    assert len(findings) == 21
    assert findings[-1].severity == "error"


def test_simulated_and_real_do_not_mix():
    real, simulated = {False: ["real"]}, {True: ["simulated"]}
    assert check_simulated(real, declared=None) == (False, [])
    assert check_simulated(simulated, declared=None) == (True, [])
    assert rules(check_simulated(real | simulated, declared=None)[1]) == ["SIMULATED-MIXED"]
    assert rules(check_simulated(real, declared=True)[1]) == ["SIMULATED-UNMARKED"]
    assert rules(check_simulated(simulated, declared=False)[1]) == ["SIMULATED-UNDECLARED"]


def test_what_no_check_foresaw_is_a_finding_not_a_traceback(tmp_path):
    from ingestion.profiles import Profile

    def broken(path):
        raise KeyError("surprise")

    profile = Profile("broken", "broken file", bool, broken)
    (tmp_path / "file").write_text("x")
    (read,) = read_files([DiscoveredFile(tmp_path, "file", 1, "0" * 64, profile, ())], print)
    assert [(finding.rule, finding.path, finding.severity) for finding in read.findings] == [
        ("FILE-UNREADABLE", "file", "error")
    ]
