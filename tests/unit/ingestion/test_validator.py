"""The validator's report: one verdict in three forms, the same every time, made without database, network or Django."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.report_page import describe_delivery, render_delivery
from ingestion.validator import validate_delivery
from tests.support.deliveries import deliver, seal
from tests.support.fits_files import series_hdu, write

SCHEMA = json.loads((Path(__file__).parents[3] / "ingestion" / "report.schema.json").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}


def check(value, schema, place="report"):
    """The part of JSON Schema 2020-12 that the report's schema uses."""
    known = {"type", "const", "enum", "pattern", "minimum", "items", "properties", "required", "additionalProperties"}
    assert set(schema) <= known | {"$schema", "title", "description"}, place
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    assert not kinds or any(type(value) is TYPES[kind] for kind in kinds), (place, value)
    assert value == schema.get("const", value), place
    assert value in schema.get("enum", [value]), (place, value)
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), (place, value)
    if isinstance(value, int):
        assert value >= schema.get("minimum", value), place
    for number, item in enumerate(value if isinstance(value, list) else ()):
        check(item, schema["items"], f"{place}[{number}]")
    if isinstance(value, dict):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties")
        assert set(schema.get("required", ())) <= set(value), place
        for key, item in value.items():
            assert key in properties or more, f"{place}.{key}"
            check(item, properties.get(key, more), f"{place}.{key}")


def spoil(folder):
    write(folder / "<b>.fits", series_hdu(rate_unit="furlong"), checksum=False)
    seal(folder)
    return folder


@pytest.mark.parametrize("change", [lambda folder: folder, spoil], ids=["good", "bad"])
def test_a_report_keeps_its_schema(tmp_path, change):
    report = validate_delivery(change(deliver(tmp_path / "d")))
    check(json.loads(json.dumps(report.as_json())), SCHEMA)


def test_a_report_that_breaks_the_schema_is_seen(tmp_path):
    report = json.loads(json.dumps(validate_delivery(deliver(tmp_path / "d")).as_json()))
    for wrong in ({"verdict": "perhaps"}, {"more": 1}, {"files": [{}]}, {"simulated": 0}):
        with pytest.raises(AssertionError):
            check({**report, **wrong}, SCHEMA)


def test_counts_speak_for_every_place_and_examples_for_the_first(tmp_path):
    folder = deliver(tmp_path / "d", files=[{"pattern": "*.dat", "profile": "observation_log"}])
    (folder / "a.fits").unlink()
    line = "{:011d} 2.5629999E+02 9.5799999E+01 2002-11-15T10:49:24 115497\n"
    (folder / "log.dat").write_text("".join(line.format(600020001 + number) for number in range(57)))
    seal(folder)
    report = validate_delivery(folder)
    (code,) = [code for code in report.codes if code.rule == "CELL-RANGE"]
    assert (code.count, len(code.examples), code.examples[0].row) == (57, 5, 1)
    assert "and 52 more" in describe_delivery(report)
    assert "and 52 more" in render_delivery(report)


def test_what_came_from_outside_is_escaped_in_the_page(tmp_path):
    report = validate_delivery(spoil(deliver(tmp_path / "d", title="<script>alert(1)</script>")))
    page = render_delivery(report)
    assert "<script" not in page
    assert "&lt;b&gt;.fits" in page
    assert "<b>" not in page


def test_the_expected_number_of_rows_is_compared(tmp_path):
    report = validate_delivery(deliver(tmp_path / "wrong", expected_rows={"products": 2}))
    assert [code.rule for code in report.codes if code.severity == "error"] == ["ROW-COUNT"]
    assert validate_delivery(deliver(tmp_path / "d", expected_rows={"products": 1})).is_valid


def test_the_expected_number_of_files_is_compared(tmp_path):
    files = [{"pattern": "*.fits", "profile": "time_series", "count": 2}]
    report = validate_delivery(deliver(tmp_path / "d", files=files))
    assert [code.rule for code in report.codes if code.severity == "error"] == ["FILE-COUNT"]


def test_a_label_that_leaves_things_out_is_warned_of(tmp_path):
    report = validate_delivery(deliver(tmp_path / "d", software={}))
    assert [code.rule for code in report.codes if code.severity == "warning"] == ["LABEL-INCOMPLETE"]


def test_a_loose_folder_is_no_delivery(tmp_path):
    write(tmp_path / "a.fits", series_hdu())
    report = validate_delivery(tmp_path)
    assert not report.is_valid
    assert "LABEL-ABSENT" in {code.rule for code in report.codes}


def test_the_validator_runs_without_django_and_gives_the_same_report_each_time(tmp_path):
    folder = deliver(tmp_path / "d")
    watch = (
        "import runpy, sys; sys.argv = ['x', sys.argv[1]]\n"
        "try: runpy.run_module('ingestion.validator', run_name='__main__')\n"
        "finally: assert not {'django', 'psycopg', 'celery'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", watch, str(folder)]
    environment = {"PATH": "", "PYTHONPATH": str(Path(__file__).parents[3])}
    runs = [subprocess.run(command, check=True, capture_output=True, env=environment).stdout for _ in range(2)]
    assert runs[0] == runs[1]
    assert json.loads(runs[0]) == json.loads(json.dumps(validate_delivery(folder).as_json()))
