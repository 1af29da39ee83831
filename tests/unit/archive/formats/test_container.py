import gzip

import numpy as np
import pytest
from astropy.io import fits

from archive.formats.container import open_fits, read_content
from archive.formats.findings import FormatError
from archive.formats.structure import Limits, scan_fits
from tests.support.fits_files import mosaic_hdus, rmf_hdus, series_hdu, write


def errors(content: bytes) -> list[str]:
    return [finding.rule for finding in scan_fits(content)[1] if finding.severity == "error"]


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good.fits", series_hdu()).read_bytes()


def test_gzip_goes_by_content_not_by_name(tmp_path, good):
    (tmp_path / "plain.fits.gz").write_bytes(good)
    (tmp_path / "packed.fits").write_bytes(gzip.compress(good))
    assert read_content(tmp_path / "plain.fits.gz") == good
    assert read_content(tmp_path / "packed.fits") == good


def test_several_gzip_members_are_one_content(tmp_path):
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert read_content(path) == b"one two"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        pytest.param(b"", "FILE-EMPTY", id="empty"),
        pytest.param(gzip.compress(b"x" * 100)[:-9], "GZIP-DAMAGED", id="cut"),
        pytest.param(gzip.compress(b"x" * 100)[:-8] + b"12345678", "GZIP-DAMAGED", id="wrong sum"),
        pytest.param(gzip.compress(b"x") + b"more", "GZIP-DAMAGED", id="bytes after the end"),
        pytest.param(gzip.compress(bytes(10_000_000)), "GZIP-RATIO", id="bomb"),
        pytest.param(b"x" * 2_000_001, "FILE-TOO-LARGE", id="large"),
    ],
)
def test_what_cannot_be_opened_says_so(tmp_path, content, rule):
    path = tmp_path / "file"
    path.write_bytes(content)
    limits = Limits(bytes=2_000_000, ratio_floor_bytes=1_000_000)
    with pytest.raises(FormatError) as caught:
        read_content(path, limits)
    assert caught.value.finding.rule == rule


