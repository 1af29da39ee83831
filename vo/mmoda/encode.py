r"""Writes arrays and headers so that `oda_api` reads back what was meant.

The client turns the reply into Python source, replaces every ``null`` in it by ``None`` and evaluates it. So the
letters ``null`` must not occur in a reply: base64 gets a line break inside, which decoders skip; Python literals and
JSON within the reply get an escape, which is exact; free text gets a zero-width space.
"""

import base64
import json
import math
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[np.generic]
Card = str | float | int | bool | None
Header = Mapping[str, Card]
Json = dict[str, object]

_LITERAL_BYTES = 50_000
"""Tables up to this size are written as text: 10,000 bins would take the client 0.35 s to read."""

_GUARDS = {"base64": "nu\nll", "literal": "nu\\x6cl", "json": "nu\\u006cl", "text": "nu\u200bll"}


def guard(text: str, kind: str) -> str:
    r"""Break up ``null``; `kind` is base64, literal, json or text.

    Examples
    --------
    >>> guard("a null result", "json")
    'a nu\\u006cl result'
    """
    return text.replace("null", _GUARDS[kind])


def guard_texts(value: object) -> object:
    """Guard every text in a document of lists and dictionaries; numbers that JSON does not have become None.

    Examples
    --------
    >>> guard_texts({"a": float("nan"), "b": ["null"]})["a"] is None
    True
    """
    match value:
        case str():
            return guard(value, "text")
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {str(guard_texts(key)): guard_texts(inner) for key, inner in value.items()}
        case list() | tuple():
            return [guard_texts(inner) for inner in value]
        case _:
            return value


def literal(values: Any) -> str:
    """Write a structured array as the Python list that the client evaluates with numpy as ``np``.

    Examples
    --------
    >>> literal(np.array([(1.0, 2), (np.nan, 3)], dtype=[("a", "f8"), ("b", "i4")]))
    '[(1.0,2,),(np.nan,3,)]'
    """
    # Column by column, because a column of arrays would stay one within the rows that numpy makes.
    rows = list(zip(*(values[name].tolist() for name in values.dtype.names or ()), strict=True))
    numeric = all(values.dtype[name].base.kind in "fiub" for name in values.dtype.names or ())
    finite = numeric and all(
        np.isfinite(values[name]).all() for name in values.dtype.names or () if values.dtype[name].base.kind == "f"
    )
    return guard(repr(rows) if finite else _spell(rows), "literal")


def _spell(value: object) -> str:
    match value:
        case float() if math.isnan(value):
            return "np.nan"
        case float() if math.isinf(value):
            return "np.inf" if value > 0 else "-np.inf"
        case tuple():
            return f"({','.join(map(_spell, value))},)"
        case list():
            return f"[{','.join(map(_spell, value))}]"
        case _:
            return repr(value)


def _clean_header(header: Header) -> Json:
    """Leave out what has no value: the client has no way to write an undefined card."""
    return {
        key: guard_texts(value)
        for key, value in header.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def primary_unit(header: Header) -> Json:
    """Return a primary HDU without data."""
    return _unit("PRIMARY", "primary", header)


def table_unit(name: str, columns: Mapping[str, tuple[str, str, AnyArray]], header: Header) -> Json:
    """Return a binary table; a column is its numpy type, its unit (FITS) and its values, one or more for each row."""
    kinds = [(key, form, values.shape[1:]) for key, (form, _, values) in columns.items()]
    rows = np.empty(len(next(iter(columns.values()))[2]), dtype=kinds)
    for key, (_, _, values) in columns.items():
        rows[key] = values
    unit = _unit(name, "bintable", header)
    unit["dt"] = repr(rows.dtype.descr)
    if rows.nbytes > _LITERAL_BYTES and all(form.strip("<")[0] in "fi" for form, _, _ in columns.values()):
        unit["binarys"] = pickled(rows)
    else:
        unit["data"] = literal(rows)
    unit["units_dict"] = {key: spelling for key, (_, spelling, _) in columns.items() if spelling} or None
    return unit


def pickled(values: Any) -> str:
    """Write a plain array of numbers as base64 of its pickle, for what would be slow to read as text.

    Of protocol 3, in which numpy 1 and numpy 2 read each other's once the constructor's module has its old name.
    """
    raw = pickle.dumps(np.ascontiguousarray(values), protocol=3)
    return guard(base64.b64encode(raw.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")).decode(), "base64")


def image_unit(name: str, pixels: NDArray[np.float32], header: Header) -> Json:
    """Return an image."""
    native = pixels.astype("<f4")
    unit = _unit(name, "image", header)
    unit["binarys"], unit["dt"] = pickled(native), str(native.dtype)
    return unit


def _unit(name: str, kind: str, header: Header) -> Json:
    clean = _clean_header(header)
    return {"name": name, "hdu_type": kind, "header": clean, "meta_data": {}, "units_dict": None,
            "data": None, "dt": None, "binarys": None}  # fmt: skip


def numpy_product(name: str | None, meta: Mapping[str, object], units: list[Json]) -> Json:
    """Return an item of ``numpy_data_product_list``; what has no value is left out of `meta`."""
    kept = {key: value for key, value in meta.items() if value is not None}
    return {
        "name": None if name is None else guard(name, "text"),
        "meta_data": guard(json.dumps(kept, allow_nan=False), "json"),
        "data_unit_list": units,
    }
