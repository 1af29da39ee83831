import gzip
import os

import pytest

from archive.errors import NotFoundError
from ingestion.discover import discover
from tests.support.fits_files import arf_hdu, mosaic_hdus, rmf_hdus, series_hdu, spectrum_hdu, write


def found(path):
    return {file.name: file.profile.name if file.profile else None for file in discover(path).files}


def test_files_are_known_by_content_not_by_name(tmp_path):
    write(tmp_path / "a.dat", series_hdu())
    write(tmp_path / "b.txt", *mosaic_hdus())
    write(tmp_path / "c", spectrum_hdu())
    write(tmp_path / "d.csv", *rmf_hdus())
    write(tmp_path / "e.fits", arf_hdu())
    (tmp_path / "f.fits").write_bytes(gzip.compress((tmp_path / "a.dat").read_bytes()))
    (tmp_path / "g.md").write_text("00600020001 2.5629999E+02 5.0799999E+01 2002-11-15T10:49:24 115497\n")
    (tmp_path / "h.fits").write_text("This is not FITS\n")
    (tmp_path / "i.bin").write_bytes(bytes(range(256)))
    assert found(tmp_path) == {
        "a.dat": "time_series",
        "b.txt": "mosaic",
        "c": "spectrum",
        "d.csv": "rmf",
        "e.fits": "arf",
        "f.fits": "time_series",
        "g.md": "observation_log",
        "h.fits": None,
        "i.bin": None,
    }


def test_folders_are_walked_and_names_are_relative(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    write(tmp_path / "x" / "y" / "a.fits", series_hdu())
    (tmp_path / ".git").mkdir()
    discovery = discover(tmp_path)
    assert [file.name for file in discovery.files] == ["x/y/a.fits"]
    assert [finding.rule for finding in discovery.findings] == ["FOLDER-SKIPPED"]


def test_links_and_special_files_are_errors(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside / "a.fits", series_hdu())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "file").symlink_to(outside / "a.fits")
    (inside / "folder").symlink_to(outside)
    (inside / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(inside / "pipe")
    discovery = discover(inside)
    assert discovery.files == ()
    assert sorted((finding.path, finding.rule) for finding in discovery.findings) == [
        ("dangling", "FILE-LINK"),
        ("file", "FILE-LINK"),
        ("folder", "FILE-LINK"),
        ("pipe", "FILE-SPECIAL"),
    ]


def test_a_link_given_as_the_path_is_not_followed(tmp_path):
    (tmp_path / "link").symlink_to(write(tmp_path / "a.fits", series_hdu()))
    assert [finding.rule for finding in discover(tmp_path / "link").findings] == ["FILE-LINK"]


def test_nothing_there(tmp_path):
    with pytest.raises(NotFoundError, match="nothing at"):
        discover(tmp_path / "missing")


@pytest.mark.parametrize(("content", "rule"), [(b"", "FILE-EMPTY"), (gzip.compress(b"x")[:-4], "GZIP-DAMAGED")])
def test_files_that_cannot_be_opened_carry_a_finding(tmp_path, content, rule):
    (tmp_path / "file").write_bytes(content)
    (file,) = discover(tmp_path).files
    if rule == "GZIP-DAMAGED":  # too short to be recognised as FITS: unknown, not damaged
        assert file.profile is None
    else:
        assert [finding.rule for finding in file.findings] == [rule]


def test_a_truncated_file_is_recognised_and_damaged(tmp_path):
    content = write(tmp_path / "a.fits", series_hdu()).read_bytes()
    (tmp_path / "a.fits").write_bytes(content[:-2880])
    (file,) = discover(tmp_path).files
    assert file.profile is not None
    assert [finding.rule for finding in file.findings] == ["FITS-TRUNCATED"]


def test_shared_folder(shared_data):
    kinds = found(shared_data)
    assert kinds["observations/observations.dat"] == "observation_log"
    assert kinds["products/isla/ISGRI_0727_88601650001_28_40_mosaic_sources.reg"] == "region"
    assert kinds["upper_limit_inputs/eff_area.fits.gz"] is None
    assert sum(kind is not None for kind in kinds.values()) == 142
