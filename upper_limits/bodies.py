"""Lists of positions in the body of a request: CSV, VOTable, FITS, Arrow and Parquet as columns. No Django here.

Columns are found by name: ``ra`` and ``dec`` (ICRS degrees), or ``healpix`` (NESTED, ICRS, of the order given with
the request), or ``name``; ``label`` goes with any of them. Other columns are not read. JSON and the slow, telling CSV
reader are in `params`. All content is hostile: every reader counts before it expands.
"""

import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.compute as pc  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.csv as pa_csv  # pyright: ignore[reportMissingTypeStubs]

from archive.errors import ArchiveError, TooLargeError, UsageError
from archive.formats.binary_tables import PARQUET_MAGIC, read_parquet
from archive.formats.container import is_table, open_fits
from archive.formats.structure import is_fits
from archive.votable_reader import read_votable
from upper_limits.params import MAX_POSITIONS, MAX_TEXT, read_csv_targets
from upper_limits.positions import Positions, Target, as_positions, from_healpix

Columns = Mapping[str, Sequence[object] | np.ndarray]

ARROW_MAGIC = b"ARROW1"
_WANTED = ("ra", "dec", "healpix", "label", "name")
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2


def read_table(content: bytes, *, healpix_order: int | None = None) -> Positions:
    """Read a list of positions in any of the formats, told apart by their first bytes.

    Raises
    ------
    UsageError
        If it cannot be read, or has no columns of positions.
    TooLargeError
        If it has more positions than one request takes.
    """
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    reader: Callable[[bytes], Columns]
    if content.startswith(PARQUET_MAGIC):
        reader = _read_parquet
    elif is_fits(content[:2880]) or content.startswith(b"\x1f\x8b"):
        reader = _read_fits
    elif content.startswith((ARROW_MAGIC, b"\xff\xff\xff\xff")):
        reader = _read_arrow
    elif start.startswith(b"<"):
        reader = _read_votable
    else:
        return read_csv(content, healpix_order=healpix_order)
    try:
        columns = reader(content)
    except TooLargeError:
        raise
    except ArchiveError as error:
        raise UsageError(f"the list of positions cannot be read: {error}") from error
    return positions_of(columns, healpix_order)


def read_csv(content: bytes, *, healpix_order: int | None = None) -> Positions:
    """Read CSV with a header line: at once where every number is one, else line by line, telling which is not."""
    options = pa_csv.ConvertOptions(
        column_types={"ra": pa.float64(), "dec": pa.float64(), "healpix": pa.int64(), "label": pa.string()},
        null_values=[""],
        strings_can_be_null=False,
    )
    try:
        table = pa_csv.read_csv(pa.py_buffer(content), convert_options=options)
    except (pa.ArrowException, ValueError, OverflowError):
        return as_positions(read_csv_targets(content))
    columns = {name: table.column(name) for name in table.column_names if name in _WANTED}
    pair = {"ra", "dec"} <= set(columns)
    usable = pair or ("healpix" in columns and "name" not in columns)
    plain = all(column.null_count == 0 for name, column in columns.items() if name in {"ra", "dec", "healpix"})
    if not usable or not plain or len(columns) < sum(name.strip().lower() in _WANTED for name in table.column_names):
        return as_positions(read_csv_targets(content))
    _check_count(table.num_rows)
    return positions_of({name: _plain(name, column) for name, column in columns.items()}, healpix_order)


def positions_of(columns: Columns, healpix_order: int | None) -> Positions:
    """Make positions of columns by name, lower case.

    Raises
    ------
    UsageError
        If the columns do not say where the positions are.
    """
    count = len(next(iter(columns.values()), ()))
    _check_count(count)
    label = next((columns[name] for name in ("label", "name") if name in columns), ())
    labels = [str(text).strip()[:MAX_TEXT] if text is not None else "" for text in label]
    if "ra" in columns and "dec" in columns:
        ra, dec = _numbers(columns["ra"], "ra"), _numbers(columns["dec"], "dec")
        return Positions(ra, dec, labels)
    if "healpix" in columns:
        if healpix_order is None:
            raise UsageError("healpix needs healpix_order, the order of the indices (nside = 2**order)")
        index = np.asarray(columns["healpix"])
        if index.dtype.kind not in "iu":
            raise UsageError(f"the column healpix holds {index.dtype}; expected integers, none missing")
        return from_healpix(index.astype(np.int64), healpix_order, labels)
    if "name" in columns:
        return as_positions([_named(text) for text in labels])
    found = ", ".join(str(name)[:40] for name in columns) or "none of these"
    raise UsageError(f"the list needs the columns ra and dec (ICRS degrees), or healpix, or name; found {found}")


