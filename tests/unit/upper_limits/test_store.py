"""The store holds what the maps hold, answers old versions, and refuses anything damaged in one sentence."""

import json
import os
import shutil

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from archive.errors import NotFoundError, StorageError
from archive.skymaps import write_version
from tests.unit.upper_limits.conftest import ORDER, sky_arrays, sky_map
from upper_limits.readout import psf
from upper_limits.store import build_version, list_stores, open_store


@pytest.fixture
def root(tmp_path):
    return tmp_path / "limits"


@pytest.fixture
def store(root, map_version):
    return build_version(root, map_version)


GRID_RA, GRID_DEC = (grid.ravel() for grid in np.meshgrid(np.arange(0, 360, 11.25), np.arange(-90, 90.1, 7.5)))


def random_positions(n, seed=4):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def test_all_bands_of_a_pixel_stand_side_by_side(store, map_version):
    (totals,) = store.totals
    assert [band.band for band in totals.bands] == ["20-40", "40-100"]
    assert totals.values.shape == (12 * 4**ORDER, 6)
    assert not totals.values.flags.writeable
    for column, (band, quantity) in enumerate(
        (band, quantity) for quantity in ("flux", "variance", "exposure") for band in ("20-40", "40-100")
    ):
        (plane,) = map_version.find(band=band, quantity=quantity)
        expected = np.array(map_version.values(plane))
        expected[11 * 4**ORDER :] = np.nan
        assert np.array_equal(totals.values[:, column], expected, equal_nan=True)


def test_bands_come_in_order_of_energy_whatever_the_manifest(tmp_path, root):
    bands = ["60-100", "17-60", "20-40"]
    maps = [
        (sky_map(quantity, band), values)
        for band in bands
        for quantity, values in zip(("flux", "variance", "exposure"), sky_arrays(), strict=True)
    ]
    (totals,) = build_version(root, write_version(tmp_path / "maps", "a", maps)).totals
    assert [band.band for band in totals.bands] == ["17-60", "20-40", "60-100"]


def test_readings_at_pixel_centres_are_the_map(store, map_version):
    (totals,) = store.totals
    ipix = np.arange(0, 12 * 4**ORDER, 37)
    lon, lat = healpix_to_lonlat(ipix.astype(np.uint64), ORDER)
    readings = totals.read(lon.deg, lat.deg)
    (flux,) = map_version.find(band="20-40", quantity="flux")
    assert np.array_equal(readings.ipix, ipix)
    alone = readings.noise_factor[:, 0] < 1.0 + 1e-9
    assert alone.mean() > 0.99
    assert readings.flux[alone, 0] == pytest.approx(map_version.values(flux)[ipix[alone]], rel=1e-6, nan_ok=True)
    assert np.isnan(readings.flux[ipix >= 11 * 4**ORDER]).all()
    assert readings.k_sys[readings.ipix < 11 * 4**ORDER] == pytest.approx(1.5, rel=0.2)
    assert readings.error == pytest.approx(
        np.sqrt(readings.variance) * readings.k_sys * readings.noise_factor, nan_ok=True
    )


@pytest.mark.parametrize("fwhm_arcmin", [110.0, 200.0, 20.0], ids=["neighbours", "pixel", "nearest"])
def test_one_position_equals_many(tmp_path, root, fwhm_arcmin):
    maps = [
        (sky_map(quantity, psf_fwhm_arcmin=fwhm_arcmin), values)
        for quantity, values in zip(("flux", "variance", "exposure"), sky_arrays(), strict=True)
    ]
    (totals,) = build_version(root, write_version(tmp_path / "maps", "a", maps)).totals
    ra, dec = random_positions(300)
    ra, dec = (
        np.append(ra, [0.0, 0.0, 360.0, 45.0, *GRID_RA]),
        np.append(dec, [90.0, -90.0, 0.0, 41.810314895778596, *GRID_DEC]),
    )
    many = totals.read(ra, dec)
    for row in range(len(ra)):
        one = totals.read_one(ra[row], dec[row])
        for name in ("ipix", "flux", "variance", "exposure_s", "k_sys", "noise_factor"):
            assert getattr(one, name)[0] == pytest.approx(getattr(many, name)[row], rel=1e-9, nan_ok=True)


def test_a_planted_source_is_recovered_and_found_significant(tmp_path, root):
    flux, variance, exposure = sky_arrays()
    ra, dec = 123.4, -34.5
    lon, lat = healpix_to_lonlat(np.arange(12 * 4**ORDER, dtype=np.uint64), ORDER)
    target = Longitude(ra, units.deg), Latitude(dec, units.deg)
    cos = np.sin(lat) * np.sin(target[1]) + np.cos(lat) * np.cos(target[1]) * np.cos(lon - target[0])
    flux += np.float32(500.0) * psf(np.degrees(np.arccos(np.clip(cos.value, -1, 1))), 110 / 60).astype(np.float32)
    maps = [(sky_map(q), v) for q, v in zip(("flux", "variance", "exposure"), (flux, variance, exposure), strict=True)]
    (totals,) = build_version(root, write_version(tmp_path / "maps", "a", maps)).totals
    readings = totals.read_one(ra, dec)
    assert abs(readings.flux[0, 0] - 500.0) < 5 * readings.error[0, 0]
    assert readings.flux[0, 0] / readings.error[0, 0] > 50
    # the nearest pixel alone, as it stands, would have lost a good part of it
    assert flux[lonlat_to_healpix(*target, ORDER)[0]] < 480.0


