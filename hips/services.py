"""What the views and commands of HiPS do: open surveys, make their documents and tiles, write them to files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
import time
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from archive.errors import NotFoundError, UnavailableError, UsageError
from archive.pictures import encode_png
from archive.skymaps import MANIFEST, MapVersion, open_version
from hips.addresses import TILE_FORMATS, Address, AllskyAddress, DocumentAddress, TileAddress
from hips.cutouts import Region, cut, encode_cutout
from hips.cuts import Cuts, Summary, choose_cuts, colour_indices, make_palette, summarize
from hips.documents import BytesCache, Document, builder_name
from hips.encoding import encode_fits_header, encode_fits_picture, encode_fits_tile, encode_jpeg
from hips.moc import Coverage, encode_moc, observed_coverage
from hips.preview import read_preview
from hips.properties import (
    GALACTIC_CENTRE,
    HipsFacts,
    View,
    format_list,
    format_properties,
    make_list_record,
    make_properties,
)
from hips.surveys import Survey, find_surveys, get_survey, open_pixels
from hips.tiles import Grid, Pixels, check_tile, grid_of_order, read_allsky, read_tile

# Part of every ETag: raise it when the bytes of tiles change for the same map.
ENCODING = "3"
CURRENT_FOR_SECONDS = 1.0
CONTENT_TYPES = {"fits": "application/fits", "png": "image/png", "jpg": "image/jpeg"}
_GALACTIC_CENTRE = View(*GALACTIC_CENTRE, 180.0)
_PARTIAL_SKY = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """How a PNG is to be coloured; what is None is taken from the survey."""

    colour_map: str = "grey"
    low: float | None = None
    high: float | None = None
    stretch: str | None = None


@dataclasses.dataclass(frozen=True)
class OpenSurvey:
    """A survey of one map version with its arrays mapped into memory; immutable like the version."""

    version: MapVersion
    survey: Survey
    pixels: Pixels

    @property
    def grid(self) -> Grid:
        """How the map is divided into tiles."""
        return grid_of_order(self.pixels.order)

    @property
    def peaked(self) -> bool:
        """Whether it shows sources on noise, not a smooth distribution."""
        return self.survey.quantity in {"flux", "significance"}

    @cached_property
    def digest(self) -> str:
        """Short digest of the content of its maps."""
        sums = "".join(self.version.sha256[source.map_id] for source in self.survey.sources)
        return hashlib.sha256(f"{ENCODING} {self.survey.survey_id} {sums}".encode()).hexdigest()[:20]

    @cached_property
    def summary(self) -> Summary:
        """Range and percentiles of the values."""
        return summarize(self.pixels)

    @cached_property
    def cuts(self) -> Cuts:
        """Display range when nothing else is asked for."""
        return choose_cuts(self.summary, self.survey.quantity)

    @property
    def coverage(self) -> Coverage:
        """The observed pixels."""
        return observed_coverage(self.pixels)

    @cached_property
    def facts(self) -> HipsFacts:
        """All that its properties say."""
        fraction = self.coverage.sky_fraction
        view = _GALACTIC_CENTRE
        if 0 < fraction < _PARTIAL_SKY:
            view = View(*self.coverage.centre, min(180.0, 250.0 * fraction**0.5))
        return HipsFacts(
            self.survey, self.version.name, release_time(self.version), builder_name(), self.grid, self.cuts,
            self.summary, fraction, view,
        )  # fmt: skip


_CACHE = BytesCache(64 * 1024 * 1024)
_current_lock = threading.Lock()
_current: tuple[float, MapVersion] | None = None


def release_time(version: MapVersion) -> dt.datetime:
    """When the version was written; the file's own time where an old manifest does not say."""
    if version.created is not None:
        return version.created
    return dt.datetime.fromtimestamp((version.path / MANIFEST).stat().st_mtime, dt.UTC)


def current_version() -> MapVersion:
    """The published map version; looked up in the database at most once a second.

    Raises
    ------
    UnavailableError
        If no sky maps are published.
    """
    global _current  # noqa: PLW0603 - one small memo, guarded by its lock
    from archive import selectors  # noqa: PLC0415 - Django's models, which an export of a named version does without

    with _current_lock:
        now = time.monotonic()
        if _current is None or now - _current[0] > CURRENT_FOR_SECONDS:
            version = selectors.current_map_version()
            if version is None:
                _current = None
                raise UnavailableError("No sky maps are published in this archive yet, so it has no HiPS.")
            _current = (now, version)
        return _current[1]


def find_version(name: str | None) -> MapVersion:
    """The named map version, or the current one."""
    return current_version() if name is None else _open_version(settings.MAPS_ROOT, name)


