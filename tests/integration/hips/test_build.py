"""`archipelago hips build`: maps and images become complete HiPS; interrupted builds carry on."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from django.core.management import call_command

from archive.errors import UsageError
from hips import build
from hips.build import Wish, build_hips
from tests.unit.hips.test_resample import make_wcs, write_image

ROOT = Path(__file__).parents[3]
ENERGY = {"E_MIN": 20.0, "E_MAX": 40.0, "INSTRUME": "IBIS", "DETNAM": "ISGRI", "TSTART": 60000.0, "TSTOP": 60001.0}


@pytest.fixture
def mosaics(tmp_path):
    shape = (120, 120)
    return [
        write_image(
            tmp_path / f"m{number}.fits", make_wcs(size=120, centre=(80.0 + number, 20.0)), np.full(shape, value),
            variance=np.full(shape, value), exposure=np.full(shape, 500.0), **ENERGY,
        )
        for number, value in enumerate((1.0, 3.0))
    ]  # fmt: skip


def tile_values(directory):
    found = [fits.getdata(path) for path in directory.glob("Norder3/Dir*/Npix*.fits")]
    return np.concatenate([values[np.isfinite(values)] for values in found])


def test_mosaics_become_one_hips_per_quantity(mosaics, tmp_path, capsys):
    out = tmp_path / "out"
    call_command("hips", "build", str(out), *map(str, mosaics), name="field")
    assert "2 of 2: m1.fits" in capsys.readouterr().out
    made = {path.name for path in out.iterdir()}
    assert made == {"maps", "field-flux", "field-exposure", "field-significance", "field-sensitivity"}
    flux = tile_values(out / "field-flux")
    assert {1.0, 1.5, 3.0} <= set(np.round(flux, 5).tolist())  # 1.5 = (1/1 + 3/3) / (1/1 + 1/3)
    assert set(tile_values(out / "field-exposure").tolist()) == {500.0, 1000.0}
    properties = (out / "field-flux" / "properties").read_text()
    assert "hips_bunit           = ct/s" in properties
    assert "t_min                = 60000" in properties


def test_interrupted_build_carries_on_without_reading_again(mosaics, tmp_path, monkeypatch):
    out, said = tmp_path / "out", []
    wish = Wish("field")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(build.Sums, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            build_hips(mosaics, out, wish, report=said.append)
    assert not list((out / "maps").iterdir())
    with monkeypatch.context() as context:
        context.setattr(build, "export_survey", stop)
        with pytest.raises(KeyboardInterrupt):
            build_hips(mosaics, out, wish, report=said.append)
    with monkeypatch.context() as context:
        context.setattr(build.Sums, "add", stop)
        done = build_hips(mosaics, out, wish, report=said.append)
    assert any("already" in line for line in said)
    assert (out / "field-flux" / "properties").is_file()
    assert all(result.written for result in done.values())
    assert not any(result.written for result in build_hips(mosaics, out, wish, report=said.append).values())
    with pytest.raises(UsageError, match="another export"):  # other inputs are never mixed in
        build_hips(mosaics[:1], out, wish, report=said.append)


def write_healpix(path, values, **cards):
    table = fits.BinTableHDU.from_columns([fits.Column("FLUX", "E", array=values, unit="mCrab")])
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NESTED", "NSIDE": 64, "COORDSYS": "C"} | cards)
    table.writeto(path)
    return path


def test_healpix_map_keeps_its_values_and_its_holes(tmp_path):
    values = np.random.default_rng(1).normal(size=12 << 12).astype(np.float32)
    values[:5000] = -1.6375e30
    path = write_healpix(tmp_path / "map.fits", values)
    wish = Wish("sky", instrument="isgri", energy_kev=(17.0, 60.0), span_mjd_tt=(52700.0, 60000.0), simulated=True)
    build_hips([path], tmp_path / "out", wish, report=str)
    assert np.sort(tile_values(tmp_path / "out" / "sky-flux")).tolist() == np.sort(values[5000:]).tolist()
    assert "SIMULATED" in (tmp_path / "out" / "sky-flux" / "properties").read_text()


def test_what_is_unknown_or_contradicts_is_asked_for(mosaics, tmp_path):
    healpix = write_healpix(tmp_path / "map.fits", np.ones(12 << 12, np.float32))
    bare = write_image(tmp_path / "bare.fits", make_wcs(size=60), np.ones((60, 60)))
    other = write_image(
        tmp_path / "other.fits", make_wcs(size=60), np.ones((60, 60)), variance=np.ones((60, 60)),
        exposure=np.ones((60, 60)), **{**ENERGY, "E_MAX": 60.0},
    )  # fmt: skip
    scaled = write_image(
        tmp_path / "scaled.fits", make_wcs(size=60), np.ones((60, 60)), variance=np.ones((60, 60)),
        exposure=np.ones((60, 60)), **ENERGY,
    )  # fmt: skip
    fits.setval(scaled, "BUNIT", value="mCrab", ext=1)
    facts = {"instrument": "isgri", "energy_kev": (20.0, 40.0), "span_mjd_tt": (1.0, 2.0)}
    for files, wish, words in (
        ([healpix], Wish("a"), "--instrument NAME, --energy LOW HIGH"),
        ([bare], Wish("a"), "give --instrument"),
        ([healpix, bare], Wish("a", **facts), "build it alone"),
        ([bare, bare], Wish("a", **facts), "--average"),
        ([mosaics[0], bare], Wish("a", **facts), "only one has a plane of variance"),
        ([mosaics[0], other], Wish("a"), "the energy band"),
        ([mosaics[0], scaled], Wish("a"), "the unit"),
        ([tmp_path / "none.fits"], Wish("a"), "cannot be read"),
        ([tmp_path], Wish("a"), "cannot be read"),
        ([], Wish("a"), "at least one"),
        ([bare], Wish("../a", **facts), "The name"),
        ([bare], Wish("a", **{**facts, "energy_kev": (40.0, 20.0)}), "no range"),
    ):
        with pytest.raises(UsageError, match=words):
            build_hips(files, tmp_path / "out", wish, report=str)
    assert not list(tmp_path.glob("out/*/*"))
    build_hips([bare, bare], tmp_path / "mean", Wish("a", average=True, **facts), report=str)
    np.testing.assert_allclose(tile_values(tmp_path / "mean" / "a-flux"), 1.0, rtol=5e-7)  # 32-bit floats


@pytest.mark.django_db(transaction=True)
def test_jobs_divide_the_sky_and_give_what_one_process_gives(mosaics, tmp_path):
    from archive.jobs import run_next_job
    from archive.models.job import Job

    build_hips(mosaics, tmp_path / "one", Wish("field"), report=str)
    call_command("hips", "build", str(tmp_path / "many"), *map(str, mosaics), name="field", jobs=3)
    assert run_next_job()
    assert not (tmp_path / "many" / "field-flux").exists()  # nothing is half-published
    while run_next_job():
        pass
    assert set(Job.objects.values_list("phase", flat=True)) == {Job.Phase.COMPLETED}
    for quantity in ("flux", "exposure", "significance"):
        one, many = (
            {path.relative_to(where): path.read_bytes() for path in where.rglob("Npix*")}
            for where in (tmp_path / "one" / f"field-{quantity}", tmp_path / "many" / f"field-{quantity}")
        )
        assert one == many
    assert not list((tmp_path / "many" / "maps").glob(".*")), "the parts are joined and gone"
    call_command("hips", "build", str(tmp_path / "many"), *map(str, mosaics), name="field", jobs=3)  # again: no harm
    while run_next_job():
        pass
    assert set(Job.objects.values_list("phase", flat=True)) == {Job.Phase.COMPLETED}
    assert not list((tmp_path / "many" / "maps").glob(".*"))


KILLED = """
import pathlib, sys, time
from hips.build import Wish, build_hips, make_part

