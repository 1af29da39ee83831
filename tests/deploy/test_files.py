"""The files of the deployment: what can be checked without running them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SCRIPTS = ("backup.sh", "restore.sh", "loopback.sh", "archipelago-admin")


@pytest.fixture(scope="module")
def deploy(checkout) -> Path:
    return checkout / "deploy"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_executable_and_parses(deploy, name):
    script = deploy / name
    assert script.stat().st_mode & 0o111
    shell = script.read_text(encoding="utf-8").splitlines()[0].rsplit("/", 1)[1].split()[-1]
    answer = subprocess.run([shell, "-n", script], check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_scripts_pass_shellcheck(deploy):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed (apt-get install shellcheck)")
    scripts = [deploy / name for name in SCRIPTS]
    answer = subprocess.run(["shellcheck", "-x", "-P", deploy, *scripts], check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_systemd_accepts_the_units(deploy, checkout, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    units = []
    for unit in (deploy / "systemd").iterdir():
        text = unit.read_text(encoding="utf-8")
        # Programs are looked for where they are here; users and directories need not exist to be checked.
        text = text.replace("/opt/archipelago/.venv/bin", str(Path(sys.executable).parent))
        text = text.replace("/opt/archipelago", str(checkout))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
        units.append(tmp_path / unit.name)
    assert len(units) == 6
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    ours = [line for line in answer.stderr.splitlines() if "archipelago" in line]
    assert not ours, answer.stderr


def test_the_compose_file_and_the_units_start_the_same_commands(deploy):
    services = yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for service in ("worker", "scheduler"):
        unit = (deploy / "systemd" / f"archipelago-{service}.service").read_text(encoding="utf-8")
        words = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
        assert [words[0].rsplit("/", 1)[1], *words[1:]] == services[service]["command"]


def test_the_image_starts_the_unit_s_web_server_on_all_addresses(deploy):
    unit = (deploy / "systemd" / "archipelago-web.service").read_text(encoding="utf-8")
    words = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
    recipe = (deploy / "Dockerfile").read_text(encoding="utf-8")
    command = yaml.safe_load(re.search(r"^CMD (\[.*\])$", recipe, re.MULTILINE)[1])
    host = command.index("--host") + 1
    assert words[host] == "127.0.0.1"
    assert command[:host] + command[host + 1 :] == ["granian", *words[1:host], *words[host + 1 :]]


def test_the_image_has_three_stages_a_health_check_and_no_root(deploy):
    recipe = (deploy / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM .* AS (\w+)$", recipe, re.MULTILINE) == ["libraries", "assets", "runtime"]
    assert "HEALTHCHECK" in recipe
    assert re.findall(r"^USER (\w+)$", recipe, re.MULTILINE) == ["archipelago"]


def test_what_the_image_copies_is_not_ignored(deploy, checkout):
    ignored = (checkout / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    recipe = (deploy / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (?!--from)(.*)$", recipe, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert source == "." or source.split("/")[0] in kept, source
            assert (checkout / source).exists(), source


def test_smoke_says_in_one_line_that_nothing_answers(deploy):
    answer = subprocess.run(
        [sys.executable, deploy / "smoke.py", "--health", "http://127.0.0.1:9"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stdout.count("\n") == 1
    assert "no answer" in answer.stdout
    assert not answer.stderr
