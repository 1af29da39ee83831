"""The simulated mission as a whole: same seed, same bytes; labels; identifiers; refusals."""

import hashlib
import json
import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from django.core.management import CommandError, call_command

from archive.errors import UsageError
from archive.identifiers import parse_scw_id
from ingestion.simulation import SimulationOptions, write_mission

SMALL = SimulationOptions(science_windows=400, order=6, seed=7, products=3)


def _silent(line: str) -> None:
    assert line


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def mission(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "small"
    write_mission(folder, SMALL, _silent)
    return folder


def test_same_seed_gives_the_same_bytes(mission, tmp_path):
    write_mission(tmp_path / "again", SMALL, _silent)
    assert _digests(mission) == _digests(tmp_path / "again")


def test_another_seed_gives_other_files_and_maps_of_years_are_added(mission, tmp_path):
    write_mission(tmp_path / "other", SimulationOptions(400, 6, 8, 3, year_maps=True), _silent)
    ours, theirs = _digests(mission), _digests(tmp_path / "other")
    label = yaml.safe_load((tmp_path / "other" / "maps" / "delivery.yaml").read_text("ascii"))
    assert label["delivery_id"] == "sim1-s8-n400-k6-p3-y-maps"
    years = [name for name in theirs.keys() - ours.keys() if name.startswith("maps/isgri_17_60_20")]
    assert len(years) > 10
    assert ours["mission/observations.fits"] != theirs["mission/observations.fits"]
    assert ours["maps/isgri_17_60_maps.fits"] != theirs["maps/isgri_17_60_maps.fits"]


def test_every_hdu_says_simulated_and_its_checksums_hold(mission):
    paths = sorted(mission.rglob("*.fits"))
    assert len(paths) > 25
    for path in paths:
        with fits.open(path, checksum=True) as hdus:  # a wrong checksum is a warning, and warnings are errors here
            hdus.verify("exception")
            assert "SIMULATED DATA" in str(hdus[0].header["HISTORY"])
            for hdu in hdus:
                assert hdu.header["SIMULATD"] is True, path.name
                assert hdu.header["ORIGIN"] == "SIMULATION"
                assert {"CHECKSUM", "DATASUM"} <= set(hdu.header), path.name
                assert "CONTINUE" not in hdu.header


@pytest.mark.parametrize("name", ["mission", "catalogues", "products", "maps"])
def test_delivery_covers_each_file_once_and_its_manifest_holds(mission, name):
    folder = mission / name
    label = yaml.safe_load((folder / "delivery.yaml").read_text("ascii"))
    assert label["simulated"] is True
    assert label["delivery_id"] == f"sim1-s7-n400-k6-p3-{name}"
    listed = dict(
        reversed(line.split("  ")) for line in (folder / "manifest-sha256.txt").read_text("ascii").splitlines()
    )
    files = {path.name: path for path in folder.iterdir()}
    assert set(listed) == set(files) - {"manifest-sha256.txt"}
    for file, digest in listed.items():
        assert hashlib.sha256(files[file].read_bytes()).hexdigest() == digest
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,67}", file)
        if file.endswith(".fits"):
            assert sum(fnmatchcase(file, entry["pattern"]) for entry in label["files"]) == 1
    for entry in label["files"]:
        assert any(fnmatchcase(file, entry["pattern"]) for file in files)


def test_identifiers_can_not_be_real_ones(mission):
    windows = fits.getdata(mission / "mission/science_windows_0001.fits")
    observations = fits.getdata(mission / "mission/observations.fits")
    assert len(windows) == 400
    assert len(set(windows["SWID"])) == 400
    for text, kind, revolution in zip(windows["SWID"], windows["SW_TYPE"], windows["REVOL"], strict=True):
        parsed = parse_scw_id(str(text))
        assert parsed.pointing >= 9001
        assert (parsed.revolution, parsed.kind) == (revolution, kind.lower())
    assert all(re.fullmatch(r"99\d{9}", text) for text in observations["OBS_ID"])
    assert len(set(observations["OBS_ID"])) == len(observations)
    assert set(windows["OBS_ID"]) == set(observations["OBS_ID"])
    bursts = fits.getdata(mission / "catalogues/spi_grb_catalogue.fits")
    assert all(re.fullmatch(r"SIM GRB \d{6}[A-Z]", text) for text in bursts["NAME"])
    assert len(set(bursts["NAME"])) == len(bursts)
    assert set(bursts["SWID"]) <= set(windows["SWID"])
    stars = fits.getdata(mission / "catalogues/omc_catalogue.fits")
    assert all(re.fullmatch(r"IOMC 99\d{8}", text) for text in stars["OMC_ID"])


