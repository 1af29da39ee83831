"""All checks of the project, one after the other: `./archipelago test`, or some by name.

    ./archipelago test              everything
    ./archipelago test lint types   only these
    ./archipelago test unit -- -k crab -x      what follows -- goes to pytest

Every check runs even after another has failed; the summary at the end names what failed, and the exit code says so.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ("archive", "hips", "ingestion", "upper_limits", "vo")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_PACKAGES = ("chromium", "fonts-dejavu-core")

Check = Callable[[Sequence[str]], bool]


def run(*command: str | Path, **environment: str) -> bool:
    """Run a tool in the checkout; return whether it was content."""
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.settings",
        "PYTHONPATH": str(CHECKOUT),
        **environment,
    }
    return subprocess.run([str(word) for word in command], check=False, cwd=CHECKOUT, env=variables).returncode == 0


def run_pytest(arguments: Sequence[str], *paths: str) -> bool:
    """Run pytest; what a user adds after -- comes last."""
    return run(sys.executable, "-m", "pytest", "-q", "--durations=5", *paths, *arguments)


def lint(_: Sequence[str]) -> bool:
    """ruff (rules and format) and djlint (templates)."""
    results = [run(BIN / "ruff", "check", "--quiet", "."), run(BIN / "ruff", "format", "--check", "--quiet", ".")]
    if not results[1]:
        run(BIN / "ruff", "format", "--check", ".")
    templates = [str(path) for package in PACKAGES
                 for path in (CHECKOUT / package).rglob("templates")]  # fmt: skip
    if templates:
        results.append(run(BIN / "djlint", *templates, "--lint", "--quiet"))
    return all(results)


def types(_: Sequence[str]) -> bool:
    """basedpyright."""
    return run(BIN / "basedpyright", "--warnings")


def imports(_: Sequence[str]) -> bool:
    """import-linter: the directions of docs/decisions/0001-structure.md."""
    return run(BIN / "lint-imports", "--no-cache", "--config", "pyproject.toml")


def migrations(_: Sequence[str]) -> bool:
    """Django's checks, and a migration for every change of a model."""
    return run(sys.executable, "manage.py", "check", "--fail-level", "WARNING") and run(
        sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"
    )


def unit(arguments: Sequence[str]) -> bool:
    """Tests without a database, and the doctests of every module."""
    return run_pytest(arguments, "tests/unit", *PACKAGES)


def integration(arguments: Sequence[str]) -> bool:
    """Tests on PostgreSQL, with real processes and clients."""
    return run_pytest(arguments, *(f"tests/{name}" for name in ("integration", "conformance", "deploy") if _has(name)))


def _has(name: str) -> bool:
    return any((CHECKOUT / "tests" / name).rglob("test_*.py"))


def database(arguments: Sequence[str]) -> bool:
    """Tests on the PostgreSQL of DATABASE_URL: those of the SQL that is written here, by which versions may differ."""
    chosen = {
        "archive": ("accounts", "jobs", "publishing_speed", "releases"),
        "ingestion": ("after_publication", "gates", "releases"),
        "vo": ("adql_*", "async", "estimate", "sql_runs", "tap_sync", "uploads", "user_tables"),
        "website": ("paging", "search", "tables", "timeline"),
    }
    folder = CHECKOUT / "tests" / "integration"
    paths = [path for area, names in chosen.items() for name in names for path in folder.glob(f"{area}/test_{name}.py")]
    return run_pytest(["-m", "not benchmark and not slow", *arguments], *map(str, paths))


def browser(arguments: Sequence[str]) -> bool:
    """Journeys in Debian's chromium."""
    if not _has("browser"):
        print("There is no test in tests/browser.")
        return False
    chromium = find_chromium()
    if chromium is None:
        print(
            "The browser tests need chromium and there is none: install it (on Debian: apt-get install "
            f"{' '.join(CHROMIUM_PACKAGES)}) and run ./archipelago test browser again."
        )
        return False
    assets = run(sys.executable, "-m", "archive.cli", "assets", DJANGO_SETTINGS_MODULE="archive.settings")
    os.environ["ARCHIPELAGO_CHROMIUM"] = chromium
    return assets and run_pytest(arguments, "tests/browser")


def find_chromium() -> str | None:
    """Return the browser's path; root on Debian installs it where it is absent."""
    for attempt in range(2):
        for name in CHROMIUM_NAMES:
            if path := shutil.which(name):
                return path
        if attempt or os.geteuid() != 0 or not shutil.which("apt-get"):
            return None
        print(f"Installing {' '.join(CHROMIUM_PACKAGES)} ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *CHROMIUM_PACKAGES], check=False, **quiet
        )
    return None


def docs(_: Sequence[str]) -> bool:
    """The documentation, without a warning."""
    return run(BIN / "sphinx-build", "-W", "--keep-going", "-q", "-E", "docs", "docs/_build/html")


def kill(arguments: Sequence[str]) -> bool:
    """Kills web server, workers and database at random while 200 jobs run; -- --jobs 10 --kills 3 is a short one."""
    return run(sys.executable, "tests/deploy/kill_jobs.py", *arguments)


CHECKS: dict[str, Check] = {
    "lint": lint,
    "types": types,
    "imports": imports,
    "migrations": migrations,
    "docs": docs,
    "unit": unit,
    "integration": integration,
    "browser": browser,
    "database": database,
    "kill": kill,
}
ON_REQUEST = {"database", "kill"}  # integration has run the former already, on the embedded server; the latter is long


def main(arguments: Sequence[str]) -> int:
    """Run the checks named, or all; return the exit code."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, extra = list(arguments[:split]), arguments[split + 1 :]
    if "--help" in names or "-h" in names:
        print(__doc__)
        print("Checks: " + ", ".join(f"{name} ({check.__doc__})" for name, check in CHECKS.items()))
        return 0
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"There is no check {', '.join(unknown)}; there are {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    results: dict[str, tuple[bool, float]] = {}
    for name in names or [name for name in CHECKS if name not in ON_REQUEST]:
        print(f"== {name}", flush=True)
        begin = time.monotonic()
        results[name] = (CHECKS[name](extra), time.monotonic() - begin)
    print("== summary")
    for name, (good, seconds) in results.items():
        print(f"{name:12} {'passed' if good else 'FAILED'} {seconds:7.1f} s")
    return 0 if all(good for good, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
