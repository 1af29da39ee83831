"""What discovery sees of a file, and what reading it gives."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive.formats.events import EventList
from archive.formats.findings import Finding
from archive.formats.image import Mosaic
from archive.formats.spectrum import Spectrum
from archive.formats.structure import Hdu
from archive.formats.timeseries import TimeSeries
from archive.skymaps import SkyMap
from ingestion.rows import Row


@dataclass(frozen=True, slots=True)
class Probe:
    """What a profile may look at to recognise a file: its first lines when it is text, its headers when it is FITS."""

    path: Path
    lines: tuple[str, ...]
    hdus: tuple[Hdu, ...]

    def has_hdu(self, name: str) -> bool:
        """Say whether an HDU has this EXTNAME."""
        return any(hdu.name == name for hdu in self.hdus)

    def columns(self, name: str) -> set[str]:
        """Return the column names of the first HDU with this EXTNAME."""
        for hdu in self.hdus:
            if hdu.name == name:
                return {value for keyword, value in hdu.cards.items() if keyword.startswith("TTYPE")}
        return set()

    @property
    def header_cells(self) -> tuple[str, ...]:
        """Cells of the first line when read as CSV."""
        return tuple(cell.strip() for cell in self.lines[0].split(",")) if self.lines else ()


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """A file with light curves, one per band."""

    series: tuple[TimeSeries, ...]
    extname: str
    created_at: str
    software: str
    omc_id: str = ""
    source_id: str = ""
    obs_id: str = ""


@dataclass(frozen=True, slots=True)
class SpectrumPart:
    """A file with a spectrum."""

    spectrum: Spectrum
    created_at: str
    source_id: str = ""
    obs_id: str = ""


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """An ARF (`channels` is 0) or an RMF; `energies` is the number of rows of its energy grid."""

    role: str
    energies: int
    channels: int
    channel_min_kev: NDArray[np.float64] | None = None
    channel_max_kev: NDArray[np.float64] | None = None
    channel: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A file with images of the sky, one per band."""

    mosaics: tuple[Mosaic, ...]
    extname: str
    created_at: str
    target_name: str = ""
    obs_id: str = ""
    revolution: int | None = None


@dataclass(frozen=True, slots=True)
class RegionPart:
    """A DS9 region file: names of the sources it marks."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventPart:
    """A file with an event list."""

    events: EventList
    created_at: str
    target_name: str = ""
    source_id: str = ""
    obs_id: str = ""
    ra: float | None = None
    dec: float | None = None


@dataclass(frozen=True, slots=True)
class MonitorPart:
    """Count rates of the radiation monitor, delivered as one product."""

    sample_count: int
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    created_at: str
    software: str


@dataclass(frozen=True, slots=True)
class TableColumnFacts:
    """A column of a table that describes itself: its unit in VOUnits and as the file spells it, UCD, description."""

    name: str
    unit: str
    unit_original: str
    ucd: str
    description: str


@dataclass(frozen=True, slots=True)
class TablePart:
    """A table of any contents, delivered as one product; `form` is its file format."""

    name: str
    form: str
    row_count: int
    columns: tuple[TableColumnFacts, ...]
    title: str
    instrument: str
    created_at: str
    software: str


@dataclass(frozen=True, slots=True)
class DetectionPart:
    """A file with source lists of OSA, one table for each band or one for all; `columns` are names with VOUnits.

    The position is the middle of what was detected, ICRS degrees; None where nothing was.
    """

    extname: str
    instrument: str
    bands: tuple[tuple[float, float], ...]
    list_count: int
    row_count: int
    new_count: int
    columns: tuple[tuple[str, str], ...]
    scw_id: str
    tstart_mjd_tt: float | None
    tstop_mjd_tt: float | None
    exposure_s: float | None
    ra: float | None
    dec: float | None
    field_of_view_deg: float | None
    created_at: str
    software: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class ReadmePart:
    """A CDS ReadMe, which describes data files beside it byte by byte."""

    text: str


Part = (
    TablePart
    | DetectionPart
    | ReadmePart
    | SeriesPart
    | SpectrumPart
    | ResponsePart
    | ImagePart
    | RegionPart
    | EventPart
    | MonitorPart
)


@dataclass(frozen=True, slots=True)
class MapPart:
    """One all-sky map: NESTED, ICRS, NaN where nothing was observed."""

    sky_map: SkyMap
    values: NDArray[np.float32]


@dataclass(slots=True)
class Content:
    """What one file gives: rows, at most one part of a product, sky maps, findings."""

    rows: list[Row] = field(default_factory=list)
    part: Part | None = None
    maps: list[MapPart] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()
    simulated: bool = False
