from archive.formats import Finding
from ingestion.plan import DatasetCount
from ingestion.report import describe_report
from ingestion.services import Report


def report(state, *findings, datasets=()):
    return Report(
        "path", "id-1", state, simulated=False, release="2030.1", datasets=datasets, aside=("x",), findings=findings
    )


def test_errors_come_first_and_repetitions_are_counted():
    many = [Finding("FILE-ASIDE", "warning", f"left aside {n}") for n in range(9)]
    text = describe_report(report("invalid", *many, Finding("FITS-TRUNCATED", "error", "cut", path="a.fits")))
    assert text.index("FITS-TRUNCATED") < text.index("left aside 0")
    assert "left aside 2" not in text
    assert "FILE-ASIDE x 9" in text
    assert "1 errors, 9 warnings, 0 notes; 1 files left aside" in text
    assert text.endswith("Refused: nothing was loaded, the archive is unchanged.")
    assert "left aside 8" in describe_report(report("invalid", *many), verbose=True)


def test_counts_are_shown_per_file():
    datasets = (
        DatasetCount("a.csv", "observations", {"observations": 4168}, 0, 0),
        DatasetCount("b.fits", "mosaic", {}, 1, 0),
    )
    text = describe_report(report("published", datasets=datasets))
    assert "4,168" in text
    assert "Published as release 2030.1 (delivery id-1)." in text


def test_a_refused_file_brings_nothing():
    datasets = (DatasetCount("b.fits", "mosaic", {}, 0, 0),)
    assert "nothing: refused" in describe_report(
        report("invalid", Finding("X", "error", "m", path="b.fits"), datasets=datasets)
    )
