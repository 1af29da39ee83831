"""Puts rows into the test archive the way deliveries do."""

from datetime import UTC, datetime

import numpy as np


def deliver(name, model, rows, *, simulated=False):
    """Publish rows as one delivery and return the counts."""
    from archive.models import Delivery
    from archive.services import open_publication

    delivery = Delivery(
        delivery_id=name,
        title=name,
        team="test",
        digest_sha256=name.ljust(64, "0")[:64],
        simulated=simulated,
        received_at=datetime.now(UTC),
    )
    with open_publication(delivery=delivery, description=f"test {name}") as publication:
        return publication.merge(model, rows)


def random_sources(count, seed=0):
    """Sources all over the sky, some of them near the poles and near RA 0."""
    rng = np.random.default_rng(seed)
    ra = rng.uniform(0, 360, count)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    third = count // 6
    ra[:third] = rng.normal(0, 1.5, third) % 360
    dec[:third] = rng.normal(0, 1.5, third)
    dec[third : 2 * third] = 90 - np.abs(rng.normal(0, 1.5, third))
    dec[2 * third : 3 * third] = -90 + np.abs(rng.normal(0, 1.5, third))
    return [
        {"source_id": f"J{i:06d}", "name": f"Source {i}", "ra": float(a), "dec": float(d), "isdc_class": i % 7 or None}
        for i, (a, d) in enumerate(zip(ra, dec, strict=True))
    ]
