"""Rows for timing a publication, and what the database took for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def ibis_rows(count: int, changed: int = 0) -> Iterator[dict[str, object]]:
    """Yield rows of the IBIS catalogue, the same for the same count but for the fluxes of the first `changed`."""
    dice = np.random.default_rng(1)
    ra, dec = dice.uniform(0, 360, count).tolist(), np.degrees(np.arcsin(dice.uniform(-1, 1, count))).tolist()
    for number in range(count):
        yield {
            "catalogue_version": "1",
            "name": f"Source {number}",
            "ra": ra[number],
            "dec": dec[number],
            "flux_17_60_mcrab": 2.0 if number < changed else 1.0,
            "flux_17_60_error_mcrab": 0.1,
            "significance": 10.0,
        }


def database_cpu_s() -> float:
    """CPU seconds of the database's process for this connection; NaN where it runs elsewhere."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{(cursor.fetchone() or ['none'])[0]}/stat")
    held = stat.read_text().rpartition(")")[2].split() if stat.is_file() else ["nan"] * 20
    return (float(held[11]) + float(held[12])) / os.sysconf("SC_CLK_TCK")