def test_science_windows_follow_each_other_within_their_revolution(mission):
    rows = fits.getdata(mission / "mission/science_windows_0001.fits")
    assert np.all(rows["TSTOP"] > rows["TSTART"])
    assert np.all(np.diff(rows["TSTART"]) > 0.0)
    assert np.all(rows["TSTART"][1:] - rows["TSTOP"][:-1] > -1e-9)
    np.testing.assert_allclose(rows["TELAPSE"], (rows["TSTOP"] - rows["TSTART"]) * 86400.0, atol=1e-6)
    orbits = fits.getdata(mission / "mission/revolutions.fits")
    at = np.searchsorted(orbits["REVOL"], rows["REVOL"])
    assert np.all(rows["TSTART"] >= orbits["BELT_EXIT"][at])
    assert np.all(rows["TSTOP"][:-1] <= orbits["BELT_ENTRY"][at][:-1])
    good = np.stack([rows[f"GOOD_{name}"] for name in ("ISGRI", "PICSIT", "SPI", "JEMX1", "JEMX2", "OMC")])
    assert np.all((good >= 0.0) & (good <= rows["TELAPSE"]))
    assert np.all(rows["GOOD_OMC"][rows["SW_TYPE"] == "SLEW"] == 0.0)


def test_observations_add_up_to_their_science_windows(mission):
    rows = fits.getdata(mission / "mission/science_windows_0001.fits")
    pointing = rows["SW_TYPE"] == "POINTING"
    counts = Counter(rows["OBS_ID"][pointing])
    for observation in fits.getdata(mission / "mission/observations.fits"):
        mine = pointing & (rows["OBS_ID"] == observation["OBS_ID"])
        assert observation["N_SCW"] == counts[observation["OBS_ID"]]
        assert observation["EXPOSURE"] == pytest.approx(rows["TELAPSE"][mine].sum(), abs=1e-3)
        assert observation["TSTART"] == pytest.approx(rows["TSTART"][mine].min(), abs=1e-9)


def test_complete_mission_is_left_alone_and_unfinished_one_is_written_anew(mission, tmp_path):
    folder = tmp_path / "copy"
    write_mission(folder, SMALL, _silent)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    said: list[str] = []
    assert not write_mission(folder, SMALL, said.append)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "there already" in said[0]
    (folder / "simulation.json").write_text('{"simulation": 1, "st')  # as after a crash
    (folder / "maps/isgri_17_60_maps.fits").write_bytes(b"half")
    write_mission(folder, SMALL, _silent)
    assert _digests(folder) == _digests(mission)
    assert json.loads((folder / "simulation.json").read_text())["state"] == "complete"


def test_folder_of_others_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not empty and not a simulated mission"):
        write_mission(tmp_path, SMALL, _silent)
    (tmp_path / "simulation.json").write_text("{}")
    with pytest.raises(UsageError, match=r"thesis\.tex is there"):
        write_mission(tmp_path, SMALL, _silent)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    with pytest.raises(UsageError, match="is a file"):
        write_mission(tmp_path / "thesis.tex", SMALL, _silent)


@pytest.mark.parametrize(
    "wrong", [{"science_windows": 3}, {"order": 29}, {"seed": -1}, {"products": 0}], ids=lambda wrong: next(iter(wrong))
)
def test_option_outside_its_range_is_refused(wrong):
    with pytest.raises(UsageError, match=f"option {next(iter(wrong))} is"):
        SimulationOptions(**wrong)


def test_command_fails_with_one_sentence(tmp_path):
    with pytest.raises(CommandError, match=r"option order is 40; expected 5 to 10"):
        call_command("simulate", str(tmp_path / "x"), "--order", "40")
    (tmp_path / "full").write_text("")
    with pytest.raises(CommandError, match="is a file; give a folder"):
        call_command("simulate", str(tmp_path / "full"), "--science-windows", "400")
    with pytest.raises(CommandError, match="could not be written"):
        call_command("simulate", str(tmp_path / "full" / "below"), "--science-windows", "400")
