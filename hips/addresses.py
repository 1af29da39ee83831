"""Paths inside a HiPS: what a client may ask for (HiPS 1.0, section 4.1)."""

from __future__ import annotations

import dataclasses
import re

from archive.errors import NotFoundError

TILE_FORMATS = ("fits", "png")
KNOWN_FORMATS = ("fits", "png", "jpg", "tsv")
# Aladin Lite asks for Metadata.xml, the standard says metadata.xml.
DOCUMENTS = (
    "properties", "Moc.fits", "metadata.fits", "metadata.xml", "Metadata.xml", "preview.png", "index.html",
)  # fmt: skip
TILES_PER_DIRECTORY = 10_000
_MAX_PATH = 120
_TILE = re.compile(r"Norder([0-9]{1,2})/Dir([0-9]{1,18})/Npix([0-9]{1,18})\.([a-z]{1,5})", re.ASCII)
_ALLSKY = re.compile(r"Norder([0-9]{1,2})/Allsky\.([a-z]{1,5})", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class TileAddress:
    """One tile in one format."""

    order: int
    ipix: int
    file_format: str

    def __str__(self) -> str:
        directory = self.ipix // TILES_PER_DIRECTORY * TILES_PER_DIRECTORY
        return f"Norder{self.order}/Dir{directory}/Npix{self.ipix}.{self.file_format}"


@dataclasses.dataclass(frozen=True, slots=True)
class AllskyAddress:
    """The picture of all tiles of one order in one format."""

    order: int
    file_format: str

    def __str__(self) -> str:
        return f"Norder{self.order}/Allsky.{self.file_format}"


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentAddress:
    """A document that stands beside the tiles."""

    name: str

    def __str__(self) -> str:
        return self.name


Address = TileAddress | AllskyAddress | DocumentAddress


def parse_address(path: str) -> Address:
    """Understand a path below the root of a HiPS; repeated slashes count as one.

    Raises
    ------
    NotFoundError
        If no HiPS has such a path.

    Examples
    --------
    >>> parse_address("//Norder3//Dir0/Npix5.png")
    TileAddress(order=3, ipix=5, file_format='png')
    >>> parse_address("")
    DocumentAddress(name='index.html')
    """
    if len(path) > _MAX_PATH:
        raise NotFoundError(f"No path of a HiPS is longer than {_MAX_PATH} characters; this one has {len(path)}.")
    clean = "/".join(part for part in path.split("/") if part)
    if clean == "":
        return DocumentAddress("index.html")
    if clean in DOCUMENTS:
        return DocumentAddress(clean)
    if match := _ALLSKY.fullmatch(clean):
        return AllskyAddress(int(match[1]), _known_format(match[2]))
    if match := _TILE.fullmatch(clean):
        address = TileAddress(int(match[1]), int(match[3]), _known_format(match[4]))
        directory = address.ipix // TILES_PER_DIRECTORY * TILES_PER_DIRECTORY
        if int(match[2]) != directory:
            raise NotFoundError(f"Tile {address.ipix} lies in Dir{directory}, not in Dir{int(match[2])}.")
        return address
    raise NotFoundError(
        f"A HiPS has no {clean!r}: it has {', '.join(DOCUMENTS)}, Norder3/Allsky.png and tiles like "
        "Norder3/Dir0/Npix271.png (or .fits)."
    )


def _known_format(file_format: str) -> str:
    if file_format not in KNOWN_FORMATS:
        raise NotFoundError(f"There are no {file_format} tiles here: the formats are {', '.join(KNOWN_FORMATS)}.")
    return file_format
