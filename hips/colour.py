"""Colour HiPS: three energy bands of one instrument as red, green and blue, the lowest energy red."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from archive.errors import NotFoundError
from archive.pictures import encode_rgba_png
from archive.skymaps import MapVersion
from hips.addresses import Address, AllskyAddress, DocumentAddress, TileAddress
from hips.cuts import Cuts, colour_indices
from hips.documents import BytesCache, Document
from hips.encoding import encode_jpeg
from hips.moc import Coverage, encode_moc, union
from hips.preview import read_preview
from hips.properties import KEV_METRE, format_properties, make_creator_did
from hips.services import OpenSurvey, open_survey, survey_properties
from hips.surveys import Survey, find_surveys
from hips.tiles import ALLSKY_ORDER, check_tile, read_allsky, read_tile

FORMATS = ("png",)
_ENDING = "-rgb"
_CACHE = BytesCache(32 * 1024 * 1024)


@dataclasses.dataclass(frozen=True)
class ColourSurvey:
    """A colour HiPS and the significance maps that make it, red first."""

    survey_id: str
    members: tuple[Survey, Survey, Survey]

    @property
    def simulated(self) -> bool:
        """Whether any of its maps is simulated."""
        return any(member.simulated for member in self.members)

    @property
    def title(self) -> str:
        """One line that names it; says *simulated* where it is."""
        red, green, blue = (member.band_name.removesuffix(" keV") for member in self.members)
        mark = " (simulated)" if self.simulated else ""
        epoch = f", {self.members[0].epoch}" if self.members[0].epoch else ""
        return f"INTEGRAL {self.members[0].instrument_name} {red}, {green}, {blue} keV in colour{epoch}{mark}"


@dataclasses.dataclass(frozen=True)
class OpenColour:
    """A colour survey with its three maps open, red first."""

    version: MapVersion
    survey: ColourSurvey
    members: tuple[OpenSurvey, OpenSurvey, OpenSurvey]

    @cached_property
    def digest(self) -> str:
        """Short digest of the content of its maps."""
        text = f"colour 2 {self.survey.survey_id} {' '.join(member.digest for member in self.members)}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def cuts(self) -> list[Cuts]:
        """Range of each band."""
        return [member.cuts for member in self.members]

    @cached_property
    def coverage(self) -> Coverage:
        """Pixels observed in any band."""
        red, green, blue = (member.coverage for member in self.members)
        return union(union(red, green), blue)


def find_colours(version: MapVersion) -> tuple[ColourSurvey, ...]:
    """Colour surveys of a map version: one for each instrument and span with three bands that do not overlap."""
    groups: dict[tuple[str, str, int, float, float], list[Survey]] = {}
    for survey in find_surveys(version):
        main = survey.main
        if survey.quantity == "significance":
            key = (main.instrument, main.epoch, main.order, main.tstart_mjd_tt, main.tstop_mjd_tt)
            groups.setdefault(key, []).append(survey)
    found: dict[str, ColourSurvey] = {}
    for (instrument, epoch, order, start, stop), surveys in groups.items():
        bands = choose_bands(surveys)
        if bands is None:
            continue
        name = f"{instrument}-{epoch}{_ENDING}" if epoch else f"{instrument}{_ENDING}"
        if name in found:  # another order or span of the same instrument
            name = f"{instrument}-{order}-{start:.0f}-{stop:.0f}{_ENDING}"
        found[name] = ColourSurvey(name, bands)
    return tuple(found.values())


def choose_bands(surveys: Sequence[Survey]) -> tuple[Survey, Survey, Survey] | None:
    """The lowest, middle and highest of the most bands that do not overlap; None where fewer than three do.

    Notes
    -----
    Taking, again and again, the band that ends first among those that begin above the last one taken gives the
    greatest number of separate bands.
    """
    separate: list[Survey] = []
    for survey in sorted(surveys, key=lambda survey: (survey.main.energy_max_kev, -survey.main.energy_min_kev)):
        if not separate or survey.main.energy_min_kev >= separate[-1].main.energy_max_kev:
            separate.append(survey)
    if len(separate) < 3:
        return None
    return separate[0], separate[len(separate) // 2], separate[-1]


def open_colour(version: MapVersion, survey_id: str) -> OpenColour:
    """Open one colour survey of a version.

    Raises
    ------
    NotFoundError
        If the version has no such survey.
    """
    for survey in find_colours(version):
        if survey.survey_id == survey_id:
            red, green, blue = (open_survey(version, member.survey_id) for member in survey.members)
            return OpenColour(version, survey, (red, green, blue))
    raise NotFoundError(
        f"There is no HiPS {survey_id[:80]!r} in map version {version.name}; /hips/list names them all."
    )


def is_colour(survey_id: str) -> bool:
    """Whether a name is that of a colour survey."""
    return survey_id.endswith(_ENDING)


def list_addresses(opened: OpenColour, formats: tuple[str, ...] = FORMATS) -> Iterator[Address]:
    """Every address that this survey may have, the properties last."""
    grid = opened.members[0].grid
    for order in range(grid.tile_order + 1):
        for ipix in range(12 << (2 * order)):
            yield from (TileAddress(order, ipix, file_format) for file_format in formats)
    yield from (AllskyAddress(ALLSKY_ORDER, file_format) for file_format in formats)
    yield from (DocumentAddress(name) for name in ("Moc.fits", "properties"))


def make_colour_document(opened: OpenColour, address: Address) -> Document:
    """Make one tile, picture or document of a colour survey.

    Raises
    ------
    NotFoundError
        If it has no such tile, or no band was observed in it.
    """
    key = (opened.digest, str(address))
    document = _CACHE.get(key)
    if document is None:
        document = _make(opened, address)
        _CACHE.put(key, document)
    return document


def colour_properties(opened: OpenColour, formats: tuple[str, ...] = FORMATS) -> dict[str, str]:
    """Key and value of its properties: those of its maps where they agree."""
    survey = opened.survey
    low, high = survey.members[0].main, survey.members[2].main
    values = dict(survey_properties(opened.members[0], formats))
    for name in ("hips_pixel_bitpix", "data_pixel_bitpix", "hips_pixel_cut", "hips_data_range", "hips_bunit"):
        values.pop(name, None)
    names = [f"{member.band_name} ({colour})" for member, colour in zip(survey.members, _COLOURS, strict=True)]
    mark = "SIMULATED data, not observed. " if survey.simulated else ""
    values |= {
        "creator_did": make_creator_did(settings.IVO_AUTHORITY, survey.survey_id),
        "obs_title": survey.title,
        "obs_description": (
            f"{mark}Significance of INTEGRAL {survey.members[0].instrument_name} in {', '.join(names)}, "
            f"each from {opened.members[0].cuts.low:g} to {opened.members[0].cuts.high:g} sigma."
        ),
        "dataproduct_subtype": "color",
        "em_min": f"{KEV_METRE / high.energy_max_kev:.6e}",
        "em_max": f"{KEV_METRE / low.energy_min_kev:.6e}",
        "moc_sky_fraction": f"{opened.coverage.sky_fraction:.6g}",
    }
    for member, colour in zip(opened.members, _COLOURS, strict=True):
        cuts = member.cuts
        values[f"hips_rgb_{colour}"] = f"{member.survey.survey_id} [{cuts.low:g} {cuts.high:g} {cuts.stretch}]"
    return values


_COLOURS = ("red", "green", "blue")


def _make(opened: OpenColour, address: Address) -> Document:
    members = opened.members
    match address:
        case TileAddress(file_format="png" | "jpg"):
            check_tile(members[0].grid, address.order, address.ipix)
            parts = [read_tile(member.pixels, address.order, address.ipix) for member in members]
            seen = next((part for part in parts if part is not None), None)
            if seen is None:
                raise NotFoundError(f"Tile {address.ipix} of order {address.order} lies outside the observed sky.")
            empty = np.full_like(seen, np.nan)
            return _encode([empty if part is None else part for part in parts], opened.cuts, address.file_format)
        case AllskyAddress(file_format="png" | "jpg"):
            return _encode([read_allsky(member.pixels, address.order) for member in members], opened.cuts,
                           address.file_format)  # fmt: skip
        case DocumentAddress(name="preview.png"):
            parts = [read_preview(member.pixels) for member in members]
            return _encode(parts, [_own_range(*pair) for pair in zip(parts, opened.cuts, strict=True)], "png")
        case DocumentAddress(name="properties"):
            return Document(format_properties(colour_properties(opened)).encode(), "text/plain; charset=utf-8")
        case DocumentAddress(name="Moc.fits"):
            return Document(encode_moc(opened.coverage, simulated=opened.survey.simulated), "application/fits")
        case _:
            raise NotFoundError(f"A HiPS in colour has PNG and JPEG tiles and no {str(address)[:60]}.")


def _own_range(values: NDArray[np.float32], cuts: Cuts) -> Cuts:
    """Range of a picture whose pixels are means of many, so that sources stand out less than in the map."""
    seen = values[np.isfinite(values)]
    low, high = (float(value) for value in np.quantile(seen, [0.3, 0.998])) if seen.size else (0.0, 0.0)
    return Cuts(low, high, cuts.stretch) if low < high else cuts


def _encode(parts: list[NDArray[np.float32]], ranges: Sequence[Cuts], file_format: str) -> Document:
    """Bytes of a picture; transparent where no band was observed, a band alone without value counts as dark."""
    picture = np.empty((*parts[0].shape, 4), dtype=np.uint8)
    picture[..., 3] = 0
    for channel, (cuts, values) in enumerate(zip(ranges, parts, strict=True)):
        level = colour_indices(values, cuts)
        picture[..., channel] = np.maximum(level, 1) - 1
        picture[..., 3] |= np.where(level > 0, np.uint8(255), np.uint8(0))
    if file_format == "png":
        return Document(encode_rgba_png(picture), "image/png")
    picture[picture[..., 3] == 0] = 0
    return Document(encode_jpeg(picture[..., :3]), "image/jpeg")
