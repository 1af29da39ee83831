"""The published tables: what TAP, the API, delivery checks and the documentation all derive from.

One YAML file per table in ``archive/tables/``. Datatypes are those of VOTable 1.5 section 2.1; UCDs are UCD1+,
units VOUnits 1.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import LiteralString

import yaml

TABLES_DIRECTORY = Path(__file__).parent / "tables"
OPTIONAL_DIRECTORY = TABLES_DIRECTORY / "optional"
"""Tables that are published once a command has made them."""

POSTGRES_TYPES: Mapping[str, LiteralString] = MappingProxyType(
    {
        "boolean": "boolean",
        "short": "smallint",
        "int": "integer",
        "long": "bigint",
        "float": "real",
        "double": "double precision",
        "char": "text",
    }
)
"""PostgreSQL type in which a view hands out each VOTable datatype."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_TABLE_KEYS = {
    "table",
    "title",
    "description",
    "utype",
    "model",
    "from",
    "where",
    "position",
    "footprint",
    "columns",
    "keys",
    "physical",
}
_COLUMN_KEYS = {
    "datatype",
    "arraysize",
    "unit",
    "ucd",
    "utype",
    "xtype",
    "description",
    "principal",
    "indexed",
    "std",
    "sql",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A published column; `arraysize` is None for a scalar, `sql` the expression that fills it."""

    name: str
    datatype: str
    description: str
    arraysize: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    principal: bool = False
    indexed: bool = False
    std: bool = False
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Names of the columns that hold ICRS right ascension and declination in degrees.

    The view then also has the hidden columns ``_hpx`` (int8), ``_x``, ``_y``, ``_z`` (float8).
    """

    ra: str
    dec: str


@dataclass(frozen=True, slots=True)
class Footprint:
    """The column that holds the s_region of a row, and the SQL of its reach.

    The reach is the greatest angle in degrees from the row's position to a place of the footprint; NULL where it is not
    known. The view then also has the hidden column ``_reach`` (float8).
    """

    column: str
    reach_deg: str


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key to another published table; pairs of (own column, target column)."""

    target: str
    columns: tuple[tuple[str, str], ...]
    description: str


@dataclass(frozen=True, slots=True)
class Table:
    """A published table; `name` is ``schema.table``.

    `from_sql` and `where_sql` make the view; both are empty for the tables of TAP_SCHEMA, which are real tables.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    utype: str | None = None
    position: Position | None = None
    footprint: Footprint | None = None
    keys: tuple[Key, ...] = ()
    from_sql: str = ""
    where_sql: str = ""

    @property
    def schema(self) -> str:
        """The part of the name before the point."""
        return self.name.split(".")[0]

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


SCHEMAS: Mapping[str, str] = MappingProxyType(
    {
        "integral": "INTEGRAL observations, catalogues and products, all columns",
        "ivoa": "Tables defined by the IVOA",
        "ila": "Observations, sources and epochs as clients of ESA's ISLA ask for them",
        "tap_schema": "Description of the tables of this service (TAP 1.1 section 4)",
        "demo": "Simulated tables for trying out and measuring this service, there only once they are made",
    }
)
"""Schemas that may be published and their descriptions, in the order in which they are listed."""


@cache
def load_tables() -> Mapping[str, Table]:
    """Read every table description; keys are ``schema.table``, in the order of schema, then file name.

    Raises
    ------
    ValueError
        If a file has an unknown key, a missing description or a name that is not a plain lower-case identifier.
    """
    return _read_directory(TABLES_DIRECTORY)


@cache
def load_optional_tables() -> Mapping[str, Table]:
    """Read the descriptions of the tables that need not be there, as :func:`load_tables` does."""
    return _read_directory(OPTIONAL_DIRECTORY)


def _read_directory(directory: Path) -> Mapping[str, Table]:
    tables = [_read_table(path) for path in sorted(directory.glob("*.yaml"))]
    order = list(SCHEMAS)
    tables.sort(key=lambda table: order.index(table.schema))
    return MappingProxyType({table.name: table for table in tables})


def _read_table(path: Path) -> Table:
    raw = yaml.safe_load(path.read_text())
    unknown = set(raw) - _TABLE_KEYS
    if unknown or path.stem != raw.get("table"):
        msg = f"{path.name}: unknown keys {sorted(unknown)}, or the table is not named after the file"
        raise ValueError(msg)
    position = Position(**raw["position"]) if "position" in raw else None
    keys = tuple(
        Key(key["target"], tuple(key["columns"].items()), " ".join(key["description"].split()))
        for key in raw.get("keys", ())
    )
    model = raw.get("model")
    return Table(
        name=raw["table"],
        title=raw["title"],
        description=" ".join(raw["description"].split()),
        utype=raw.get("utype"),
        columns=tuple(_read_column(path, name, fields) for name, fields in raw["columns"].items()),
        position=position,
        footprint=Footprint(**raw["footprint"]) if "footprint" in raw else None,
        keys=keys,
        from_sql=raw.get("from", f"{model} t" if model else ""),
        where_sql=raw.get("where", "@current(t)" if model else ""),
    )


def _read_column(path: Path, name: str, fields: Mapping[str, object]) -> Column:
    unknown = set(fields) - _COLUMN_KEYS
    datatype = fields.get("datatype")
    if unknown or not _IDENTIFIER.fullmatch(name) or datatype not in POSTGRES_TYPES or not fields.get("description"):
        msg = f"{path.name}: column {name!r} has unknown keys {sorted(unknown)}, a bad name, datatype or no description"
        raise ValueError(msg)
    values = {key: value for key, value in fields.items() if key != "description"}
    if datatype == "char":
        values.setdefault("arraysize", "*")
    values["arraysize"] = str(values["arraysize"]) if values.get("arraysize") is not None else None
    values.setdefault("sql", f"t.{name}")
    return Column(name=name, description=" ".join(str(fields["description"]).split()), **values)  # pyright: ignore[reportArgumentType]  # keys were checked against the fields above