def find_published_version(name: str | None) -> MapVersion:
    """The named map version if some release has it, or the current one; others are not for the public.

    Raises
    ------
    NotFoundError
        If there is no such version, or no release has it.
    """
    from archive.models import Release  # noqa: PLC0415 - see current_version

    if name is None or name == current_version().name:
        return current_version()
    version = find_version(name)
    if not Release.objects.filter(map_version=name).exists():
        raise NotFoundError(f"there is no map version {name!r}")
    return version


def open_survey(version: MapVersion, survey_id: str) -> OpenSurvey:
    """Open one survey of a version."""
    return _open_survey(version.path.parent, version.name, survey_id)


@lru_cache(maxsize=16)
def _open_version(root: Path, name: str) -> MapVersion:
    return open_version(root, name)


@lru_cache(maxsize=512)
def _open_survey(root: Path, name: str, survey_id: str) -> OpenSurvey:
    version = _open_version(root, name)
    survey = get_survey(version, survey_id)
    return OpenSurvey(version, survey, open_pixels(version, survey))


def forget_everything() -> None:
    """Forget all memos; for tests that replace a version under the same name."""
    global _current  # noqa: PLW0603 - see current_version
    _current = None
    _open_version.cache_clear()
    _open_survey.cache_clear()


def make_etag(opened: OpenSurvey, address: Address, style: Style) -> str:
    """Strong ETag of what `make_document` would give, without making it."""
    text = f"{opened.digest} {opened.version.name} {address} {style}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def make_document(opened: OpenSurvey, address: Address, style: Style = Style()) -> Document:
    """Make one tile, picture or document of a survey.

    Raises
    ------
    NotFoundError
        If the survey has no such tile, or the tile has no observed pixel.
    UsageError
        If the style names an unknown colour map or stretch, or an empty range.
    """
    match address:
        case TileAddress(order=order) if order == opened.grid.tile_order:
            return _make_tile(opened, address, style)
        case DocumentAddress() if address.name != "preview.png":
            return _make_text(opened, address)
    key = (opened.digest, opened.version.name, str(address), style)
    document = _CACHE.get(key)
    if document is None:
        match address:
            case TileAddress():
                document = _make_tile(opened, address, style)
            case AllskyAddress():
                document = _make_allsky(opened, address, style)
            case _:
                document = _make_preview(opened, style)
        _CACHE.put(key, document)
    return document


def make_cutout(opened: OpenSurvey, region: Region, file_format: str, style: Style = Style()) -> Document:
    """Cut a part of a survey out of its arrays as FITS or PNG; every pixel is a pixel of the map."""
    cutout = cut(opened.pixels, region)
    if file_format == "png":
        indices = colour_indices(cutout.values[::-1], _cuts_of(opened, style))
        return Document(encode_png(indices, make_palette(style.colour_map)), CONTENT_TYPES["png"])
    sky_map = opened.survey.main
    cards: dict[str, str | float | bool] = {
        "BUNIT": opened.survey.unit, "TELESCOP": "INTEGRAL", "INSTRUME": opened.survey.instrument_name,
        "QUANTITY": opened.survey.quantity, "E_MIN": sky_map.energy_min_kev, "E_MAX": sky_map.energy_max_kev,
        "MJDSTART": sky_map.tstart_mjd_tt, "MJDSTOP": sky_map.tstop_mjd_tt, "TIMESYS": "TT",
        "SURVEY": opened.survey.survey_id, "MAPVERS": opened.version.name, "HPXORDER": sky_map.order,
        "RESAMPLE": "nearest", "SIMULATD": opened.survey.simulated,
    }  # fmt: skip
    return Document(encode_cutout(cutout, cards), CONTENT_TYPES["fits"])


def list_surveys(version: MapVersion, *, base_url: str) -> str:
    """Text of the HiPS list of a version (HiPS 1.0, section 5.2)."""
    released = release_time(version)
    return format_list(
        make_list_record(
            survey, authority=settings.IVO_AUTHORITY, released=released, url=f"{base_url}/{survey.survey_id}"
        )
        for survey in find_surveys(version)
    )


def survey_properties(opened: OpenSurvey, formats: tuple[str, ...] = TILE_FORMATS) -> Mapping[str, str]:
    """Key and value of the properties of a survey whose tiles are there in these formats."""
    return make_properties(dataclasses.replace(opened.facts, formats=formats), authority=settings.IVO_AUTHORITY)


def _make_tile(opened: OpenSurvey, address: TileAddress, style: Style) -> Document:
    _check_format(address)
    check_tile(opened.grid, address.order, address.ipix)
    values = read_tile(opened.pixels, address.order, address.ipix)
    if values is None:
        raise NotFoundError(f"Tile {address.ipix} of order {address.order} lies outside the observed sky.")
    if address.file_format == "fits":
        unit = opened.survey.unit
        body = encode_fits_tile(values, order=address.order, ipix=address.ipix, unit=unit)
    else:
        body = _encode_picture(opened, values, address.file_format, style)
    return Document(body, CONTENT_TYPES[address.file_format])


