"""Readers of INTEGRAL products: from a file to a frozen dataclass. Times MJD TT, energies keV, ICRS degrees."""

from archive.formats.container import open_fits, read_content
from archive.formats.events import EventList, read_event_list
from archive.formats.findings import Finding, FormatError
from archive.formats.image import Mosaic, Plane, read_image
from archive.formats.response import EffectiveArea, Response, read_effective_area, read_response
from archive.formats.spectrum import Spectrum, read_spectrum
from archive.formats.structure import Limits, scan_fits
from archive.formats.timeseries import TimeSeries, read_time_series

__all__ = [
    "EffectiveArea",
    "EventList",
    "Finding",
    "FormatError",
    "Limits",
    "Mosaic",
    "Plane",
    "Response",
    "Spectrum",
    "TimeSeries",
    "open_fits",
    "read_content",
    "read_effective_area",
    "read_event_list",
    "read_image",
    "read_response",
    "read_spectrum",
    "read_time_series",
    "scan_fits",
]
