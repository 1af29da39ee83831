"""A small archive with one of everything that pages show; some of it simulated, some of it hostile."""

from datetime import UTC, datetime

import numpy as np

from archive.identifiers import normalize_name
from tests.support import fits_files

CRAB = "J053432.0+220052"
HOSTILE = "<script>alert(1)</script>"
HOSTILE_ID = "J000000.0+000000"
OBS, SCW, REVOLUTION = "00460070001", "004600070010", 46
SERIES, SPECTRUM = "crab-isgri-series", "crab-isgri-spectrum"
SOURCE_COUNT = 130


def fill_archive(directory, *, map_order=None):
    """Publish a real and a simulated delivery; returns the bytes of the light-curve file."""
    from archive import models, services
    from archive.website.pictures import coverage_png
    from archive.website.views.home import mission_glance

    for cached in (coverage_png, mission_glance):
        cached.cache_clear()  # a test database begins again with release 1
    services.sync_reference_rows()
    sources, names = _sources()
    series = fits_files.write(
        directory / "series.fits",
        fits_files.series_hdu(rows=50),
        fits_files.series_hdu(rows=50, E_MIN=40.0, E_MAX=100.0, EXTVER=2),
    )
    spectrum = fits_files.write(directory / "spectrum.fits", fits_files.spectrum_hdu(EXPOSURE=1000.0))
    rmf = fits_files.write(directory / "rmf.fits", *fits_files.rmf_hdus())
    with services.open_publication(delivery=_delivery("real"), description="Real rows") as publication:
        publication.merge(models.Source, sources)
        publication.merge(models.SourceName, names)
        publication.merge(models.ReferenceCatalogueEntry, [_reference_row()])
        publication.merge(
            models.CatalogueRelease,
            [{"catalogue": "isdc_reference_catalogue", "catalogue_version": "43", "row_count": 1}],
        )
        publication.merge(models.Observation, _observations())
        publication.merge(
            models.Revolution, [{"revolution": REVOLUTION, "tstart_mjd_tt": 52690.0, "tstop_mjd_tt": 52693.0}]
        )
        publication.merge(models.ScienceWindow, _windows())
        publication.merge(models.Product, _products())
        files = [
            _file(SERIES, "science", series),
            _file(SPECTRUM, "science", spectrum),
            _file(SPECTRUM, "rmf", rmf),
        ]
        publication.merge(models.ProductFile, files)
    with services.open_publication(
        delivery=_delivery("made up", simulated=True), description="Simulated rows"
    ) as publication:
        publication.merge(
            models.Source, [{"source_id": "J120000.0-450000", "name": "Sim X-1", "ra": 180.0, "dec": -45.0}]
        )
        if map_order is not None:
            publication.publish_maps(_maps(map_order))
    return series.read_bytes()


def _delivery(name, *, simulated=False):
    from archive.models import Delivery

    digest = name.encode().hex().ljust(64, "0")
    now = datetime.now(UTC)
    return Delivery(
        delivery_id=name,
        title=f"Delivery {name}",
        team="test",
        digest_sha256=digest,
        simulated=simulated,
        received_at=now,
    )


def _sources():
    rng = np.random.default_rng(3)
    sources = [
        {"source_id": CRAB, "name": "Crab", "ra": 83.63322, "dec": 22.01446, "isdc_class": 3101},
        {"source_id": HOSTILE_ID, "name": HOSTILE, "ra": 0.0, "dec": 0.0},
        {"source_id": "J195821.7+351206", "name": "Cyg X-1", "ra": 299.59, "dec": 35.2016},
        {"source_id": "J203226.0+405709", "name": "Cyg X-3", "ra": 308.107, "dec": 40.958},
    ]
    while len(sources) < SOURCE_COUNT:
        number = len(sources)
        # Many sources share a name: the order must still be definite.
        name = f"Field {number % 7}"
        place = {"ra": float(rng.uniform(0, 360)), "dec": float(rng.uniform(-60, -5))}
        sources.append({"source_id": f"J{number:06d}", "name": name, **place})
    pairs = [(source["source_id"], source["name"], True) for source in sources]
    pairs += [(CRAB, "NGC 1952", False), (CRAB, "PSR B0531+21", False)]
    pairs += [("J195821.7+351206", "Double name", False), ("J203226.0+405709", "Double name", False)]
    names = [
        {"source_id": key, "name": name, "normalized_name": normalize_name(name), "is_main": main}
        for key, name, main in pairs
    ]
    return sources, names


def _reference_row():
    place = {"ra": 83.63322, "dec": 22.01446}
    return {
        "catalogue_version": "43",
        "source_id": CRAB,
        "name": "Crab",
        "isgri_20_60_cps": 230.92,
        "isgri_flag": 2,
        **place,
    }


def _observations():
    return [
        {
            "obs_id": f"{460070001 + i:011d}",
            "proposal_id": "0046007",
            "target_name": "Crab" if i == 0 else f"Field {i % 3}",
            "ra": (83.6 + 3 * i) % 360,
            "dec": 22.0 - i,
            "tstart_mjd_tt": 52690.5 + 10 * i,
            "tstop_mjd_tt": 52691.5 + 10 * i,
            "exposure_s": 50_000.0,
        }
        for i in range(30)
    ]


def _windows():
    return [
        {
            "scw_id": f"0046{7 + i:04d}0010",
            "revolution": REVOLUTION,
            "kind": "pointing",
            "obs_id": OBS,
            "ra": 83.6 + i,
            "dec": 22.0,
            "tstart_mjd_tt": 52690.5 + 0.05 * i,
            "tstop_mjd_tt": 52690.54 + 0.05 * i,
            "elapsed_s": 3456.0,
            "good_isgri_s": 3000.0,
        }
        for i in range(6)
    ]


def _products():
    common = {
        "instrument": "isgri",
        "source_id": CRAB,
        "target_name": "Crab",
        "ra": 83.63322,
        "dec": 22.01446,
        "obs_id": OBS,
    }
    return [
        {
            "product_id": SERIES,
            "kind": "long_timeseries",
            "title": "Crab ISGRI series",
            "tstart_mjd_tt": 54544.0,
            **common,
        },
        {"product_id": SPECTRUM, "kind": "spectrum", "title": "Crab ISGRI spectrum", "exposure_s": 1000.0, **common},
    ]


def _file(product_id, role, path):
    from archive.storage import store_file

    stored = store_file(path)
    return {
        "product_id": product_id,
        "role": role,
        "file_name": f"{path.stem} 1.fits" if role == "rmf" else path.name,
        "media_type": "application/fits",
        "sha256": stored.sha256,
        "size_bytes": stored.size_bytes,
    }


def _maps(order):
    from archive.skymaps import SkyMap

    count = 12 * 4**order
    values = {
        "flux": np.random.default_rng(1).normal(5, 1, count).astype(np.float32),
        "variance": np.ones(count, np.float32),
        "exposure": np.full(count, 1e4, np.float32),
    }
    units = {"flux": "mCrab", "variance": "mCrab**2", "exposure": "s"}
    for quantity, array in values.items():
        facts = (
            f"isgri_17_60_{quantity}",
            "isgri",
            "17_60",
            17.0,
            60.0,
            quantity,
            order,
            units[quantity],
            52600.0,
            61000.0,
            True,
        )
        yield SkyMap(*facts, f"Simulated {quantity} isgri 17-60 keV", 12.0, "10*E**-2.1", 1.43e-11), array
