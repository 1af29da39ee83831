"""What keeps the pages quick on a full-size mission: counts kept for a release, exact ones; few rows read."""

from types import SimpleNamespace
from unittest import mock

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from archive import models, selectors
from archive.published import load_tables
from archive.website import facet_cubes, pictures, source_products, timeline, warm
from archive.website.searches import SEARCHES, count_cubes, count_search, find_page, read_search
from archive.website.table_sql import read_counts
from archive.website.views import home
from tests.support.web_archive import CRAB


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "kind=spectrum",
        "kind=spectrum&kind=light_curve&instrument=isgri",
        "simulated=true",
        "band=(empty)",
        "kind=x",
    ],
)
def test_a_cube_counts_what_the_database_counts(archive, asked):
    search, _, query = read_search("integral.products", QueryDict(asked))
    release = selectors.current_release()
    total, values = facet_cubes.count_cube(release, query.table, search.facets, query.filters)
    counted = read_counts(object(), query.table, query.filters, None, search.facets)
    assert total == counted.total
    assert {name: dict(found) for name, found in values.items()} == {f.column: dict(f.counts) for f in counted.facets}


def test_cubes_are_counted_once_and_kept(archive, django_assert_num_queries):
    count_cubes()
    assert models.FacetCube.objects.count() == len(SEARCHES) + 4  # and of products two by source, two with a text
    facet_cubes._read_cube.cache_clear()
    release = selectors.current_release()
    with django_assert_num_queries(1):
        facet_cubes.read_cube(release, "integral.products", SEARCHES["integral.products"].facets)


@pytest.mark.parametrize(
    "asked",
    ["title=CR_B", "title=no+such", "target_name=crab&kind=spectrum", "title=%25s%25e&simulated=true&sort=-kind"],
)
def test_a_part_of_a_text_is_found_by_counts_as_by_reading(archive, asked):
    search, _, query = read_search("integral.products", QueryDict(asked))
    release = selectors.current_release()
    read = find_page(search, query)
    counted = read_counts(object(), query.table, query.filters, None, search.facets)
    assert facet_cubes.count_cube(release, query.table, search.facets, query.filters) is None  # nothing is counted yet
    count_cubes()
    total, values = facet_cubes.count_cube(release, query.table, search.facets, query.filters)
    assert total == counted.total == len(read.rows)
    assert {name: dict(found) for name, found in values.items()} == {f.column: dict(f.counts) for f in counted.facets}
    with CaptureQueriesContext(connection) as captured:
        assert find_page(search, query) == read
    assert "ILIKE" not in captured.captured_queries[-1]["sql"]


def test_parts_of_two_texts_are_read(archive):
    count_cubes()
    search, _, query = read_search("integral.products", QueryDict("title=crab&target_name=crab"))
    assert facet_cubes.count_cube(selectors.current_release(), query.table, search.facets, query.filters) is None
    assert count_search(search, query).total == len(find_page(search, query).rows) > 0


def test_a_cube_of_another_release_is_not_kept(archive):
    facet_cubes._count(999, "integral.products", ("kind",))
    assert not models.FacetCube.objects.filter(release_id=999).exists()


def test_too_many_combinations_are_counted_search_by_search(archive, monkeypatch):
    monkeypatch.setattr(facet_cubes, "MAX_CELLS", 1)
    facet_cubes._read_cube.cache_clear()
    assert facet_cubes.read_cube(selectors.current_release(), "integral.products", ("product_id",)) is None
    assert not models.FacetCube.objects.filter(facets=["product_id"]).exists()
    facet_cubes._read_cube.cache_clear()


def test_a_page_reads_its_release_once(archive, client, django_assert_max_num_queries):
    with django_assert_max_num_queries(30) as found:
        client.get(f"/sources/{CRAB}")
    asked = [query["sql"] for query in found.captured_queries if 'FROM "archive_currentrelease"' in query["sql"]]
    assert len(asked) == 1


def test_a_release_set_inside_a_page_is_seen(archive):
    from archive import services

    with selectors.one_release():
        newest = selectors.current_release()
        services.roll_back_to(newest.previous.name)
        assert selectors.current_release() == newest.previous


def test_a_source_with_many_products_shows_counts_and_the_way_to_all(text, monkeypatch):
    whole = text(f"/sources/{CRAB}")
    assert "Below are the" not in whole
    monkeypatch.setattr(source_products, "MAX_LISTED", 1)
    monkeypatch.setattr(source_products, "MAX_SPECTRUM_PLOTS", 0)
    page = text(f"/sources/{CRAB}")
    assert "Below are the" in page
    assert f"/tables/integral.products?source_id={CRAB.replace('+', '%2B')}&amp;kind=spectrum" in page
    assert page.count('data-plot="light-curve"') == whole.count('data-plot="light-curve"') > 0
    rows = text(f"/tables/integral.products?source_id={CRAB.replace('+', '%2B')}&kind=spectrum")
    assert "crab-isgri-spectrum" in rows
    assert "No row fits" in text("/tables/integral.products?source_id=J05343")


def test_orders_of_a_million_rows_use_an_index(archive):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for column in load_tables()["integral.products"].columns:
            if not column.principal or column.name == "source_id":
                continue
            cursor.execute(
                f"EXPLAIN SELECT product_id FROM integral.products WHERE {column.name} IS NOT NULL "
                f"ORDER BY {column.name} DESC, product_id DESC LIMIT 51"
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Sort" not in plan, (column.name, plan)


def test_the_account_can_watch_a_source_from_its_page(text, client, django_user_model):
    assert "Watch this source" not in text(f"/sources/{CRAB}")
    assert f'href="/feeds/sources/{CRAB}.atom"' in text(f"/sources/{CRAB}").replace("%2B", "+")
    client.force_login(django_user_model.objects.create_user("visitor"))
    assert "Watch this source" in text(f"/sources/{CRAB}")


def test_a_new_release_is_made_ready_before_its_first_visitor(archive, client, django_assert_max_num_queries):
    home.mission_glance.cache_clear()
    timeline._read_orbits.cache_clear()
    pictures.coverage_png.cache_clear()
    stamp = warm.warm_release(None)
    with django_assert_max_num_queries(5):
        assert client.get("/").status_code == 200
        assert client.get("/coverage.png").status_code == 200
    with django_assert_max_num_queries(1):
        assert warm.warm_release(stamp) == stamp


def test_what_cannot_be_made_in_advance_is_logged_and_tried_again(monkeypatch, caplog):
    class Enough(BaseException):
        pass

    rounds = []

    def sleep(seconds):
        rounds.append(seconds)
        if len(rounds) == 2:
            raise Enough

    def fail(seen):
        raise RuntimeError("no disk")

    monkeypatch.setattr(warm, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(warm, "warm_release", fail)
    monkeypatch.setattr(warm, "connections", mock.Mock())
    caplog.set_level("INFO", "archive.website.warm")
    with pytest.raises(Enough):
        warm.keep_warm()
    assert rounds == [warm.LOOK_EVERY_S] * 2
    assert [record.exc_info[1].args for record in caplog.records] == [("no disk",)] * 2
