"""Paths inside a HiPS."""

import pytest

from archive.errors import NotFoundError
from hips.addresses import AllskyAddress, DocumentAddress, TileAddress, parse_address


@pytest.mark.parametrize(("path", "address"), [
    ("properties", DocumentAddress("properties")),
    ("/", DocumentAddress("index.html")),
    ("Norder3/Allsky.png", AllskyAddress(3, "png")),
    ("//Norder3///Dir0//Npix5.fits", TileAddress(3, 5, "fits")),
    ("Norder8/Dir120000/Npix123456.fits", TileAddress(8, 123456, "fits")),
], ids=str)  # fmt: skip
def test_known_paths(path, address):
    assert parse_address(path) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("path", [
    "Norder3/Dir0/Npix5.gif", "Norder3/Dir0/Npix5.exe", "Norder3/Dir10000/Npix5.fits", "Norder3/Dir0/Npix-5.fits",
    "Norder3/Dir0/Npix5.fits.gz", "Norder333/Dir0/Npix5.fits", "Norder3/Dir0/Npix" + "9" * 40 + ".fits",
    "Norder3/Dir0/Npix٥.fits", "../../etc/passwd", "..%2f..%2fetc", "Norder3/Dir0/../../../x.npy", "x" * 5000,
    "Norder3", "norder3/dir0/npix5.fits", "Norder3/Dir0/Npix5.fits\n", "\x00",
])  # fmt: skip
def test_other_paths_are_refused_in_one_sentence(path):
    with pytest.raises(NotFoundError) as caught:
        parse_address(path)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)
