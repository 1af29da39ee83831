"""A program of its own: reads FITS or Parquet from standard input and writes it as an Arrow stream.

Libraries parse these formats, of input that may be hostile: a file of a few kilobytes may unpack to terabytes. So they
run in a child process whose memory and time the operating system bounds; what kills it is one sentence for the user.
"""

import io
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Any

MOST_MEMORY_BYTES = 3 * 2**30
MOST_CPU_S = 30
MOST_BYTES = 512 * 2**20
"""Of the values of all columns together."""


class Refused(Exception):  # noqa: N818 - no error of ours: a sentence for the user
    """The file cannot be taken."""


def main() -> int:
    """Unpack; exit code 3 comes with a sentence for the user on standard error."""
    import pyarrow as pa  # noqa: PLC0415 - under the limits

    content, most_rows, most_cells = sys.stdin.buffer.read(), int(sys.argv[1]), int(sys.argv[2])
    total = 0
    try:
        batches = _read_parquet(content, most_rows, most_cells) if content[:4] == b"PAR1" else _read_fits(content)
        schema: Any = next(batches)
        with pa.ipc.new_stream(sys.stdout.buffer, schema) as writer:
            rows = 0
            for batch in batches:
                rows, total = rows + batch.num_rows, total + batch.nbytes
                if rows > most_rows or rows * len(schema) > most_cells or total > MOST_BYTES:
                    raise Refused(
                        f"it has more than {most_rows} rows, {most_cells} cells or {MOST_BYTES >> 20} MiB of values"
                    )
                writer.write_batch(batch)
    except Refused as refusal:
        sys.stderr.write(str(refusal))
        return 3
    except (OSError, ValueError, TypeError, KeyError, IndexError, pa.ArrowException) as error:
        sys.stderr.write(f"it is damaged or no file of its kind ({' '.join(str(error).split())[:200]})")
        return 3
    return 0


def _read_parquet(content: bytes, most_rows: int, most_cells: int) -> Iterator[Any]:
    """Yield the schema, then the batches."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    file = pq.ParquetFile(pa.BufferReader(content), thrift_string_size_limit=2**26, thrift_container_size_limit=2**20)
    rows, schema = file.metadata.num_rows, file.schema_arrow
    if rows > most_rows or rows * len(schema) > most_cells:
        raise Refused(f"it has {rows} rows of {len(schema)} columns; at most {most_rows} rows and {most_cells} cells")
    yield schema
    # Small batches where a value may be long: a dictionary can repeat a long text very often.
    small = any(not pa.types.is_primitive(field.type) for field in schema)
    yield from file.iter_batches(batch_size=256 if small else 65_536, use_threads=False)


def _read_fits(content: bytes) -> Iterator[Any]:
    """Yield the schema, then the first binary table as one batch."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from astropy.io import fits  # noqa: PLC0415

    warnings.simplefilter("ignore")
    with fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=True) as hdus:
        hdu: Any = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)), None)
        if hdu is None:
            raise Refused("it has no binary table")
        header: Any = hdu.header
        if header["NAXIS1"] * header["NAXIS2"] + header.get("PCOUNT", 0) > len(content):
            raise Refused(f"its header says {header['NAXIS2']} rows and the file ends before them")
        arrays, fields = [], []
        for number, column in enumerate(hdu.columns, 1):
            values = (
                np.asarray(hdu.data.field(column.name))
                if "P" not in column.format and "Q" not in column.format
                else hdu.data.field(column.name)
            )
            array = _arrow_array(column, values, pa)
            metadata = {
                name: str(header[f"{key}{number}"])
                for name, key in (("unit", "TUNIT"), ("ucd", "TUCD"), ("utype", "TUTYP"), ("description", "TCOMM"))
                if header.get(f"{key}{number}")
            }
            arrays.append(array)
            fields.append(pa.field(str(column.name), array.type, metadata=metadata))
        schema = pa.schema(fields)
        yield schema
        yield pa.record_batch(arrays, schema=schema)


def _arrow_array(column: Any, values: Any, pa: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    name = str(column.name)
    kind = values.dtype.kind
    if kind == "c" or (kind == "u" and values.dtype.itemsize == 8):
        raise Refused(f"column {name!r} holds complex or unsigned 64-bit numbers, which this service does not take")
    if kind == "O":
        rows = [None if row is None else np.asarray(row) for row in values]
        texts = str(column.format).lstrip("01")[1:2] == "A"
        lists = [None if row is None else "".join(row.tolist()) if texts else row.tolist() for row in rows]
        return pa.array(lists)
    null = getattr(column, "null", None)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    if native.ndim > 1:
        flat = native.reshape(len(native), -1)
        inner = pa.array(flat.ravel().tolist() if kind in "SU" else flat.ravel())
        return pa.FixedSizeListArray.from_arrays(inner, flat.shape[1])
    if kind in "SU":
        texts = [text.decode("ascii") if isinstance(text, bytes) else str(text) for text in native.tolist()]
        return pa.array(texts, pa.string())
    mask = None
    if kind in "iu" and null not in {None, ""}:
        mask = native == int(str(null))
    return pa.array(native, mask=mask)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
