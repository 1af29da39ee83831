"""The validation: what it finds, what trips it, and the page that shows it."""

import io
from dataclasses import replace

import pytest
from django.core.management import call_command

from archive.errors import StorageError
from upper_limits import validation_services
from upper_limits.validation import find_faults, measure_coverage, recover_sources

pytestmark = pytest.mark.django_db


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(validation_services, "MAPS", ((6, 3.2),))
    monkeypatch.setattr(validation_services, "recover_sources", lambda *a: recover_sources(*a, count=100))


def test_the_command_passes_and_the_page_shows_its_plots(client, limits, quick):
    assert "was not run" in client.get("/upper-limits/method").content.decode()
    out = io.StringIO()
    call_command("upper-limits", "validate", stdout=out)
    assert "every check passed" in out.getvalue()
    page = client.get("/upper-limits/method").content.decode()
    assert page.count('<figure class="limits-plot') == 3
    assert "isgri 20-40 keV, simulated" in page
    assert "from memory, not verified" in page
    assert 'href="/upper-limits/method"' in client.get("/upper-limits/").content.decode()


def test_without_maps_the_simulations_are_shown_and_the_lack_is_said(client, roots, quick):
    call_command("upper-limits", "validate", stdout=io.StringIO())
    assert "depths were not measured" in client.get("/upper-limits/method").content.decode()


def test_a_biased_flux_and_a_short_limit_are_faults(limits, quick, monkeypatch):
    recovered, covered = recover_sources(6, 3.2, 5.0, count=100), measure_coverage(draws=200_000)
    assert find_faults([recovered], covered) == []
    assert len(find_faults([replace(recovered, ratio=0.97)], [replace(covered[-1], bayesian=0.99)])) == 2
    monkeypatch.setattr(validation_services, "find_faults", lambda *_: ["a fault"])
    with pytest.raises(StorageError, match="1 checks of the validation failed"):
        call_command("upper-limits", "validate", stdout=io.StringIO())
