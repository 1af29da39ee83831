"""Coverage maps read back by mocpy."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from mocpy import MOC

from hips import moc, tiles


@pytest.mark.parametrize("order", [0, 3, 7])
@pytest.mark.parametrize("kind", ["all", "none", "first", "last", "half"])
def test_moc_is_exactly_the_observed_pixels(order, kind, monkeypatch, tmp_path):
    monkeypatch.setattr(moc, "_CHUNK", 4096)
    size = 12 * 4**order
    seen = {
        "all": np.ones(size, bool), "none": np.zeros(size, bool), "first": np.arange(size) == 0,
        "last": np.arange(size) == size - 1, "half": np.random.default_rng(order).random(size) < 0.5,
    }[kind]  # fmt: skip
    values = np.where(seen, 1, np.nan).astype(np.float32)
    ours = moc.observed_coverage(tiles.pixels_from_array(values))
    cells = np.flatnonzero(seen).astype(np.uint64)
    theirs = MOC.from_healpix_cells(cells, np.full(cells.size, order, np.uint8), max_depth=order)
    assert ours.sky_fraction == pytest.approx(seen.mean())
    path = tmp_path / "Moc.fits"
    path.write_bytes(moc.encode_moc(ours))
    read = MOC.load(path, format="fits")
    assert read == theirs
    assert read.max_order == order
    with fits.open(path) as file:
        file.verify("exception")
        assert file[1].header["COORDSYS"] == "C"


@pytest.mark.parametrize(("lon", "lat", "radius"), [(359, -80, 8), (83, 22, 20), (180, 60, 3)])
def test_centre_of_a_cone_is_found(lon, lat, radius):
    cone = MOC.from_cone(lon=[lon] * u.deg, lat=[lat] * u.deg, radius=radius * u.deg, max_depth=8)
    ranges = cone.to_depth29_ranges.astype(np.int64) >> (2 * (29 - 8))
    ra, dec = moc.Coverage(8, ranges).centre
    assert abs((ra - lon + 180) % 360 - 180) * np.cos(np.radians(lat)) < 0.5
    assert dec == pytest.approx(lat, abs=0.5)


def test_empty_coverage_has_a_centre():
    assert moc.Coverage(3, np.empty((0, 2), np.int64)).centre == (0, 0)
