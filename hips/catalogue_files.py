"""Files of a catalogue HiPS: tiles as tab-separated text, columns as VOTable, properties (HiPS 1.0, section 4.3)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import quoteattr

from archive.errors import UsageError
from archive.published import Column, Table
from hips.properties import (
    ACKNOWLEDGEMENT,
    GALACTIC_CENTRE,
    View,
    make_creator_did,
    name_collection,
    state_energies,
    state_making,
    state_view,
)

# From the launch on 17 October 2002 to the end of the observations on 28 February 2025.
MISSION_MJD = (52564.0, 60734.0)
_FIELD_DEG = 60.0
Row = Sequence[object]
_BLANKS = str.maketrans(dict.fromkeys("\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))


@dataclasses.dataclass(frozen=True)
class CatalogueFacts:
    """What the properties of a catalogue HiPS say.

    Attributes
    ----------
    survey_id : str
        Last part of its address.
    brightest_by : str
        What "brightest first" means, in words.
    band_kev : tuple of float
        Energies that its fluxes are of.
    row_count, simulated_count : int
        Rows, and how many of them are simulated.
    order : int
        Finest order of its tiles.
    release : str
        Release of the archive whose rows they are.
    sky_fraction : float
        Part of the sky covered by the tiles of the finest order that hold a source.
    """

    survey_id: str
    table: Table
    brightest_by: str
    band_kev: tuple[float, float]
    row_count: int
    simulated_count: int
    order: int
    release: str
    released: dt.datetime
    builder: str
    sky_fraction: float

    @property
    def simulated(self) -> bool:
        """Whether simulated rows are among them."""
        return self.simulated_count > 0

    @property
    def title(self) -> str:
        """One line that names it; says *simulated* where it is."""
        mark = "" if not self.simulated else " (simulated)" if self.simulated_count == self.row_count else (
            " (partly simulated)"
        )  # fmt: skip
        return f"INTEGRAL {self.table.title}{mark}"


def encode_tile(columns: Sequence[Column], rows: Iterable[Row], *, shown: int, total: int) -> bytes:
    r"""Text of one tile.

    Parameters
    ----------
    shown, total : int
        Rows of this part of the sky that this tile and those above it hold, and all there are; viewers read the
        difference as "more on zooming in".

    Examples
    --------
    >>> name = Column("name", "char", "Name")
    >>> encode_tile([name], [("Crab\t",), (None,)], shown=2, total=7)
    b'# Completeness = 2 / 7\nname\nCrab \n\n'
    """
    return f"# Completeness = {shown} / {total}\n{_header(columns)}{_lines(rows)}".encode()


def encode_metadata(facts: CatalogueFacts) -> bytes:
    """VOTable without rows that says what the columns are.

    Raises
    ------
    UsageError
        If the table has no position: a viewer could not place its rows.
    """
    table = facts.table
    if table.position is None:
        raise UsageError(f"{table.name} has no position, so it can be no HiPS.")
    fields = "\n".join(_field(column) for column in table.columns)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE type="results">\n'
        '<COOSYS ID="icrs" system="ICRS"/>\n'
        f"<TABLE name={quoteattr(table.name)}>\n<DESCRIPTION>{_escape(describe_catalogue(facts))}</DESCRIPTION>\n"
        f"{fields}\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
    ).encode()


def make_catalogue_properties(facts: CatalogueFacts, *, authority: str) -> dict[str, str]:
    """All the keys which the standard requires or recommends for a catalogue HiPS, in the order they are written."""
    collection = name_collection(simulated=facts.simulated)
    return {
        "creator_did": make_creator_did(authority, facts.survey_id),
        "obs_title": facts.title,
        "obs_description": describe_catalogue(facts),
        "obs_collection": collection,
        "obs_regime": "Optical" if facts.survey_id.startswith("omc") else "X-ray",
        "obs_ack": ACKNOWLEDGEMENT,
        "prov_progenitor": f"table {facts.table.name} of release {facts.release}",
        "client_category": f"Catalog/{collection}",
        "dataproduct_type": "catalog",
        "t_min": f"{MISSION_MJD[0]:.0f}",
        "t_max": f"{MISSION_MJD[1]:.0f}",
        **state_energies(*facts.band_kev),
        **state_making(facts.builder, facts.released),
        "hips_order": str(facts.order),
        "hips_order_min": "1",
        "hips_tile_format": "tsv",
        "hips_cat_nrows": str(facts.row_count),
        **state_view(View(*GALACTIC_CENTRE, _FIELD_DEG)),
        "moc_sky_fraction": f"{facts.sky_fraction:.6g}",
    }


def describe_catalogue(facts: CatalogueFacts) -> str:
    """Sentences for the reader of a viewer's tree; says *simulated* first where it is."""
    parts = [
        facts.table.description.rstrip(".") + ".",
        f"Brightest first: {facts.brightest_by}. All {facts.row_count} rows of release {facts.release} are in it.",
    ]
    if facts.simulated:
        parts.insert(0, f"SIMULATED: {facts.simulated_count} of its {facts.row_count} rows, for demonstrations.")
    return " ".join(parts)


def format_value(value: object) -> str:
    r"""Write one value so that it stays in its cell; nothing where there is none.

    Examples
    --------
    >>> [format_value(value) for value in (None, True, 0.1, float("nan"), [1.0, 2.5], "a\tb")]
    ['', 'true', '0.1', '', '1.0 2.5', 'a b']
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if math.isfinite(value) else ""
        case list() | tuple():
            return " ".join(format_value(part) for part in value)
        case _:
            return str(value).translate(_BLANKS)


def _header(columns: Sequence[Column]) -> str:
    return "\t".join(column.name for column in columns) + "\n"


def _lines(rows: Iterable[Row]) -> str:
    return "".join("\t".join(format_value(value) for value in row) + "\n" for row in rows)


def _field(column: Column) -> str:
    facts = {
        "name": column.name, "datatype": column.datatype, "arraysize": column.arraysize, "unit": column.unit,
        "ucd": column.ucd,
    }  # fmt: skip
    shown = " ".join(f"{name}={quoteattr(value)}" for name, value in facts.items() if value)
    frame = ' ref="icrs"' if column.ucd and column.ucd.startswith("pos.eq") else ""
    return f"<FIELD {shown}{frame}><DESCRIPTION>{_escape(column.description)}</DESCRIPTION></FIELD>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
