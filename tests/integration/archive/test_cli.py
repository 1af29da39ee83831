"""The command line: one clear sentence for whatever goes wrong, and an exit code that is not zero."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "archive.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd="/",
        env={
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "DJANGO_SETTINGS_MODULE": "archive.settings",
            "PYTHONPATH": str(CHECKOUT),
            **environment,
        },
    )


def sentence(answer):
    """The one line of a failure."""
    assert answer.returncode == 1, answer
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("archipelago: ")
    return lines[0].removeprefix("archipelago: ")


def test_an_unreachable_database():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        url = f"postgresql://reader:hidden@127.0.0.1:{closed.getsockname()[1]}/archive"
        text = sentence(run("status", DATABASE_URL=url))
    assert text.startswith("The database of DATABASE_URL cannot be reached:")
    assert "Connection refused" in text
    assert "hidden" not in text


def test_a_database_address_that_is_none():
    assert "DATABASE_URL is not a PostgreSQL address" in sentence(run("status", DATABASE_URL="mysql://u@h/d"))


def test_a_missing_key():
    assert "ARCHIPELAGO_SECRET_KEY must be set" in sentence(run("status", ARCHIPELAGO_SECRET_KEY=""))


def test_a_data_directory_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    text = sentence(run("status", ARCHIPELAGO_DATA=str(tmp_path / "file")))
    assert "Not a directory" in text


def test_a_busy_port(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = sentence(run("serve", "--port", str(port), ARCHIPELAGO_DATA=str(tmp_path)))
    assert text == (
        f"Port {port} of 127.0.0.1 cannot be used (address already in use): end the program that has it or choose "
        f"another one with --port."
    )
    assert not (tmp_path / "postgres").exists(), "nothing was started in vain"


def test_an_unknown_option_and_an_unknown_command():
    assert run("status", "--colour-me").returncode == 2
    assert "Unknown command: 'nonsense'" in run("nonsense").stderr


def test_a_bug_leaves_its_traceback_in_a_log(tmp_path, monkeypatch):
    from archive import cli

    monkeypatch.setenv("ARCHIPELAGO_DATA", str(tmp_path))
    text = cli.describe_failure(ZeroDivisionError("in\nfull"))
    (log,) = (tmp_path / "log").iterdir()
    assert text == f"Internal error, a fault of Archipelago (ZeroDivisionError: in full); the details are in {log}."
    assert log.read_text().startswith(("Traceback", "ZeroDivisionError"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device", "/data/x"), "No space is left on the disk of /data/x"),
        (OSError(30, "Read-only file system", "/data/x"), "/data/x is on a disk that can only be read"),
        (OSError(98, "Address already in use"), "The port is in use by another program"),
    ],
    ids=["disk full", "read-only disk", "port in use"],
)
def test_failures_of_the_system(error, expected):
    from archive import cli

    assert cli.describe_failure(error).startswith(expected)
