"""Words that files of the HiPS give in English and pages translate: the page knows each of them."""

from hips import moc_views, mocs, pages
from hips.catalogues import RANKINGS
from hips.surveys import QUANTITY_TITLES


def test_pages_know_quantities_and_rankings():
    assert {name: str(words) for name, words in pages.FULL_QUANTITIES.items()} == QUANTITY_TITLES
    assert set(pages.BRIGHTEST_BY) == {ranking.words for ranking in RANKINGS.values()}


def test_pages_know_the_operations():
    assert set(moc_views.OPERATIONS) == set(mocs.OPERATIONS)