def _named(text: str) -> Target:
    if not text or not text.isprintable():
        return Target(text, problem=f"a name or position is 1 to {MAX_TEXT} printable characters")
    return Target(text, text=text)


def _numbers(values: Sequence[object] | np.ndarray, name: str) -> np.ndarray:
    try:
        return np.array([np.nan if value is None else value for value in values] if isinstance(values, list | tuple)
                        else values, dtype=np.float64)  # fmt: skip
    except (TypeError, ValueError) as error:
        raise UsageError(f"the column {name} does not hold numbers") from error


def _read_votable(content: bytes) -> Columns:
    table = read_votable(content)
    _check_count(table.row_count)
    return _wanted({one.name: values for one, values in zip(table.fields, table.columns, strict=True)})


def _read_parquet(content: bytes) -> Columns:
    table = read_parquet(Path("positions.parquet"), content)
    return _wanted({column.name: column.values for column in table.columns})


def _read_fits(content: bytes) -> Columns:
    with tempfile.NamedTemporaryFile(suffix=".fits.gz" if content.startswith(b"\x1f\x8b") else ".fits") as file:
        file.write(content)
        file.flush()
        with open_fits(Path(file.name)) as opened:
            table = next((hdu for hdu in opened.hdus if is_table(hdu)), None)
            if table is None:
                raise UsageError("the FITS file has no table")
            _check_count(len(table.data))
            found = {name: np.array(table.data[name]) for name in table.columns.names if name.lower() in _WANTED}
    for name, values in found.items():
        if values.ndim != 1:
            raise UsageError(f"the column {name[:40]} of the FITS table holds arrays; expected one value in each row")
    return _wanted(found)


def _read_arrow(content: bytes) -> Columns:
    try:
        is_file = content.startswith(ARROW_MAGIC)
        stream = content[8:] if is_file else content
        _refuse_compression(stream)
        with pa.ipc.open_file(content) if is_file else pa.ipc.open_stream(content) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError, ValueError, struct.error, IndexError) as error:
        raise UsageError(f"it is not an Arrow stream or file: {' '.join(str(error).split())[:120]}") from error
    _check_count(table.num_rows)
    names = [name for name in table.column_names if name.lower() in _WANTED]
    return {name.lower(): _plain(name.lower(), table.column(name)) for name in dict.fromkeys(names)}


def _plain(name: str, column: "pa.ChunkedArray") -> Sequence[object] | np.ndarray:
    if name in {"label", "name"}:
        if pa.types.is_dictionary(column.type):  # cut before it is expanded
            cut = pc.utf8_slice_codeunits  # pyright: ignore[reportAttributeAccessIssue] - made at import
            short = [cut(chunk.dictionary, 0, MAX_TEXT).take(chunk.indices) for chunk in column.chunks]
            return [text for chunk in short for text in chunk.to_pylist()]
        return column.to_pylist()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise UsageError(f"the column {name} holds {str(column.type)[:40]}; expected numbers")
    return column.to_numpy()


def _refuse_compression(stream: bytes) -> None:
    """Refuse compressed record batches: a few bytes may stand for gigabytes.

    References
    ----------
    Arrow columnar format 1.4, Message.fbs: field 3 of RecordBatch is its compression.
    """
    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(stream))
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        except pa.ArrowInvalid:
            return  # the end of the batches of a file, before its footer; a damaged stream fails when it is read
        head = message.metadata.to_pybytes()
        root = struct.unpack_from("<I", head)[0]
        kind_at, batch = _field(head, root, 1), _field(head, root, 2)
        kind = head[kind_at] if kind_at else 0
        if kind not in {_RECORD_BATCH, _DICTIONARY_BATCH} or not batch:
            continue
        batch += struct.unpack_from("<I", head, batch)[0]
        if kind == _DICTIONARY_BATCH:
            data = _field(head, batch, 1)
            batch = data + struct.unpack_from("<I", head, data)[0] if data else batch
        if _field(head, batch, 3):
            raise UsageError("the Arrow data is compressed; send it uncompressed, or as Parquet")


def _field(head: bytes, table: int, number: int) -> int:
    """Offset of a field of a flatbuffer table, 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", head, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", head, vtable)[0]:
        return 0
    offset = struct.unpack_from("<H", head, vtable + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _wanted(columns: Mapping[str, Sequence[object] | np.ndarray]) -> Columns:
    return {name.lower(): values for name, values in columns.items() if name.lower() in _WANTED}


def _check_count(count: int) -> None:
    if count > MAX_POSITIONS:
        raise TooLargeError(f"the list has {count} positions; one request takes at most {MAX_POSITIONS}: split it")
