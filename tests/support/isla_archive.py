"""An archive with just what astroquery's own remote tests for ISLA ask for; the files are made up."""

import pytest

from archive.identifiers import normalize_name
from tests.support import fits_files
from tests.support.archive_rows import deliver

CRAB = ("J053432.0+220052", "Crab", 83.63321, 22.01446)
SMC_X_1 = ("J011705.1-732636", "SMC X-1", 19.27144, -73.44333)
GALACTIC = ("J174537.0-290107", "1A 1742-289", 266.40417, -29.01861)
EPOCH, MOSAIC_EPOCH = "0745_06340000001", "0727_88601650001"
SCW = "008100430010"
DID = "ivo://archipelago.invalid/integral?"


@pytest.fixture
def isla_products(tmp_path, request):
    """Publish the archive for a test that says ``usefixtures``."""
    request.getfixturevalue("transactional_db")
    return fill(tmp_path)


def fill(directory):
    """Publish the archive; returns the names of files by product."""
    from archive import models, services

    services.sync_reference_rows()
    for detector, low, high in (("isgri", 28, 40), ("isgri", 20, 40), ("jemx1", 3.08, 19.85), ("jemx2", 3.08, 19.85)):
        services.ensure_band(detector, low, high)
    sources = [{"source_id": i, "name": n, "ra": ra, "dec": dec} for i, n, ra, dec in (CRAB, SMC_X_1, GALACTIC)]
    deliver("sources", models.Source, sources)
    names = [(CRAB[0], "Crab Nebula"), (CRAB[0], "PSR B0531+21"), (GALACTIC[0], "GFtStar")]
    names += [(source["source_id"], source["name"]) for source in sources]
    deliver(
        "names",
        models.SourceName,
        [
            {
                "source_id": key,
                "name": name,
                "normalized_name": normalize_name(name),
                "is_main": (key, name) in names[3:],
            }
            for key, name in names
        ],
    )
    deliver("log", models.Observation, _observations())
    deliver("revolutions", models.Revolution, _revolutions())
    deliver("windows", models.ScienceWindow, _windows())
    products, files = _products(directory)
    deliver("products", models.Product, products)
    deliver("files", models.ProductFile, files)
    return {file["product_id"]: file["file_name"] for file in files}


def _observations():
    return [
        {
            "obs_id": f"{3200490001 + i:011d}",
            "proposal_id": "0320049",
            "target_name": "Crab",
            "ra": 83.6 + 4 * i,
            "dec": 22.0,
            "tstart_mjd_tt": 53400.0 + 30 * i,
            "tstop_mjd_tt": None if i == 2 else 53400.5 + 30 * i,
            "exposure_s": 86400.0,
        }
        for i in range(6)
    ]


def _revolutions():
    return [{"revolution": i, "tstart_mjd_tt": 52555.0 + 3 * i, "tstop_mjd_tt": 52558.0 + 3 * i} for i in range(1, 800)]


def _windows():
    return [
        {
            "scw_id": f"0081{43 + i:04d}0010",
            "revolution": 81,
            "kind": "pointing",
            "obs_id": "03200490001",
            "ra": 83.6 + 3 * i,
            "dec": 22.0,
            "ra_z": None if i == 1 else 83.6 + 3 * i,
            "dec_z": None if i == 1 else -68.0,
            "tstart_mjd_tt": 52799.0 + i / 10,
            "tstop_mjd_tt": 52799.05 + i / 10,
            "elapsed_s": 4000.0,
            "good_isgri_s": None if i == 2 else 3000.0,
        }
        for i in range(4)
    ]


def _products(directory):
    from archive.storage import store_file

    series = fits_files.write(directory / "series.fits", fits_files.series_hdu(rows=50))
    spectrum = fits_files.write(directory / "spectrum.fits", fits_files.spectrum_hdu(EXPOSURE=1000.0))
    arf = fits_files.write(directory / "arf.fits", fits_files.arf_hdu())
    rmf = fits_files.write(directory / "rmf.fits", *fits_files.rmf_hdus())
    mosaic = fits_files.write(directory / "mosaic.fits", *fits_files.mosaic_hdus())
    isgri = {"instrument": "isgri", "energy_min_kev": 28.0, "energy_max_kev": 40.0, "band": "28_40"}
    smc = {"source_id": SMC_X_1[0], "target_name": "SMC X-1", "ra": 19.27, "dec": -73.44, "epoch": EPOCH}
    place = {"ra": 83.6, "dec": 22.0}
    long_series = {"kind": "long_timeseries", "source_id": GALACTIC[0], "ra": 266.4, "dec": -29.0}
    jemx = {"energy_min_kev": 3.08, "energy_max_kev": 19.85, "band": "3.08_19.85"}
    rows = {
        "smc_spectrum": ({"kind": "spectrum", "instrument": "isgri", **smc}, {"spe": spectrum, "arf": arf, "rmf": rmf}),
        "smc_series": ({"kind": "short_timeseries", **isgri, **smc}, {"series": series}),
        "mosaic.28": ({"kind": "mosaic", **isgri, **place, "epoch": MOSAIC_EPOCH}, {"mosaic": mosaic}),
        "gc_jemx1": ({**long_series, "instrument": "jemx1", **jemx}, {"jemx1": series}),
        "gc_jemx2": ({**long_series, "instrument": "jemx2", **jemx}, {"jemx2": series}),
        "scw_image": ({"kind": "scw_image", **isgri, **place, "metadata": {"scw_id": SCW}}, {"same": mosaic}),
        "scw_events": (
            {"kind": "event_list", "instrument": "isgri", **place, "metadata": {"scw_id": SCW}},
            {"same": spectrum},
        ),
    }
    products = [{"product_id": key, "title": f"Test {key}", **row} for key, (row, _) in rows.items()]
    roles = {"arf": "arf", "rmf": "rmf"}
    files = [
        {
            "product_id": key,
            "role": roles.get(name, "science"),
            "file_name": f"{name}.fits",
            "media_type": "application/fits",
            "sha256": stored.sha256,
            "size_bytes": stored.size_bytes,
        }
        for key, (_, paths) in rows.items()
        for name, path in paths.items()
        for stored in [store_file(path)]
    ]
    return products, files
