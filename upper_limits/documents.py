"""One answer in any of the formats."""

from collections.abc import Iterator

from upper_limits import binary, columnar
from upper_limits.services import Answer, describe, describe_widths, iter_arrays, iter_rows
from upper_limits.writers import CONTENT_TYPES, WRITERS, write_json_columns

ROW_WRITERS = WRITERS | {"json_columns": write_json_columns}
CONTENT_TYPE_OF = CONTENT_TYPES | columnar.CONTENT_TYPES | binary.CONTENT_TYPES
FILE_ENDINGS = {
    "csv": "csv",
    "votable": "vot",
    "votable_td": "vot",
    "fits": "fits",
    "arrow": "arrows",
    "parquet": "parquet",
    "json": "json",
    "json_columns": "json",
}


def write_document(found: Answer, form: str) -> Iterator[bytes]:
    """Yield the document of an answer in one of the formats."""
    head, fields = describe(found), found.columns
    if form in columnar.COLUMNAR_WRITERS:
        return columnar.COLUMNAR_WRITERS[form](head, iter_arrays(found), fields)
    if form in {"votable", "fits"}:
        write = binary.write_fits if form == "fits" else binary.write_binary2
        return write(head, iter_arrays(found), fields, describe_widths(found))
    if form == "json_columns":
        return write_json_columns(head, iter_arrays(found), fields)
    return WRITERS[form](head, iter_rows(found), fields)
