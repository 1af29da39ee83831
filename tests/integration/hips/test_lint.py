"""Hipsgen's own checker on an export: the reference implementation has nothing to complain about."""

import pytest

from hips import services
from hips.export import export_survey
from tests.integration.hips.conftest import write_maps
from tests.support.hipsgen import check_lint, needs_hipsgen


@needs_hipsgen
@pytest.mark.parametrize("order", [4, 7, 9])
@pytest.mark.parametrize("quantity", ["flux", "exposure"])
def test_hipsgen_lint_finds_nothing(maps, settings, tmp_path, order, quantity):
    version = write_maps(settings.MAPS_ROOT, f"lint-{order}", order=order, simulated=False)
    export_survey(services.open_survey(version, f"isgri-20-40-{quantity}"), tmp_path / "out")
    check_lint(tmp_path / "out")
