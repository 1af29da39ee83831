"""The simulation knows no Django, and the examples in its docstrings hold."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import ingestion.simulation

MODULES = sorted(module.name for module in pkgutil.iter_modules(ingestion.simulation.__path__, "ingestion.simulation."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0


def test_simulation_runs_without_django():
    script = (
        "import sys, ingestion.simulation; "
        "sys.exit(any(name.split('.')[0] in {'django', 'celery', 'rest_framework'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
