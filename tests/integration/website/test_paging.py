"""Keyset paging shows every row once, in order, both ways, whatever is added meanwhile."""

import re

import pytest

from tests.support.web_archive import SOURCE_COUNT


def walk(client, address, rel):
    seen = []
    while address:
        page = client.get(address).content.decode()
        seen.append(re.findall(r'<tr><td><a href="/sources/([^"]+)"', page))
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        address = f"/sources/{found[1]}".replace("&amp;", "&") if found else ""
    return seen, page


@pytest.mark.parametrize("sort", ["name", "-name", "ra", "-dec", "flux", "-flux", "products", "-products"])
def test_all_rows_once_forwards_and_backwards(archive, client, sort):
    pages, _ = walk(client, f"/sources/?sort={sort}&size=40", "next")
    forward = [row for page in pages for row in page]
    assert len(forward) == len(set(forward)) == SOURCE_COUNT + 1
    assert [len(page) for page in pages] == [40, 40, 40, 11]
    last = walk_to_last(client, f"/sources/?sort={sort}&size=40")
    back, _ = walk(client, last, "prev")
    assert [row for page in reversed(back) for row in page] == forward


def walk_to_last(client, address):
    while True:
        page = client.get(address).content.decode()
        found = re.search(r'rel="next" href="([^"]+)"', page)
        if not found:
            return address
        address = f"/sources/{found[1]}".replace("&amp;", "&")


def test_a_row_added_meanwhile_moves_nothing_on_later_pages(archive, client):
    from archive.models import Source
    from tests.support.archive_rows import deliver

    first = client.get("/sources/?size=40").content.decode()
    address = "/sources/" + re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    before = re.findall(r'<tr><td><a href="/sources/([^"]+)"', client.get(address).content.decode())
    deliver("added", Source, [{"source_id": "J999999", "name": "AAA", "ra": 1.0, "dec": 1.0}])
    after = re.findall(r'<tr><td><a href="/sources/([^"]+)"', client.get(address).content.decode())
    assert before == after


def test_filters_and_export_say_the_same(archive, client):
    page = client.get("/sources/?name=field+3&has=").content.decode()
    assert "18 sources" in page
    assert "normalized_name LIKE &#x27;%FIELD3%&#x27;" in page
    page = client.get("/sources/?has=spectrum").content.decode()
    assert ">1 source<" in page
    page = client.get("/sources/?ra=83.6&dec=22&radius=1&sort=name").content.decode()
    assert ">1 source within 1° of 83.6000 22.0000<" in page
    assert "CIRCLE(83.6, 22, 1)" in page


def test_a_quote_in_a_filter_stays_a_quote_in_the_adql(archive, client):
    page = client.get("/observations/", {"target": "O'Neil"}).content.decode()
    assert "LIKE &#x27;%o&#x27;&#x27;neil%&#x27;" in page


@pytest.mark.parametrize("order", ["tstart_mjd_tt", "-tstart_mjd_tt", "exposure_s", "product_id", "target_name"])
def test_rows_without_a_value_come_last_and_none_is_lost_or_twice(archive, order):
    from archive.models import Product
    from archive.selectors import current_rows
    from archive.website.paging import take_page

    def page(mark, size=1):
        return take_page(current_rows(Product), order=order, key="product_id", mark=mark, size=size)

    everything = [row.product_id for row in page("", 1000).rows]
    forwards, marks = [], [""]
    while marks[-1] or not forwards:
        found = page(marks[-1])
        forwards += [row.product_id for row in found.rows]
        marks.append(found.next_mark)
    assert forwards == everything
    assert len(everything) == Product.objects.count() >= 2
    backwards, last = forwards[-1:], page(marks[-2])
    while last.previous_mark:
        last = page(last.previous_mark)
        backwards += [row.product_id for row in last.rows]
    assert backwards == everything[::-1]
    known = [Product.objects.get(product_id=name).tstart_mjd_tt is not None for name in everything]
    assert "tstart" not in order or known == sorted(known, reverse=True)


def test_a_mark_with_a_value_of_another_kind_is_refused(archive):
    import base64
    import json

    from archive.errors import UsageError
    from archive.models import Product
    from archive.selectors import current_rows
    from archive.website.paging import take_page

    for value in ("soon", [1], True):
        mark = base64.urlsafe_b64encode(json.dumps(["a", "tstart_mjd_tt", value, "x"]).encode()).decode()
        with pytest.raises(UsageError, match="is not a page of this list"):
            take_page(current_rows(Product), order="tstart_mjd_tt", key="product_id", mark=mark)
