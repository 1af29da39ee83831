"""The validator in a process of its own: the same report, and budgets that hold."""

import json
import signal

import pytest

from ingestion import sandbox
from ingestion.sandbox import Budgets, validate_in_sandbox
from ingestion.validator import validate_delivery
from tests.support.deliveries import deliver
from tests.unit.ingestion.test_validator import SCHEMA, check


def test_the_report_is_the_one_the_team_gets(tmp_path):
    folder = deliver(tmp_path / "d")
    assert validate_in_sandbox(folder) == json.loads(json.dumps(validate_delivery(folder).as_json()))


def test_time_and_memory_are_bounded(tmp_path):
    slow = validate_in_sandbox(deliver(tmp_path / "d", rows=3_000_000), Budgets(seconds=0.05))
    assert [code["rule"] for code in slow["codes"]] == ["BUDGET-TIME"]
    check(json.loads(json.dumps(slow)), SCHEMA)
    small = validate_in_sandbox(deliver(tmp_path / "e", rows=3_000_000), Budgets(memory_bytes=350 << 20))
    assert [code["rule"] for code in small["codes"]] == ["BUDGET-MEMORY"]


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (42, "BUDGET-MEMORY"),
        (-signal.SIGKILL, "BUDGET-MEMORY"),
        (-signal.SIGXCPU, "BUDGET-TIME"),
        (1, "VALIDATOR-FAILED"),
    ],
)
def test_how_the_child_ends_is_explained(code, rule):
    assert sandbox._explain(code, b"Traceback\nOops: x\n", Budgets()).rule == rule


def test_no_connection_leaves_the_child():
    with pytest.raises(PermissionError, match="without network"):
        sandbox._refuse_network("socket.connect", ())
    sandbox._refuse_network("open", ())
