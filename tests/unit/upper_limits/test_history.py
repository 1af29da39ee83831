"""The pixel-major history against the epoch maps that it was built from."""

import json
from pathlib import Path

import numpy as np
import pytest

from archive.errors import NotFoundError, StorageError, UsageError
from archive.healpix import pixels_nested
from upper_limits import history
from upper_limits.epochs import EpochMap, epoch_path, open_epoch, write_epoch
from upper_limits.history import build_history, current_name, open_history
from upper_limits.readout import psf
from upper_limits.stacking import Pixels

ORDER, FWHM = 10, 0.2
BANDS = (("20-40", 20.0, 40.0, "count/s"), ("40-80", 40.0, 80.0, "count/s"))
SPOT = (83.633, 22.0145)


def make_epoch(root, number, *, bands=BANDS, instrument="isgri", center=SPOT, start=None):
    """Write an epoch that saw a patch around `center` with fluxes of its own."""
    rng = np.random.default_rng(number)
    ra, dec = center[0] + rng.uniform(-2, 2, 4000), center[1] + rng.uniform(-2, 2, 4000)
    ra[0], dec[0] = center
    ipix = np.unique(pixels_nested(ORDER, ra, dec))
    inputs = (f"{number:064x}",)
    path = epoch_path(root, instrument, f"{number:04d}", ORDER, FWHM, inputs)
    start = 53000.0 + 3 * number if start is None else start
    facts = EpochMap(
        f"{number:04d}", instrument, ORDER, FWHM, start, start + 2.5, simulated=True, inputs=inputs, bands=(), path=path
    )
    pixels = [
        Pixels(ipix, rng.normal(0, 2, len(ipix)), rng.uniform(1, 2, len(ipix)), rng.uniform(1e3, 1e4, len(ipix)))
        for _ in bands
    ]
    return write_epoch(path, facts, bands, pixels)


def expected(epochs, ra, dec):
    """Read every epoch map by itself."""
    ipix = int(pixels_nested(ORDER, ra, dec))
    rows = []
    for epoch in sorted(epochs, key=lambda one: one.tstart_mjd_tt):
        pixels, values = epoch.load()
        row = int(np.searchsorted(pixels, ipix))
        if row < len(pixels) and pixels[row] == ipix:
            rows.append((epoch.name, values[row]))
    return rows


def check_equal(store, epochs, places):
    seen = 0
    for ra, dec in places:
        readings = store.histories[0].read(ra, dec)
        rows = expected(epochs, ra, dec)
        assert [store.histories[0].epochs[number].name for number in readings.epoch] == [name for name, _ in rows]
        for number, (_, values) in enumerate(rows):
            n = len(values) // 3
            assert readings.variance[number, :n] == pytest.approx(values[n : 2 * n])
            assert readings.exposure_s[number, :n] == pytest.approx(values[2 * n :])
            assert readings.flux[number, :n] == pytest.approx(values[:n] * readings.noise_factor)
            seen += 1
    assert seen > len(places)


@pytest.fixture
def places():
    rng = np.random.default_rng(9)
    return [SPOT, *zip(SPOT[0] + rng.uniform(-2, 2, 60), SPOT[1] + rng.uniform(-2, 2, 60), strict=True)]


def test_every_position_gives_every_epoch_that_saw_it_by_time(tmp_path, places):
    epochs = [make_epoch(tmp_path / "epochs", number) for number in (5, 1, 4, 2)]
    store = build_history(tmp_path / "history", epochs, release="r1")
    check_equal(store, epochs, places)
    readings = store.histories[0].read(*SPOT)
    assert len(readings.epoch) == 4
    assert 1.0 <= readings.noise_factor < 1 / psf(0.06, FWHM)
    assert (readings.k_sys >= 1).all()
    assert len(store.histories[0].read(200.0, -40.0).epoch) == 0
    assert len(store.histories[0].parts) == 1