def test_building_twice_changes_nothing(root, map_version, store):
    before = {path.name: path.stat().st_mtime_ns for path in store.path.iterdir()}
    said = []
    again = build_version(root, map_version, report=said.append)
    assert said == []
    assert {path.name: path.stat().st_mtime_ns for path in again.path.iterdir()} == before
    assert list_stores(root) == ("2026.1",)


def test_the_same_maps_give_the_same_bytes(tmp_path, root, map_version, store):
    other = build_version(tmp_path / "other", map_version)
    for path in store.path.iterdir():
        assert path.read_bytes() == (other.path / path.name).read_bytes()


def test_old_versions_stay_addressable(tmp_path, root, map_version, store):
    maps = [(sky_map(q), v) for q, v in zip(("flux", "variance", "exposure"), sky_arrays(9), strict=True)]
    newer = build_version(root, write_version(tmp_path / "maps", "2027.1", maps))
    os.utime(newer.path, (4e9, 4e9))
    assert list_stores(root) == ("2027.1", "2026.1")
    assert open_store(root, "2026.1").totals[0].values[5, 0] == store.totals[0].values[5, 0]
    assert newer.totals[0].values[5, 0] != store.totals[0].values[5, 0]


def truncate(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def garbage(path):
    path.write_bytes(b"not what you think" * 40)


def change_manifest(**changes):
    def change(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


DAMAGE = [
    ("total-0.npy", truncate, "total-0.npy is missing or truncated"),
    ("total-0.npy", lambda path: path.unlink(), "total-0.npy is missing or truncated"),
    ("total-0.npy", garbage, "total-0.npy is missing or truncated"),
    ("total-0.npy", lambda path: path.write_bytes(b""), "total-0.npy is missing or truncated"),
    ("total-0.npy", flip_a_bit, "SHA-256 differs"),
    ("ksys-0.npy", flip_a_bit, "SHA-256 differs"),
    ("ksys-0.npy", lambda path: np.save(path, np.zeros((3, 2))), "holds float64"),
    ("manifest.json", truncate, "half-written or damaged"),
    ("manifest.json", garbage, "half-written or damaged"),
    ("manifest.json", lambda path: path.unlink(), "half-written or damaged"),
    ("manifest.json", lambda path: path.write_text("[]"), "half-written or damaged"),
    ("manifest.json", change_manifest(totals=[{}]), "half-written or damaged"),
    ("manifest.json", change_manifest(format=99), "has format 99"),
]


@pytest.mark.parametrize(("name", "damage", "words"), DAMAGE)
def test_a_damaged_version_is_refused_in_one_sentence_and_built_again(root, map_version, store, name, damage, words):
    damage(store.path / name)
    with pytest.raises(StorageError, match=words) as caught:
        open_store(root, "2026.1")
    assert "\n" not in str(caught.value)
    assert str(root) not in str(caught.value)
    said = []
    rebuilt = build_version(root, map_version, report=said.append)
    assert words.split()[0] in said[0]
    assert rebuilt.totals[0].values[7, 0] == open_store(root, "2026.1").totals[0].values[7, 0]
    assert sorted(path.name for path in root.iterdir()) == ["2026.1"]


def test_maps_of_the_same_name_but_other_content_are_built_again(tmp_path, root, map_version, store):
    shutil.rmtree(map_version.path)
    maps = [(sky_map(q), v) for q, v in zip(("flux", "variance", "exposure"), sky_arrays(77), strict=True)]
    said = []
    rebuilt = build_version(root, write_version(tmp_path / "maps", "2026.1", maps), report=said.append)
    assert "other maps" in said[0]
    assert rebuilt.map_digest != store.map_digest


def test_a_builder_that_dies_leaves_no_version(root, map_version, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("upper_limits.store.systematic_factor", die)
    with pytest.raises(KeyboardInterrupt):
        build_version(root, map_version)
    assert list_stores(root) == ()
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("name", ["nothing", "../maps", "/etc", ".hidden", "a" * 200, ""])
def test_versions_that_are_not_there(root, store, name):
    with pytest.raises(NotFoundError, match="no version"):
        open_store(root, name)


def test_what_cannot_be_used_is_left_out_with_a_reason(tmp_path, root):
    flux, variance, _ = sky_arrays()
    variance[:10] = 0.0
    maps = [
        (sky_map("flux"), flux),
        (sky_map("variance"), variance),
        (sky_map("flux", "40-100"), flux),
        (sky_map("flux", "60-90", instrument="acs", psf_fwhm_arcmin=0.0), flux),
        (sky_map("variance", "60-90", instrument="acs"), variance),
    ]
    store = build_version(root, write_version(tmp_path / "maps", "a", maps))
    assert [band.band for totals in store.totals for band in totals.bands] == ["20-40"]
    assert not store.totals[0].bands[0].has_exposure
    assert np.isnan(store.totals[0].read([10.0], [10.0]).exposure_s).all()
    notes = " | ".join(store.notes)
    assert "isgri_40-100_flux left out: 0 variance" in notes
    assert "no PSF width is known for instrument 'acs'" in notes
    assert "10 pixels without a positive variance" in notes
    assert np.isnan(store.totals[0].values[:10]).all()


def test_no_usable_map_is_an_error(tmp_path, root):
    version = write_version(tmp_path / "maps", "a", [(sky_map("flux"), sky_arrays()[0])])
    with pytest.raises(StorageError, match="no flux map with its variance"):
        build_version(root, version)
    assert list_stores(root) == ()


def test_a_store_root_that_does_not_exist_is_empty(tmp_path):
    assert list_stores(tmp_path / "nowhere") == ()
