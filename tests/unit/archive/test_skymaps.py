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
