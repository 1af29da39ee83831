"""A small published map version, and the client that asks for its HiPS."""

from pathlib import Path

import numpy as np
import pytest

from archive.skymaps import MapVersion, SkyMap, write_version


def make_values(order: int, seed: int = 1) -> np.ndarray:
    """Noise with a source, and a hole in which nothing was observed."""
    values = np.random.default_rng(seed).normal(size=12 * 4**order).astype(np.float32)
    values[100] = 50
    values[5 * 4**order : 5 * 4**order + 4**order // 2] = np.nan
    return values


def write_maps(root: Path, name: str = "v1", order: int = 9, *, simulated: bool = True) -> MapVersion:
    facts = {
        "instrument": "isgri", "band": "20-40", "energy_min_kev": 20.0, "energy_max_kev": 40.0, "order": order,
        "tstart_mjd_tt": 52600.0, "tstop_mjd_tt": 60000.0, "simulated": simulated, "title": "Total of the mission",
    }  # fmt: skip
    flux = make_values(order)
    arrays = {"flux": flux, "variance": np.abs(flux) + 1, "exposure": np.where(np.isnan(flux), np.nan, 1e6)}
    units = {"flux": "mCrab", "variance": "mCrab2", "exposure": "s"}
    maps = [
        (SkyMap(map_id=f"isgri-20-40-{quantity}", quantity=quantity, unit=units[quantity], **facts), values)
        for quantity, values in arrays.items()
    ]
    return write_version(root, name, [(sky_map, values.astype(np.float32)) for sky_map, values in maps])


@pytest.fixture
def maps(tmp_path, settings, monkeypatch, db) -> MapVersion:
    """A version in a directory of its own, published as the current one."""
    from archive import selectors
    from hips import catalogues, services

    settings.MAPS_ROOT = tmp_path / "maps"
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is absent
    version = write_maps(settings.MAPS_ROOT)
    monkeypatch.setattr(selectors, "current_map_version", lambda: version)
    monkeypatch.setattr(catalogues, "current_release", lambda: None)
    services.forget_everything()
    yield version
    services.forget_everything()