def _check_format(address: TileAddress | AllskyAddress) -> None:
    if address.file_format not in CONTENT_TYPES:
        formats = ", ".join(CONTENT_TYPES)
        raise NotFoundError(f"This HiPS has no {address.file_format} tiles: the formats are {formats}.")


def _make_allsky(opened: OpenSurvey, address: AllskyAddress, style: Style) -> Document:
    _check_format(address)
    values = read_allsky(opened.pixels, address.order)
    if address.file_format == "fits":
        return Document(encode_fits_picture(values, unit=opened.survey.unit), CONTENT_TYPES["fits"])
    return Document(_encode_picture(opened, values, address.file_format, style), CONTENT_TYPES[address.file_format])


def _encode_picture(opened: OpenSurvey, values: NDArray[np.float32], file_format: str, style: Style) -> bytes:
    """PNG, or JPEG with black where nothing was observed."""
    indices, palette = colour_indices(values, _cuts_of(opened, style)), make_palette(style.colour_map)
    if file_format == "png":
        return encode_png(indices, palette)
    if palette is None:
        return encode_jpeg(indices)
    colours = np.frombuffer(palette, np.uint8).reshape(256, 3).copy()
    colours[0] = 0
    return encode_jpeg(colours[indices])


def _make_preview(opened: OpenSurvey, style: Style) -> Document:
    """Picture of the whole sky; its range comes from its own, smoother pixels unless one is asked for."""
    values = read_preview(opened.pixels)
    seen = values[np.isfinite(values)]
    if style.low is None and style.high is None and seen.size:
        low, high = (float(value) for value in np.quantile(seen, [0.05, 0.998] if opened.peaked else [0.0, 0.998]))
        if low < high:
            style = dataclasses.replace(style, low=low, high=high)
    indices = colour_indices(values, _cuts_of(opened, style))
    return Document(encode_png(indices, make_palette(style.colour_map)), CONTENT_TYPES["png"])


def _make_text(opened: OpenSurvey, address: DocumentAddress) -> Document:
    match address.name:
        case "properties":
            text = format_properties(survey_properties(opened))
            return Document(text.encode(), "text/plain; charset=utf-8")
        case "Moc.fits":
            return Document(encode_moc(opened.coverage), CONTENT_TYPES["fits"])
        case "metadata.fits":
            return Document(_make_metadata(opened), CONTENT_TYPES["fits"])
        case _:
            raise NotFoundError(f"This HiPS has no {address.name}.")


def _make_metadata(opened: OpenSurvey) -> bytes:
    sky_map = opened.survey.main
    cards: dict[str, str | int | float] = {
        "TELESCOP": "INTEGRAL",
        "INSTRUME": opened.survey.instrument_name,
        "OBJECT": opened.survey.title,
        "BUNIT": opened.survey.unit,
        "E_MIN": sky_map.energy_min_kev,
        "E_MAX": sky_map.energy_max_kev,
        "MJDSTART": sky_map.tstart_mjd_tt,
        "MJDSTOP": sky_map.tstop_mjd_tt,
        "TIMESYS": "TT",
        "MAPVERS": opened.version.name,
        "HPXORDER": sky_map.order,
        "SIMULATE": "simulated" if opened.survey.simulated else "observed",
    }
    for number, source in enumerate(opened.survey.sources, start=1):
        cards[f"MAP{number}"] = source.map_id
        cards[f"SHA{number}"] = opened.version.sha256[source.map_id]
    return encode_fits_header(cards)


def _cuts_of(opened: OpenSurvey, style: Style) -> Cuts:
    if style.low is None and style.high is None and style.stretch is None:
        return opened.cuts
    default = opened.cuts
    return Cuts(
        default.low if style.low is None else style.low,
        default.high if style.high is None else style.high,
        style.stretch or default.stretch,
    )


def parse_style(params: Mapping[str, str]) -> Style:
    """Read `colormap`, `min`, `max` and `stretch` from query parameters; others are left to other readers.

    Raises
    ------
    UsageError
        If a value is not one of those allowed.
    """
    style = Style(
        params.get("colormap") or "grey",
        _number(params, "min"),
        _number(params, "max"),
        params.get("stretch") or None,
    )
    make_palette(style.colour_map)
    if style.stretch is not None:
        Cuts(0.0, 1.0, style.stretch)
    return style


def _number(params: Mapping[str, str], name: str) -> float | None:
    text = params.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1e30 < value < 1e30:
        raise UsageError(f"{name} is {text[:40]!r}; expected a finite number in the unit of the map.")
    return value
