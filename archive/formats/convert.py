"""Which format a file is in, by its content, and its bytes as FITS when it is a table in another one."""

from pathlib import Path

from archive.formats.binary_tables import PARQUET_MAGIC, read_parquet, read_votable_table
from archive.formats.cdf import CDF_MAGICS, read_irem_cdf
from archive.formats.findings import refuse
from archive.formats.structure import is_fits
from archive.formats.tables import as_fits
from archive.formats.text_tables import (
    describes,
    is_between_bars,
    is_esac_qdp,
    read_bars,
    read_cds,
    read_ecsv,
    read_qdp,
)

START_BYTES = 8192
MAX_README_BYTES = 4 << 20
_README_NAMES = ("ReadMe", "readme", "README", "readme.txt", "ReadMe.txt")


def format_of(path: Path, start: bytes) -> str:
    """Return the format of a file by its first bytes; '' = none that is known.

    One of ``fits``, ``ecsv``, ``votable``, ``parquet``, ``cdf``, ``qdp``, ``bars``, ``cds`` (a ReadMe lies beside it).
    """
    magics = {"parquet": (PARQUET_MAGIC,), "cdf": CDF_MAGICS}
    binary = "fits" if is_fits(start) else next((name for name, held in magics.items() if start.startswith(held)), "")
    if binary or b"\0" in start:
        return binary
    text = start.decode("utf-8-sig", errors="replace")
    signs = {
        "ecsv": text.startswith("# %ECSV"),
        "votable": text.lstrip().startswith("<") and "VOTABLE" in text[:4096],
        "qdp": is_esac_qdp(text),
        "bars": is_between_bars(text.splitlines()[:4]),
    }
    return next((name for name, is_it in signs.items() if is_it), "") or ("cds" if _readme_of(path) else "")


def _readme_of(path: Path) -> str:
    """Return the CDS ReadMe beside a file that describes it, '' when there is none."""
    for name in _README_NAMES:
        readme = path.with_name(name)
        if (
            name != path.name
            and readme.is_file()
            and not readme.is_symlink()
            and readme.stat().st_size <= MAX_README_BYTES
        ):
            text = readme.read_text("utf-8", errors="replace")
            if describes(text, path.name):
                return text
    return ""


def as_fits_content(path: Path, content: bytes) -> bytes:
    """Return the content of a file as FITS; what is no known table is returned as it is.

    Raises
    ------
    FormatError
        When a table cannot be read, with the code of its reader, or ``TEXT-UTF8``.
    """
    form = format_of(path, content[:START_BYTES])
    match form:
        case "fits" | "":
            return content
        case "votable":
            return as_fits(read_votable_table(path, content))
        case "parquet":
            return as_fits(read_parquet(path, content))
        case "cdf":
            return as_fits(read_irem_cdf(path, content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(
            "TEXT-UTF8", "the text is not UTF-8", found=f"byte 0x{content[error.start]:02x} at {error.start}"
        ) from error
    match form:
        case "ecsv":
            return as_fits(read_ecsv(path, text))
        case "qdp":
            return as_fits(read_qdp(path, text))
        case "bars":
            return as_fits(read_bars(path, text))
        case _:
            return as_fits(read_cds(path, text, _readme_of(path)))