what, out, *files = map(pathlib.Path, sys.argv[1:])
part = 1

def report(line):
    if part == 1:
        print("in the middle", flush=True)
        time.sleep(600)

if str(what) == "whole":
    build_hips(files, out, Wish("field"), report=report)
for part in range(3):
    make_part(files, out, Wish("field"), part=part, parts=3, report=report)
"""


def run_and_kill(what, out, mosaics):
    """A build in a process of its own, killed when it says that it is in the middle."""
    command = [sys.executable, "-c", KILLED, what, str(out), *map(str, mosaics)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_build_leaves_nothing_that_the_next_run_does_not_clear(mosaics, tmp_path):
    run_and_kill("whole", tmp_path / "out", mosaics)
    assert [path.name[:7] for path in (tmp_path / "out").rglob("*")] == ["maps", ".field-"], "nothing has its name yet"
    build_hips(mosaics, tmp_path / "out", Wish("field"), report=str)
    assert [path.name[:6] for path in (tmp_path / "out" / "maps").iterdir()] == ["field-"]
    assert (tmp_path / "out" / "field-flux" / "properties").is_file()


def test_a_killed_part_leaves_the_others_for_the_next_run(mosaics, tmp_path):
    wish, out = Wish("field"), tmp_path / "many"
    run_and_kill("parts", out, mosaics)
    assert [path.name for path in out.rglob("*.npz")] == ["1-of-3.npz"]
    assert {path.name for path in out.iterdir()} == {"maps"}, "nothing is half-published"
    made = [build.make_part(mosaics, out, wish, part=part, parts=3, report=str) for part in range(3)]
    assert made == [False, True, True], "the finished part is kept"
    assert build.parts_ready(mosaics, out, wish, parts=3)
    done = build.finish_parts(mosaics, out, wish, parts=3, report=str)
    assert all(result.written for result in done.values())
    assert [path.name[:6] for path in (out / "maps").iterdir()] == ["field-"], "no parts are left"
    assert not build.make_part(mosaics, out, wish, part=1, parts=3, report=str), "a job that runs again does no harm"
    assert build.parts_ready(mosaics, out, wish, parts=3)


def test_two_hosts_may_finish_at_once(mosaics, tmp_path, monkeypatch):
    wish, out, join = Wish("field"), tmp_path / "many", build._join_parts
    for part in range(2):
        build.make_part(mosaics, out, wish, part=part, parts=2, report=str)

    def overtaken(*args):
        with monkeypatch.context() as context:
            context.setattr(build, "_join_parts", join)
            build.finish_parts(mosaics, out, wish, parts=2, report=str)
        yield from join(*args)

    monkeypatch.setattr(build, "_join_parts", overtaken)
    done = build.finish_parts(mosaics, out, wish, parts=2, report=str)
    assert not any(result.written for result in done.values()), "the other one has written everything"


def test_one_above_the_other_adds_nothing_and_drops_nothing(mosaics, tmp_path):
    shape, facts = (120, 120), {"keep_first": True, "quantity": "significance", "unit": "", "order": 8}
    for path, value in zip(mosaics, (7.0, 9.0), strict=True):  # the plane that is asked for, among others
        header = fits.getheader(path, 1)
        header["IMATYPE"] = "SIGNIFICANCE"
        fits.append(path, np.full(shape, value, np.float32), header)
    build_hips(mosaics, tmp_path / "out", Wish("field", **facts), report=str)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"maps", "field-significance"}
    assert np.unique(np.round(tile_values(tmp_path / "out" / "field-significance"), 3)).tolist()[-1] == 9.0
    (version,) = (tmp_path / "out" / "maps").iterdir()
    finest = np.load(version / "field-significance.npy")
    assert set(np.round(finest[np.isfinite(finest)], 4).tolist()) == {7.0, 9.0}, "nothing between them"
    with pytest.raises(UsageError, match=r"m0\.fits shows nothing: it lies behind"):
        build_hips([*mosaics, mosaics[0]], tmp_path / "again", Wish("field", **facts), report=str)
    bare = write_image(tmp_path / "bare.fits", make_wcs(size=60), np.ones((60, 60)), IMATYPE="INTENSITY", **ENERGY)
    with pytest.raises(UsageError, match="no image of significance"):
        build_hips([bare], tmp_path / "none", Wish("field", **facts), report=str)
