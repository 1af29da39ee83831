"""Exports: the same bytes as the server's, resumable, never mixed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from archive.errors import NotFoundError, UsageError
from hips import services
from hips.export import MARKER, export_survey, list_addresses
from tests.integration.hips.conftest import write_maps


def tree(directory):
    return {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}


def test_files_are_what_the_server_sends(maps, client, tmp_path, capsys):
    target = tmp_path / "out"
    call_command("hips", "export", "isgri-20-40-flux", str(target))
    assert "tiles outside the observed sky" in capsys.readouterr().out
    files = tree(target)
    assert files.pop(MARKER)
    assert "simulated" in files.pop("index.html").read_text()
    for name, path in files.items():
        assert client.get(f"/hips/isgri-20-40-flux/{name}").content == path.read_bytes(), name
    opened = services.open_survey(maps, "isgri-20-40-flux")
    absent = {str(address) for address in list_addresses(opened)} - files.keys()
    assert absent
    for name in absent:
        assert client.get(f"/hips/isgri-20-40-flux/{name}").status_code == 404


def test_interrupted_export_is_carried_on(maps, tmp_path):
    opened = services.open_survey(maps, "isgri-20-40-flux")
    target = tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_survey(opened, target, progress=stop)
    assert not (target / "properties").exists()
    some = target / "Norder1" / "Dir0" / "Npix0.fits"
    some.write_bytes(some.read_bytes()[:100])
    again = export_survey(opened, target)
    assert again.unchanged > 900
    assert again.written + again.unchanged + again.absent == len(list(list_addresses(opened)))
    whole = export_survey(opened, tmp_path / "whole")
    assert whole.unchanged == 0
    assert {name: path.read_bytes() for name, path in tree(target).items()} == {
        name: path.read_bytes() for name, path in tree(tmp_path / "whole").items()
    }
    assert export_survey(opened, target).written == 0


def test_directory_of_something_else_is_left_alone(maps, tmp_path):
    opened = services.open_survey(maps, "isgri-20-40-flux")
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        export_survey(opened, target)
    assert list(tree(target)) == ["thesis.tex"]


def test_exports_of_two_surveys_are_not_mixed(maps, tmp_path):
    target = tmp_path / "out"
    export_survey(services.open_survey(maps, "isgri-20-40-flux"), target, formats=("fits",))
    for survey, formats in (("isgri-20-40-exposure", ("fits",)), ("isgri-20-40-flux", ("png",))):
        with pytest.raises(UsageError, match="another export"):
            export_survey(services.open_survey(maps, survey), target, formats=formats)


def test_version_can_be_chosen_and_must_exist(maps, settings, tmp_path, capsys):
    write_maps(settings.MAPS_ROOT, "v2", order=7, simulated=False)
    call_command("hips", "list", map_version="v2")
    assert "simulated" not in capsys.readouterr().out
    call_command("hips", "list")
    assert "INTEGRAL IBIS/ISGRI 20-40 keV flux (simulated)" in capsys.readouterr().out
    with pytest.raises(NotFoundError, match="no map version 'v3'"):
        call_command("hips", "export", "isgri-20-40-flux", str(tmp_path / "x"), map_version="v3")
    assert not (tmp_path / "x").exists()


def test_a_named_version_is_exported_without_models_and_database(tmp_path):
    """Loading Django's models takes longer than the export of a map."""
    write_maps(tmp_path / "maps", order=6)
    lines = (
        "import sys; from archive.cli import main",
        "code = main(sys.argv[1:])",
        "assert code == 0, code",
        "loaded = [name for name in ('django.db.models', 'celery', 'astropy', 'scipy') if name in sys.modules]",
        "assert not loaded, loaded",
    )
    arguments = ("hips", "export", "isgri-20-40-flux", str(tmp_path / "out"), "--map-version", "v1")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), *arguments],
        check=False, capture_output=True, text=True, timeout=100,
        env={
            **os.environ, "DJANGO_SETTINGS_MODULE": "archive.settings", "ARCHIPELAGO_DATA": str(tmp_path),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "files written" in done.stdout
    assert (tmp_path / "out" / "properties").exists()
