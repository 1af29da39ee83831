"""A million catalogue rows in one publication; `pytest -m benchmark -s` measures it (docs/performance.md)."""

import os
import time
from datetime import UTC, datetime

import pytest

from archive.models import Delivery, IbisCatalogueEntry
from archive.services import open_publication
from tests.support.publishing import database_cpu_s, ibis_rows

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
ROWS = int(os.environ.get("BENCHMARK_ROWS", "1000000"))


def publish(name, changed, now):
    delivery = Delivery(delivery_id=name, title=name, team="t", digest_sha256=name.ljust(64, "0"), received_at=now)
    began, cpu, server = time.monotonic(), time.process_time(), database_cpu_s()
    with open_publication(delivery=delivery, description=name) as publication:
        counts = publication.merge(IbisCatalogueEntry, ibis_rows(ROWS, changed))
    seconds, here, there = time.monotonic() - began, time.process_time() - cpu, database_cpu_s() - server
    print(f"\n{name}: {counts}, {seconds:.1f} s wall, {here:.1f} CPU s here, {there:.1f} CPU s in the database")
    return counts, here + there


def test_a_million_rows_are_published():
    now = datetime.now(UTC)
    counts, seconds = publish("first", 0, now)
    assert counts.new == ROWS
    assert seconds < 30, "CPU seconds here and in the database: the wall time of an idle machine is less"
    counts, _ = publish("second", 400, now)
    assert (counts.changed, counts.unchanged) == (400, ROWS - 400)
