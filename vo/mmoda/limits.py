"""Upper limits through the MMODA protocol: the table of the upper-limit service as ECSV, which needs no pickle."""

import io

import numpy as np
from astropy.table import Column, Table

from upper_limits.limits import COLUMNS
from upper_limits.params import read_request
from upper_limits.services import answer, describe, iter_rows
from vo.mmoda.encode import Json, guard
from vo.mmoda.find import find_source
from vo.mmoda.params import Query


def limit_products(query: Query) -> tuple[list[Json], list[str]]:
    """Return the table of limits at the position, all bands that overlap the one asked, and what to tell the user.

    Raises
    ------
    NotFoundError, UsageError, UnavailableError
        As the upper-limit service does.
    """
    name, ra, dec = _place(query)
    asked = {
        "ra": [str(ra)],
        "dec": [str(dec)],
        "instrument": ["isgri"],
        "confidence": [str(query.confidence)],
        "index": [str(query.index)],
    }
    found = answer(read_request(asked))
    columns: dict[str, list[object]] = {column.name: [] for column in COLUMNS}
    for chunk in iter_rows(found):
        for column in COLUMNS:
            columns[column.name] += chunk[column.name]
    columns["name"] = [name] * len(columns["name"])
    table = Table(
        [
            Column(
                _values(columns[one.name]),
                name=one.name,
                description=one.description,
                unit=None if one.unit in {"", "map", "map2"} else one.unit,
            )
            for one in COLUMNS
        ]
    )
    table.meta = {"src_name": name, "map_version": str(describe(found).get("map_version", ""))}
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    item: Json = {
        "name": query.product,
        "ascii": guard(text.getvalue(), "text"),
        "binary": None,
        "meta_data": {"src_name": guard(name, "text")},
    }
    simulated = ["The maps are simulated, not measured."] if found.simulated else []
    return [item], [*found.notices, *simulated]


def _place(query: Query) -> tuple[str, float, float]:
    if query.ra is not None and query.dec is not None:
        return query.src_name or f"{query.ra:g} {query.dec:+g}", query.ra % 360.0, query.dec
    source = find_source(query)
    return source.name, source.ra, source.dec


def _values(values: list[object]) -> np.ndarray:
    return np.array(["" if value is None else value for value in values] if any(v is None for v in values) else values)