def test_a_bomb_is_stopped_early(tmp_path):
    """The default cap, with a bomb made of members so that the test is quick."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(30_000_000), 1) * 10)
    with pytest.raises(FormatError, match="GZIP-RATIO"):
        read_content(path)


def test_checksums_agree_with_those_astropy_writes(tmp_path):
    path = write(tmp_path / "a.fits", *mosaic_hdus(), *rmf_hdus())
    assert scan_fits(path.read_bytes())[1] == ()


def test_a_flipped_bit_is_seen(tmp_path):
    content = bytearray(write(tmp_path / "a.fits", series_hdu()).read_bytes())
    content[-2880] ^= 1
    rules = {finding.rule for finding in scan_fits(bytes(content))[1]}
    assert rules == {"FITS-DATASUM", "FITS-CHECKSUM"}


def test_missing_checksums_are_noted(tmp_path):
    path = write(tmp_path / "a.fits", series_hdu(), checksum=False)
    assert [finding.rule for finding in scan_fits(path.read_bytes())[1]] == ["FITS-NO-CHECKSUM"] * 2


def replace_card(content: bytes, keyword: bytes, card: bytes) -> bytes:
    at = content.index(keyword.ljust(8) + b"=")
    return content[:at] + card.ljust(80) + content[at + 80 :]


def last_card(content: bytes, keyword: bytes, card: bytes) -> bytes:
    at = content.rindex(keyword.ljust(8) + b"=")
    return content[:at] + card.ljust(80) + content[at + 80 :]


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        pytest.param(lambda c: c[:-2880], "FITS-TRUNCATED", id="data cut off"),
        pytest.param(lambda c: c[: len(c) // 2880 // 2 * 2880 + 100], "FITS-TRUNCATED", id="header cut off"),
        pytest.param(lambda c: c[:3200], "FITS-TRUNCATED", id="cut in the first header card of an extension"),
        pytest.param(lambda c: c + b"x" * 2880, "FITS-TRAILING", id="bytes after the end"),
        pytest.param(
            lambda c: last_card(c, b"NAXIS2", b"NAXIS2  =                   -5"), "FITS-NAXIS", id="negative axis"
        ),
        pytest.param(
            lambda c: last_card(c, b"NAXIS2", b"NAXIS2  =        1099511627776"), "FITS-NAXIS", id="axis of 2**40"
        ),
        pytest.param(
            lambda c: last_card(c, b"NAXIS2", b"NAXIS2  =                 5000"),
            "FITS-TRUNCATED",
            id="more rows than data",
        ),
        pytest.param(
            lambda c: last_card(c, b"NAXIS1", b"NAXIS1  =                   99"), "FITS-TABLE", id="row length"
        ),
        pytest.param(lambda c: last_card(c, b"NAXIS", b"NAXIS   =                  999"), "FITS-NAXIS", id="999 axes"),
        pytest.param(lambda c: last_card(c, b"BITPIX", b"BITPIX  =                    7"), "FITS-KEYWORD", id="BITPIX"),
        pytest.param(lambda c: last_card(c, b"TFORM1", b"TFORM1  = 'Z       '"), "FITS-TABLE", id="TFORM"),
        pytest.param(
            lambda c: last_card(c, b"TTYPE2", b"TTYPE2  = 'TIME    '"), "FITS-DUPLICATE-COLUMN", id="column twice"
        ),
        pytest.param(lambda c: last_card(c, b"TTYPE2", b"TTYPE2  = 'T\xe9M'"), "FITS-ASCII", id="not ASCII"),
        pytest.param(lambda c: last_card(c, b"TFIELDS", b"TFIELDS =                 5000"), "FITS-TABLE", id="TFIELDS"),
        pytest.param(lambda c: b"garbage" + c, "FITS-NOT", id="not FITS"),
    ],
)
def test_structural_damage_is_an_error(good, damage, rule):
    assert rule in errors(damage(good))


def test_header_without_end_is_bounded(good):
    endless = good[:80] + b"COMMENT lies".ljust(80) * 100_000
    assert errors(endless) == ["FITS-HEADER"]


def test_pointer_outside_the_heap(tmp_path):
    """astropy reads such an array as empty, without a word."""
    path = write(tmp_path / "rmf.fits", rmf_hdus()[0], checksum=False)
    hdu = scan_fits(path.read_bytes())[0][1]
    content = bytearray(path.read_bytes())
    row_bytes = int(hdu.cards["NAXIS1"])
    content[hdu.data_start + row_bytes - 4 : hdu.data_start + row_bytes] = (10_000).to_bytes(4, "big")
    (finding,) = [finding for finding in scan_fits(bytes(content))[1] if finding.severity == "error"]
    assert (finding.rule, finding.row, finding.column) == ("FITS-HEAP", 1, "MATRIX")


def test_tile_compressed_images_are_refused(tmp_path):
    path = tmp_path / "tiles.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((10, 10), dtype=np.float32))]).writeto(path)
    assert errors(path.read_bytes()) == ["FITS-TILE-COMPRESSED"]


def test_too_many_hdus(tmp_path):
    path = write(tmp_path / "many.fits", *[fits.ImageHDU() for _ in range(5)])
    assert scan_fits(path.read_bytes(), Limits(hdus=3))[1][-1].rule == "FITS-HDUS"


def test_open_fits_refuses_what_the_scan_refuses(tmp_path, good):
    path = tmp_path / "cut.fits"
    path.write_bytes(good[:-2880])
    with pytest.raises(FormatError, match="FITS-TRUNCATED"), open_fits(path):
        pass


def test_real_files_pass(shared_data):
    """Every FITS file of the shared folder has a sound structure; checksums agree with astropy's own verdict."""
    checked = 0
    for path in sorted(shared_data.rglob("products/**/*.fits*")):
        hdus, findings = scan_fits(read_content(path))
        assert not [str(finding) for finding in findings if finding.severity == "error"], path
        wrong = {finding.hdu for finding in findings if finding.rule == "FITS-DATASUM"}
        if path.stat().st_size < 1_000_000:
            with fits.open(path) as opened:
                for index, hdu in enumerate(opened):
                    if "DATASUM" in hdu.header:
                        assert (hdu.verify_datasum() == 1) == (hdus[index].label not in wrong), (path, index)
                        checked += 1
    assert checked > 100
