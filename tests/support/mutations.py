"""Damage to files as it happens: cut and flipped on the way, written wrongly, packed twice; the same for the same dice."""

import gzip
import io
import random
import warnings
from collections.abc import Callable

from astropy.io import fits

WRONG_UNITS = ("furlong", "keV", "s", "mCrab", "count/s", "erg/cm2/s", "", "deg", "Jy")
ODD_VALUES = ("text", -1, 0, 1e300, float(2**31), True, "", "1.0 / 2.0")


def plain(content: bytes) -> bytes:
    """Return the content without gzip."""
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def cut(content: bytes, dice: random.Random) -> bytes:
    """Cut the file anywhere, or at a block."""
    at = dice.randrange(1, len(content))
    return content[: at - at % 2880 or 1] if dice.random() < 0.3 else content[:at]


def flip(content: bytes, dice: random.Random) -> bytes:
    """Flip 1 to 200 bits."""
    held = bytearray(content)
    for _ in range(dice.randint(1, 200)):
        held[dice.randrange(len(held))] ^= 1 << dice.randrange(8)
    return bytes(held)


def overwrite(content: bytes, dice: random.Random) -> bytes:
    """Overwrite, repeat or leave out a stretch."""
    held = bytearray(content)
    at, length = dice.randrange(len(held)), dice.choice((80, 512, 2880, 20_000))
    match dice.randrange(3):
        case 0:
            held[at : at + length] = bytes(dice.randrange(256) for _ in range(min(length, len(held) - at)))
        case 1:
            held[at:at] = held[at : at + length]
        case _:
            del held[at : at + length]
    return bytes(held) or b"x"


def gzip_twice(content: bytes, dice: random.Random) -> bytes:
    """Pack twice, or leave something behind the stream, or cut the packed file."""
    packed = gzip.compress(plain(content), mtime=0)
    match dice.randrange(4):
        case 0:
            return gzip.compress(packed, mtime=0)
        case 1:
            return packed + b"and more"
        case 2:
            return packed[: dice.randrange(20, len(packed))]
        case _:
            return packed + gzip.compress(b"second member", mtime=0)


def change_hdus(content: bytes, dice: random.Random) -> bytes:
    """Swap, repeat or leave out HDUs; of text, lines."""
    if not _is_fits(content):
        lines = plain(content).split(b"\n")
        first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
        lines[first], lines[second] = lines[second], lines[first]
        return b"\n".join(lines if dice.random() < 0.5 else lines[1:])
    with _opened(content) as file:
        hdus = [hdu.copy() for hdu in file]
        match dice.randrange(3):
            case 0:
                dice.shuffle(hdus)
            case 1:
                hdus.append(hdus[dice.randrange(len(hdus))].copy())
            case _:
                del hdus[dice.randrange(len(hdus))]
        return _written(hdus)


def change_units(content: bytes, dice: random.Random) -> bytes:
    """Give columns and images other units; of text, other numbers of cells."""
    if not _is_fits(content):
        return plain(content).replace(b",", dice.choice((b";", b",,", b"\t")), dice.randint(1, 50))
    with _opened(content) as file:
        for hdu in file:
            for keyword in [key for key in hdu.header if key.startswith(("TUNIT", "BUNIT", "TIMEUNIT"))]:
                if dice.random() < 0.5:
                    hdu.header[keyword] = dice.choice(WRONG_UNITS)
        return _written(list(file))


def change_keywords(content: bytes, dice: random.Random) -> bytes:
    """Give keywords odd values, or leave them out; of text, odd bytes."""
    if not _is_fits(content):
        held = bytearray(plain(content))
        held[dice.randrange(len(held))] = dice.choice((0, 0xFF, ord('"'), ord("<")))
        return bytes(held)
    with _opened(content) as file:
        for _ in range(dice.randint(1, 6)):
            header = dice.choice(list(file)).header
            names = [key for key in header if key and key not in {"COMMENT", "HISTORY", "SIMPLE", "XTENSION", "END"}]
            free = [key for key in names if not key.startswith(("NAXIS", "BITPIX", "PCOUNT", "GCOUNT", "TF", "TT"))]
            if free and dice.random() < 0.7:
                header[dice.choice(free)] = dice.choice(ODD_VALUES)
            elif free:
                del header[dice.choice(free)]
        return _written(list(file))


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "flip": flip,
    "overwrite": overwrite,
    "gzip-twice": gzip_twice,
    "hdus": change_hdus,
    "units": change_units,
    "keywords": change_keywords,
}


def mutate(kind: str, content: bytes, dice: random.Random) -> bytes:
    """Damage a file; what the writer of FITS itself refuses to make is a flip instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            damaged = MUTATIONS[kind](content, dice)
        except (ValueError, TypeError, KeyError, OSError, IndexError, AttributeError, fits.VerifyError):
            damaged = flip(content, dice)
    return damaged if damaged != content else flip(content, dice)


def _is_fits(content: bytes) -> bool:
    return plain(content)[:9] == b"SIMPLE  ="


def _opened(content: bytes) -> fits.HDUList:
    return fits.open(io.BytesIO(plain(content)), memmap=False, disable_image_compression=True)


def _written(hdus: list) -> bytes:
    written = io.BytesIO()
    if hdus and not isinstance(hdus[0], fits.PrimaryHDU):
        hdus = [fits.PrimaryHDU(), *hdus]
    made = [
        fits.ImageHDU(hdu.data, hdu.header) if at and isinstance(hdu, fits.PrimaryHDU) else hdu
        for at, hdu in enumerate(hdus)
    ]
    fits.HDUList(made).writeto(written, output_verify="ignore", checksum=False)
    return written.getvalue()
