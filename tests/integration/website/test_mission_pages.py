"""Pages of proposals, bursts and the radiation monitor."""

from datetime import UTC, datetime

import pytest

from archive import models, services
from tests.support.web_archive import OBS


@pytest.fixture
def burst(archive):
    """Publish a simulated burst at the place of the sample archive's Crab, without a duration."""
    delivery = models.Delivery(
        delivery_id="bursts",
        title="Bursts",
        team="t",
        simulated=True,
        digest_sha256="1" * 64,
        received_at=datetime.now(UTC),
    )
    row = {
        "catalogue_version": "1", "name": "GRB <b>1", "ra": 83.6, "dec": 22.0, "instrument": "isgri",
        "trigger_mjd_tt": 52690.5, "fluence_20_200_erg_cm2": 1.5e-6, "fluence_limit_flag": "<",
    }  # fmt: skip
    with services.open_publication(delivery=delivery, description="A burst") as publication:
        publication.merge(models.GrbCatalogueEntry, [row])


def test_a_proposal_lists_its_observations_though_its_entry_is_missing(text):
    page = text("/proposals/0046007")
    assert "its own entry has not been delivered" in page
    assert f'href="/observations/{OBS}"' in page
    assert 'href="/proposals/0046007"' in text(f"/observations/{OBS}")


def test_a_burst_has_a_page(burst, text):
    page = text("/bursts/GRB%20%3Cb%3E1")
    assert "GRB &lt;b&gt;1" in page
    assert "<b>1" not in page
    assert "simulated" in page
    assert "Crab" in page
    assert 'href="/bursts/GRB%20%3Cb%3E1"' in text("/tables/integral.spi_grb_catalogue")


def test_an_archive_without_monitor_says_so(text):
    assert "No IREM product has been delivered" in text("/irem")
    assert "No product of that day" in text("/irem?day=2003-01-01")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [("/proposals/1", 404, "no proposal"), ("/bursts/x", 404, "no burst"), ("/irem?day=yesterday", 400, "yesterday")],
)
def test_what_does_not_exist_gets_a_sentence(text, address, status, words):
    assert words in text(address, status)