def test_later_epochs_go_into_a_delta_that_shares_the_base(tmp_path, places):
    epochs = [make_epoch(tmp_path / "epochs", number) for number in range(8)]
    root = tmp_path / "history"
    old = build_history(root, epochs, release="r1")
    # one of the two is earlier than all others
    more = [*epochs, make_epoch(tmp_path / "epochs", 20), make_epoch(tmp_path / "epochs", 21, start=52000.0)]
    new = build_history(root, more, release="r2")
    assert new.name == current_name(root) != old.name
    assert len(new.histories[0].parts) == 2
    base = [next(path.glob("records-0-0.npy")) for path in (old.path, new.path)]
    assert base[0].stat().st_ino == base[1].stat().st_ino
    check_equal(new, more, places)
    check_equal(open_history(root, old.name), epochs, places)  # the old version stays as it was
    third = build_history(root, [*more, make_epoch(tmp_path / "epochs", 22)], release="r3")
    assert len(third.histories[0].parts) == 1  # 3 of 11 are too many for a delta
    # an epoch that was withdrawn is gone
    fewer = build_history(root, epochs[1:], release="r4")
    assert len(fewer.histories[0].parts) == 1
    check_equal(fewer, epochs[1:], places)


def test_building_twice_is_harmless_and_damage_is_found_and_repaired(tmp_path, places):
    epochs = [make_epoch(tmp_path / "epochs", number) for number in range(3)]
    root = tmp_path / "history"
    store = build_history(root, epochs, release="r1")
    assert build_history(root, epochs, release="r1").name == store.name
    records = store.path / "records-0-0.npy"
    content = bytearray(records.read_bytes())
    content[-3] ^= 1
    records.write_bytes(bytes(content))
    with pytest.raises(StorageError, match=r"records-0-0\.npy is not what was written"):
        open_history(root)
    records.write_bytes(bytes(content[:-100]))
    with pytest.raises(StorageError, match="missing or truncated"):
        open_history(root, verify=False)
    check_equal(build_history(root, epochs, release="r1"), epochs, places)
    assert not (store.path / "damaged").exists()
    (store.path / "manifest.json").write_text("{")
    with pytest.raises(StorageError, match="half-written"):
        open_history(root)
    with pytest.raises(NotFoundError, match="no version 'h-none'"):
        open_history(root, "h-none")
    with pytest.raises(NotFoundError):
        open_history(root, "../epochs")
    with pytest.raises(StorageError, match="no epochs"):
        build_history(root, [], release="r1")


def test_another_format_is_refused(tmp_path):
    store = build_history(tmp_path / "h", [make_epoch(tmp_path / "e", 1)], release="r1")
    manifest = json.loads((store.path / "manifest.json").read_text())
    (store.path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(StorageError, match="format 99"):
        open_history(tmp_path / "h")


def test_a_band_that_an_epoch_lacks_is_nan_in_its_record(tmp_path):
    epochs = [make_epoch(tmp_path / "e", 1), make_epoch(tmp_path / "e", 2, bands=BANDS[1:])]
    readings = build_history(tmp_path / "h", epochs, release="r1").histories[0].read(*SPOT)
    assert np.isfinite(readings.flux).tolist() == [[True, True], [False, True]]
    assert np.isfinite(readings.k_sys).tolist() == [[True, True], [False, True]]


def test_instruments_have_histories_of_their_own(tmp_path):
    epochs = [make_epoch(tmp_path / "e", 1), make_epoch(tmp_path / "e", 2, instrument="jemx1")]
    store = build_history(tmp_path / "h", epochs, release="r1")
    assert [one.instrument for one in store.histories] == ["isgri", "jemx1"]
    assert [len(one.read(*SPOT).epoch) for one in store.histories] == [1, 1]


def test_epoch_maps_say_what_is_wrong_with_them(tmp_path):
    epoch = make_epoch(tmp_path, 1)
    assert open_epoch(epoch.path) == epoch
    with pytest.raises(UsageError, match="must be 1 to 64"):
        epoch_path(tmp_path, "isgri", "../up", ORDER, FWHM, ())
    np.save(epoch.path / "values.npy", np.zeros((3, 3), dtype=np.float32))
    with pytest.raises(StorageError, match="do not fit"):
        epoch.load()
    (epoch.path / "values.npy").write_bytes(b"")
    with pytest.raises(StorageError, match="truncated"):
        epoch.load()
    (epoch.path / "epoch.json").write_text("[]")
    with pytest.raises(StorageError, match="damaged"):
        open_epoch(epoch.path)


def test_maps_of_different_orders_do_not_mix(tmp_path, monkeypatch):
    first = make_epoch(tmp_path / "e", 1)
    monkeypatch.setitem(globals(), "ORDER", 9)
    with pytest.raises(StorageError, match="differ in order"):
        build_history(tmp_path / "h", [first, make_epoch(tmp_path / "e", 2)], release="r1")
    assert not list(Path(tmp_path / "h").glob(".h-*"))
    assert history.current_name(tmp_path / "h") == ""
