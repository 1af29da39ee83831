import json
from dataclasses import replace

import numpy as np
import pytest

from archive.errors import NotFoundError, StorageError, UsageError
from archive.skymaps import SkyMap, open_version, write_version

FLUX = SkyMap(
    "isgri_20_40_flux", "isgri", "20_40", 20, 40, "flux", 1, "mCrab", 52600, 60000, simulated=True, title="Flux"
)


def values(order: int = 1) -> np.ndarray:
    return np.arange(12 * 4**order, dtype=np.float32)


def test_a_version_is_read_back_as_written(tmp_path):
    version = write_version(tmp_path, "2026.1", [(FLUX, values())])
    again = open_version(tmp_path, "2026.1")
    assert again == version
    assert again.find(instrument="isgri", quantity="flux") == (FLUX,)
    assert again.find(band="40_100") == ()
    assert np.array_equal(again.values(FLUX), values())
    assert not again.values(FLUX).flags.writeable
    assert again.verify() == []


def test_maps_not_given_again_are_carried_over(tmp_path):
    base = write_version(tmp_path, "a", [(FLUX, values())])
    exposure = replace(FLUX, map_id="isgri_20_40_exposure", quantity="exposure", unit="s")
    version = write_version(tmp_path, "b", [(exposure, values())], base=base)
    assert {m.map_id for m in version.maps} == {"isgri_20_40_flux", "isgri_20_40_exposure"}
    assert (tmp_path / "b/isgri_20_40_flux.npy").stat().st_ino == (tmp_path / "a/isgri_20_40_flux.npy").stat().st_ino


@pytest.mark.parametrize(
    ("sky_map", "array", "message"),
    [
        (FLUX, values(2), "expected float32"),
        (FLUX, values().astype(np.float64), "expected float32"),
        (FLUX, np.full(48, np.inf, dtype=np.float32), "infinite"),
    ],
    ids=["wrong-length", "wrong-type", "infinite"],
)
def test_a_bad_array_leaves_no_version(tmp_path, sky_map, array, message):
    with pytest.raises(UsageError, match=message):
        write_version(tmp_path, "bad", [(sky_map, array)])
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_never_written_twice(tmp_path):
    write_version(tmp_path, "a", [(FLUX, values())])
    with pytest.raises(UsageError, match="never written twice"):
        write_version(tmp_path, "a", [(FLUX, values() + 1)])
    assert open_version(tmp_path, "a").values(FLUX)[0] == 0


def test_the_same_map_twice_is_refused(tmp_path):
    with pytest.raises(UsageError, match="comes twice"):
        write_version(tmp_path, "a", [(FLUX, values()), (FLUX, values())])


@pytest.mark.parametrize("name", ["", "../up", "A", ".hidden", "x" * 65])
def test_names_that_could_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="map version"):
        write_version(tmp_path, name, [(FLUX, values())])
    with pytest.raises(NotFoundError):
        open_version(tmp_path, name)


def test_a_truncated_array_is_named(tmp_path):
    version = write_version(tmp_path, "a", [(FLUX, values())])
    path = version.path / "isgri_20_40_flux.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(StorageError, match="isgri_20_40_flux in version a is missing or damaged"):
        version.values(FLUX)
    assert version.verify() == ["isgri_20_40_flux"]


def test_a_damaged_manifest_is_named(tmp_path):
    version = write_version(tmp_path, "a", [(FLUX, values())])
    (version.path / "manifest.json").write_text(json.dumps({"maps": [{"map_id": "x"}]}))
    with pytest.raises(StorageError, match="manifest of map version a is damaged"):
        open_version(tmp_path, "a")


def test_an_unknown_map_is_named_with_those_there_are(tmp_path):
    version = write_version(tmp_path, "a", [(FLUX, values())])
    with pytest.raises(NotFoundError, match="it has isgri_20_40_flux"):
        version.get("spi")


@pytest.mark.parametrize("change", [{"quantity": "beauty"}, {"order": 14}, {"map_id": "A/B"}])
def test_a_senseless_description_is_refused(change):
    with pytest.raises(UsageError):
        replace(FLUX, **change)


def epoch_map(order: int = 5) -> tuple[SkyMap, np.ndarray]:
    """A map of a revolution that sees blocks 7, 8 and 700, each in part."""
    whole = np.full(12 * 4**order, np.nan, np.float32)
    size = 4 ** (order - 3)
    for block in (7, 8, 700):
        whole[block * size + 2 : block * size + 9] = np.arange(7) + block
    return replace(FLUX, map_id="isgri_20_40_flux_r0082", order=order, epoch="r0082"), whole


def test_of_an_epoch_only_observed_blocks_are_stored_and_every_pixel_is_read_back(tmp_path):
    sky_map, whole = epoch_map()
    version = write_version(tmp_path, "a", [(sky_map, whole)])
    assert (version.path / f"{sky_map.map_id}.npy").stat().st_size < 128 + 3 * (16 + 1) * 4 + 1
    np.testing.assert_array_equal(version.values(sky_map), whole)
    read = version.reader(sky_map)
    for start, stop in ((0, 12), (112, 128), (100, 200), (127, 129), (118, 119), (11190, 11210), (0, 12288), (5, 5)):
        np.testing.assert_array_equal(read(start, stop), whole[start:stop])
    assert version.verify() == []
    later = write_version(tmp_path, "b", [], base=version)
    np.testing.assert_array_equal(later.values(sky_map), whole)


def test_an_epoch_that_sees_all_or_nothing_is_read_back(tmp_path):
    sky_map, whole = epoch_map()
    for name, values in (("all", np.ones_like(whole)), ("nothing", np.full_like(whole, np.nan))):
        version = write_version(tmp_path, name, [(sky_map, values)])
        np.testing.assert_array_equal(version.values(sky_map), values)
        np.testing.assert_array_equal(version.reader(sky_map)(0, values.size), values)


@pytest.mark.parametrize("stored", [
    np.array([[7.5, *range(16)]]), np.array([[768, *range(16)]]), np.array([[-1, *range(16)]]),
    np.array([[8, *range(16)], [7, *range(16)]]), np.array([[7, *range(15)]]), np.array([[np.nan, *range(16)]]),
], ids=["half a number", "number beyond the sky", "negative number", "falling", "another size", "no number"])  # fmt: skip
def test_blocks_that_are_none_of_the_map_are_refused(tmp_path, stored):
    sky_map, whole = epoch_map()
    version = write_version(tmp_path, "a", [(sky_map, whole)])
    np.save(version.path / f"{sky_map.map_id}.npy", stored.astype(np.float32))
    with pytest.raises(StorageError, match="isgri_20_40_flux_r0082"):
        version.values(sky_map)
    total = replace(sky_map, epoch="")
    np.save(version.path / f"{sky_map.map_id}.npy", np.ones((1, 17), np.float32))
    with pytest.raises(StorageError, match="expected float32"):
        version.values(total)
