"""A million catalogue rows in one publication; `pytest -m benchmark -s` measures it (docs/performance.md)."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from archive.models import Delivery, IbisCatalogueEntry
from archive.services import open_publication

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
ROWS = int(os.environ.get("BENCHMARK_ROWS", "1000000"))


def rows(changed=0):
    dice = np.random.default_rng(1)
    ra, dec = dice.uniform(0, 360, ROWS).tolist(), np.degrees(np.arcsin(dice.uniform(-1, 1, ROWS))).tolist()
    for number in range(ROWS):
        yield {
            "catalogue_version": "1",
            "name": f"Source {number}",
            "ra": ra[number],
            "dec": dec[number],
            "flux_17_60_mcrab": 2.0 if number < changed else 1.0,
            "flux_17_60_error_mcrab": 0.1,
            "significance": 10.0,
        }


def server_cpu_s():
    """CPU seconds of the database's process for this connection; NaN where it runs elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    held = stat.read_text().rpartition(")")[2].split() if stat.is_file() else ["nan"] * 20
    return (float(held[11]) + float(held[12])) / os.sysconf("SC_CLK_TCK")


def publish(name, changed, now):
    delivery = Delivery(delivery_id=name, title=name, team="t", digest_sha256=name.ljust(64, "0"), received_at=now)
    began, cpu, server = time.monotonic(), time.process_time(), server_cpu_s()
    with open_publication(delivery=delivery, description=name) as publication:
        counts = publication.merge(IbisCatalogueEntry, rows(changed))
    seconds, here, there = time.monotonic() - began, time.process_time() - cpu, server_cpu_s() - server
    print(f"\n{name}: {counts}, {seconds:.1f} s wall, {here:.1f} CPU s here, {there:.1f} CPU s in the database")
    return counts, here + there


def test_a_million_rows_are_published():

    now = datetime.now(UTC)
    counts, seconds = publish("first", 0, now)
    assert counts.new == ROWS
    assert seconds < 30, "CPU seconds here and in the database: the wall time of an idle machine is less"
    counts, _ = publish("second", 400, now)
    assert (counts.changed, counts.unchanged) == (400, ROWS - 400)
