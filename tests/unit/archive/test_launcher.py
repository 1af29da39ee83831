"""The launcher: what it decides; the bare-clone runs are in tests/integration."""

import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    loader = importlib.machinery.SourceFileLoader("launcher", str(CHECKOUT / "archipelago"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("launcher", loader))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / "venv")
    monkeypatch.setattr(module, "DATA", tmp_path / "var")
    monkeypatch.setattr(module, "RUNTIME_LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(module, "TEST_LOCK", tmp_path / "requirements-dev.lock")
    for name in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text("one==1 --hash=sha256:aa\n")
    return module


@pytest.fixture
def installed(launcher, monkeypatch):
    """Names of the locks that were installed, without a real pip."""
    names = []

    def install(pip, lock):
        time.sleep(0.2)
        names.append(lock.name)

    monkeypatch.setattr(launcher, "find_pip", lambda: ["pip"])
    monkeypatch.setattr(launcher, "install", install)
    return names


def test_a_second_start_installs_nothing(launcher, installed):
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert installed == ["requirements.lock"]


def test_the_tests_lock_holds_the_runtime_too(launcher, installed):
    launcher.ensure_environment(launcher.TEST_LOCK)
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert installed == ["requirements-dev.lock"]


def test_a_changed_lock_is_installed(launcher, installed):
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    launcher.RUNTIME_LOCK.write_text("one==2 --hash=sha256:bb\n")
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert installed == ["requirements.lock"] * 2


def test_a_lost_environment_is_made_again(launcher, installed):
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    (launcher.VENV / "bin" / "python").unlink()
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert installed == ["requirements.lock"] * 2
    assert (launcher.VENV / "bin" / "python").exists()


def test_a_failed_install_leaves_no_stamp(launcher, installed, monkeypatch):
    def fail(pip, lock):
        raise launcher.LauncherError("no network")

    monkeypatch.setattr(launcher, "install", fail)
    with pytest.raises(launcher.LauncherError):
        launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert launcher.read_stamp() == {}


def test_two_at_once_install_once(launcher, installed, tmp_path):
    child = os.fork()
    if child == 0:
        launcher.ensure_environment(launcher.RUNTIME_LOCK)
        (tmp_path / f"child-{len(installed)}").touch()
        os._exit(0)
    launcher.ensure_environment(launcher.RUNTIME_LOCK)
    os.waitpid(child, 0)
    in_child = int(next(tmp_path.glob("child-*")).name[-1])
    assert len(installed) + in_child == 1


def test_somebody_elses_directory_is_not_removed(launcher, installed):
    launcher.VENV.mkdir()
    (launcher.VENV / "thesis.tex").write_text("years of work")
    with pytest.raises(launcher.LauncherError, match="is not a virtual environment of ours: move it away"):
        launcher.ensure_environment(launcher.RUNTIME_LOCK)
    assert (launcher.VENV / "thesis.tex").exists()


def test_the_secret_key_is_made_once_and_private(launcher):
    key = launcher.ensure_secret_key()
    path = launcher.DATA / "secret_key"
    assert len(key) >= 50
    assert path.stat().st_mode & 0o777 == 0o600
    assert launcher.ensure_secret_key() == key
    assert [entry.name for entry in launcher.DATA.iterdir()] == ["secret_key"]


def test_an_empty_secret_key_is_told(launcher):
    launcher.DATA.mkdir()
    (launcher.DATA / "secret_key").touch()
    with pytest.raises(launcher.LauncherError, match="is empty: remove it"):
        launcher.ensure_secret_key()


def test_a_failing_command_shows_the_end_of_its_log(launcher):
    command = [sys.executable, "-c", "print('ERROR: no such hash'); raise SystemExit(1)"]
    with pytest.raises(launcher.LauncherError, match=r"(?s)installing the libraries failed.*ERROR: no such hash"):
        launcher.run_quietly(command, "libraries", 3)


def test_no_pip_is_told(launcher, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(launcher.LauncherError, match=r"/bin/false has no pip: install it"):
        launcher.find_pip()


def test_without_arguments_it_explains_itself_and_installs_nothing(tmp_path):
    answer = subprocess.run(
        [sys.executable, str(CHECKOUT / "archipelago")],
        check=True, capture_output=True, text=True, env={"ARCHIPELAGO_VENV": str(tmp_path / "venv")},
    )  # fmt: skip
    assert "./archipelago demo" in answer.stdout
    assert not (tmp_path / "venv").exists()


def test_the_launcher_can_be_read_by_python_36():
    import ast

    ast.parse((CHECKOUT / "archipelago").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-dev.lock", "requirements-node.lock", "package-lock.json"]
)
def test_locks_name_no_address_and_hash_everything(name):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|index-url|find-links", text)
    if name.endswith(".lock"):
        for requirement in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in requirement, requirement
    else:
        assert text.count('"integrity"') == text.count('"node_modules/')
        assert "resolved" not in text
