"""Coverage maps read back by mocpy."""

import io

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from mocpy import MOC

from hips import moc, tiles


@pytest.mark.parametrize("order", [0, 3, 7])
@pytest.mark.parametrize("kind", ["all", "none", "first", "last", "half"])
def test_moc_is_exactly_the_observed_pixels(order, kind, monkeypatch):
    monkeypatch.setattr(moc, "_CHUNK", 4096)
    size = 12 * 4**order
    seen = {
        "all": np.ones(size, bool), "none": np.zeros(size, bool), "first": np.arange(size) == 0,
        "last": np.arange(size) == size - 1, "half": np.random.default_rng(order).random(size) < 0.5,
    }[kind]  # fmt: skip
    values = np.where(seen, 1, np.nan).astype(np.float32)
    ours = moc.observed_moc(tiles.pixels_from_array(values))
    cells = np.flatnonzero(seen).astype(np.uint64)
    theirs = MOC.from_healpix_cells(cells, np.full(cells.size, order, np.uint8), max_depth=order)
    assert ours == theirs
    assert ours.sky_fraction == pytest.approx(seen.mean())


def test_moc_file_is_icrs_and_reads_back(tmp_path):
    values = np.full(12 * 4**5, np.nan, np.float32)
    values[100:4000] = 1
    ours = moc.observed_moc(tiles.pixels_from_array(values))
    body = moc.encode_moc(ours)
    with fits.open(io.BytesIO(body)) as file:
        assert file[1].header["COORDSYS"] == "C"
        assert file[1].header["MOCORD_S"] == 5
    (tmp_path / "Moc.fits").write_bytes(body)
    assert MOC.load(tmp_path / "Moc.fits", format="fits") == ours


def test_centre_of_a_cone_is_found():
    cone = MOC.from_cone(lon=[359] * u.deg, lat=[-80] * u.deg, radius=8 * u.deg, max_depth=8)
    ra, dec = moc.moc_centre(cone)
    assert np.hypot((ra - 359 + 180) % 360 - 180, 0) * np.cos(np.radians(80)) < 0.5
    assert dec == pytest.approx(-80, abs=0.5)
