"""Words that answers give in English and pages translate: the page knows each of them."""

from upper_limits import validation, validation_services, views
from upper_limits.flux import CRABS
from upper_limits.table import STATUSES


def test_pages_know_the_statuses_and_the_spectra_of_the_crab():
    assert set(views.STATUS_WORDS) == set(STATUSES)
    assert set(views.CRAB_SPECTRA) == {crab.description for crab in CRABS.values()}


def test_pages_know_the_published_values():
    said = {text for *_, text in validation.PUBLISHED_AREAS} | {validation.PUBLISHED_DEPTH[1]}
    assert set(validation_services.PUBLISHED) == said
