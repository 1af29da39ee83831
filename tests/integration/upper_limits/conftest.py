"""Small sky maps published through the archive, their store built, and a few named sources."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat

from archive.skymaps import SkyMap

ORDER = 6
BANDS = ((20.0, 40.0), (40.0, 100.0))
CRAB = (83.633, 22.0145)


def _maps(seed=1):
    rng = np.random.default_rng(seed)
    n = 12 * 4**ORDER
    lon, lat = healpix_to_lonlat(np.arange(n, dtype=np.uint64), ORDER)
    ra, dec = Longitude(CRAB[0], units.deg), Latitude(CRAB[1], units.deg)
    cosine = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(lon - ra)
    separation = np.degrees(np.arccos(np.clip(cosine.value, -1, 1)))
    for low, high in BANDS:
        error = rng.uniform(0.5, 2.0, n)
        flux = rng.normal(0.0, 1.3 * error) + 1000.0 * np.exp(-4 * np.log(2) * (separation / (110 / 60)) ** 2)
        exposure = 1e6 / error**2
        flux[11 * 4**ORDER :] = error[11 * 4**ORDER :] = np.nan
        exposure[11 * 4**ORDER :] = 0.0
        for quantity, unit, values in (
            ("flux", "mCrab", flux), ("variance", "mCrab**2", error**2), ("exposure", "s", exposure),
        ):  # fmt: skip
            yield (
                SkyMap(
                    f"isgri_{low:g}_{high:g}_{quantity}", "isgri", f"{low:g}-{high:g}", low, high, quantity, ORDER, unit,
                    52600.0, 60000.0, simulated=True, title=quantity, psf_fwhm_arcmin=110.0,
                    crab_convention="10*E**-2.1",
                ),
                values.astype(np.float32),
            )  # fmt: skip


@pytest.fixture
def roots(tmp_path, settings):
    settings.MAPS_ROOT, settings.LIMITS_ROOT = tmp_path / "maps", tmp_path / "upper_limits"
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is absent
    return settings


def publish(seed=1):
    """Publish sky maps and two sources as a delivery, as the ingestion does."""
    from datetime import UTC, datetime

    from archive.models import Delivery, Source, SourceName
    from archive.services import open_publication

    delivery = Delivery(
        delivery_id=f"maps-{seed}", title="maps", team="test", digest_sha256=f"{seed:064d}",
        simulated=True, received_at=datetime.now(UTC),
    )  # fmt: skip
    with open_publication(delivery=delivery, description="test") as publication:
        publication.publish_maps(_maps(seed))
        publication.merge(
            Source,
            [{"source_id": "J053432.0+220052", "name": "Crab", "ra": CRAB[0], "dec": CRAB[1], "isdc_class": None}],
        )
        publication.merge(
            SourceName,
            [
                {"source_id": "J053432.0+220052", "name": name, "normalized_name": key, "is_main": main}
                for name, key, main in (("Crab", "CRAB", True), ("M 1", "M1", False))
            ],
        )


@pytest.fixture
def limits(db, roots):
    """Published maps with their store built."""
    from upper_limits.services import build_current_store

    publish()
    return build_current_store()
