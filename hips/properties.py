"""The `properties` file of a HiPS and the list of all of them (HiPS 1.0, sections 4.4.1 and 5)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping

from archive.errors import UsageError
from hips.addresses import TILE_FORMATS
from hips.cuts import Cuts, Summary
from hips.surveys import QUANTITY_TITLES, Survey
from hips.tiles import COARSEST_ORDER, Grid, grid_of_order

HIPS_VERSION = "1.4"
HIPS_STATUS = "public master clonableOnce"
ACKNOWLEDGEMENT = "INTEGRAL is an ESA mission with instruments and science data centre funded by ESA member states"
# Energy of a photon of one metre: h c, from the exact SI values (CODATA 2018).
KEV_METRE = 1.239841984332e-9
# Where the IVOA vocabulary "messenger" ends X-rays and begins gamma rays.
GAMMA_RAY_FROM_KEV = 120.0
_MAX_TITLE = 130


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """Where a viewer should look first: ICRS degrees and the width of the field."""

    ra: float
    dec: float
    fov: float


GALACTIC_CENTRE = (266.41683, -29.00781)


@dataclasses.dataclass(frozen=True)
class HipsFacts:
    """What the properties say beyond the description of the map."""

    survey: Survey
    version: str
    released: dt.datetime
    builder: str
    grid: Grid
    cuts: Cuts
    summary: Summary
    sky_fraction: float
    view: View
    formats: tuple[str, ...] = TILE_FORMATS


def make_creator_did(authority: str, survey_id: str) -> str:
    """IVOA identifier of a HiPS.

    Examples
    --------
    >>> make_creator_did("archive.example", "isgri-20-40-flux")
    'ivo://archive.example/P/INTEGRAL/isgri-20-40-flux'
    """
    return f"ivo://{authority}/P/INTEGRAL/{survey_id}"


def make_properties(facts: HipsFacts, *, authority: str) -> dict[str, str]:
    """All the keys which the standard requires or recommends for an image HiPS, in the order they are written."""
    survey, sky_map = facts.survey, facts.survey.main
    pixel_degrees = math.degrees(math.sqrt(math.pi / 3)) / (facts.grid.tile_width << facts.grid.tile_order)
    values = {
        "creator_did": make_creator_did(authority, survey.survey_id),
        "obs_title": _one_line(survey.title)[:_MAX_TITLE],
        "obs_description": describe_survey(survey),
        "obs_collection": name_collection(simulated=survey.simulated),
        "obs_regime": regime(sky_map.energy_min_kev),
        "obs_ack": ACKNOWLEDGEMENT,
        "prov_progenitor": f"map version {facts.version}: {', '.join(source.map_id for source in survey.sources)}",
        "client_category": _category(survey),
        "client_sort_key": _sort_key(survey),
        "dataproduct_type": "image",
        "t_min": f"{sky_map.tstart_mjd_tt:.5f}",
        "t_max": f"{sky_map.tstop_mjd_tt:.5f}",
        **state_energies(sky_map.energy_min_kev, sky_map.energy_max_kev),
        **state_making(facts.builder, facts.released),
        "hips_order": str(facts.grid.tile_order),
        "hips_tile_width": str(facts.grid.tile_width),
        "hips_tile_format": format_names(facts.formats),
        "hips_pixel_bitpix": "-32",
        "data_pixel_bitpix": "-32",
        "hips_pixel_scale": f"{pixel_degrees:.6g}",
        "hips_pixel_cut": f"{facts.cuts.low:.6g} {facts.cuts.high:.6g}",
        "hips_data_range": _format_range(facts.summary.minimum, facts.summary.maximum),
        "hips_hierarchy": "mean",
        "hips_bunit": survey.unit,
        "hips_estsize": str(_estimate_kilobytes(facts)),
        **state_view(facts.view),
        "moc_sky_fraction": f"{facts.sky_fraction:.6g}",
    }
    return {key: value for key, value in values.items() if value and "nan" not in value.split()}


def name_collection(*, simulated: bool) -> str:
    """Collection of a HiPS; says *simulated* where it is."""
    return "INTEGRAL (simulated)" if simulated else "INTEGRAL"


def state_energies(low_kev: float, high_kev: float) -> dict[str, str]:
    """Wavelengths in metres, as the properties of every HiPS say what was observed."""
    return {"em_min": f"{KEV_METRE / high_kev:.6e}", "em_max": f"{KEV_METRE / low_kev:.6e}"}


def state_making(builder: str, released: dt.datetime) -> dict[str, str]:
    """Version of the standard, who made the HiPS and when, and its frame: the same lines for every HiPS of ours."""
    stamp = format_time(released)
    return {
        "hips_version": HIPS_VERSION,
        "hips_builder": builder,
        "hips_creation_date": stamp,
        "hips_release_date": stamp,
        "hips_status": HIPS_STATUS,
        "hips_frame": "equatorial",
    }


def state_view(view: View) -> dict[str, str]:
    """Where a viewer should look first."""
    return {
        "hips_initial_ra": f"{view.ra:.5f}",
        "hips_initial_dec": f"{view.dec:.5f}",
        "hips_initial_fov": f"{view.fov:.3g}",
    }


def make_list_record(survey: Survey, *, authority: str, released: dt.datetime, url: str) -> dict[str, str]:
    """What the list of HiPS says of one: the four required keys and what a client needs to show it in a tree."""
    grid = grid_of_order(max(survey.main.order, COARSEST_ORDER))
    return {
        "creator_did": make_creator_did(authority, survey.survey_id),
        "hips_release_date": format_time(released),
        "hips_service_url": url,
        "hips_status": HIPS_STATUS,
        "obs_title": _one_line(survey.title)[:_MAX_TITLE],
        "obs_collection": name_collection(simulated=survey.simulated),
        "obs_regime": regime(survey.main.energy_min_kev),
        "client_category": _category(survey),
        "client_sort_key": _sort_key(survey),
        "t_min": f"{survey.main.tstart_mjd_tt:.5f}",
        "t_max": f"{survey.main.tstop_mjd_tt:.5f}",
        "dataproduct_type": "image",
        "hips_version": HIPS_VERSION,
        "hips_frame": "equatorial",
        "hips_order": str(grid.tile_order),
        "hips_tile_width": str(grid.tile_width),
        "hips_tile_format": "png fits",
    }


def _category(survey: Survey) -> str:
    """Place in the tree of a sky viewer; maps of years and revolutions have branches of their own."""
    branch = {"year": "/years", "revolution": "/revolutions"}.get(survey.epoch_kind, "")
    return f"Image/{regime(survey.main.energy_min_kev)}/{name_collection(simulated=survey.simulated)}{branch}"


def _sort_key(survey: Survey) -> str:
    return f"{survey.main.energy_min_kev:09.3f}{'-' if survey.main.epoch else ''}{survey.main.epoch}"


def describe_survey(survey: Survey) -> str:
    """Sentences for the reader of a viewer's tree; says *simulated* first where it is."""
    sky_map = survey.main
    times = f"MJD {sky_map.tstart_mjd_tt:.1f} to {sky_map.tstop_mjd_tt:.1f} (TT)"
    what = f"{survey.band_name}, unit {survey.unit or 'none'}; {times}"
    parts = [
        f"{QUANTITY_TITLES[survey.quantity].capitalize()} map of INTEGRAL {survey.instrument_name} at {what}.",
        _one_line(sky_map.title).rstrip(".") + ".",
        "Pixels of the HiPS have the values of the archive's HEALPix map, without resampling.",
    ]
    if survey.simulated:
        parts.insert(0, "SIMULATED data, not observed: a simulated mission for tests and demonstrations.")
    return " ".join(parts)


def format_names(formats: Iterable[str]) -> str:
    """Name the formats of tiles as HiPS does, pictures first: sky viewers take the first.

    Examples
    --------
    >>> format_names(("fits", "jpg", "png"))
    'png jpeg fits'
    """
    return " ".join(name for name in ("png", "jpeg", "fits") if name.replace("jpeg", "jpg") in formats)


def regime(energy_min_kev: float) -> str:
    """Waveband in the words of HiPS 1.0.

    Examples
    --------
    >>> regime(20.0), regime(150.0)
    ('X-ray', 'Gamma-ray')
    """
    return "Gamma-ray" if energy_min_kev >= GAMMA_RAY_FROM_KEV else "X-ray"


def format_time(moment: dt.datetime) -> str:
    """Write a time the way HiPS wants it: YYYY-MM-DDTHH:MMZ.

    Examples
    --------
    >>> format_time(dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC))
    '2026-01-02T03:04Z'
    """
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def format_properties(values: Mapping[str, str]) -> str:
    """Text of a properties file.

    Examples
    --------
    >>> print(format_properties({"hips_order": "3"}), end="")
    hips_order           = 3
    """
    return "".join(f"{key:<20} = {_one_line(value)}\n" for key, value in values.items())


def parse_properties(text: str) -> dict[str, str]:
    """Read a properties file back.

    Raises
    ------
    UsageError
        If a line is neither a comment nor ``key = value``.
    """
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise UsageError(f"Line {number} of the properties is {line[:60]!r}; expected key = value.")
        values[key.strip()] = value.strip()
    return values


def format_list(records: Iterable[Mapping[str, str]]) -> str:
    """Text of a HiPS list: records separated by an empty line."""
    return "\n".join(format_properties(record) for record in records)


def _estimate_kilobytes(facts: HipsFacts) -> int:
    width = facts.grid.tile_width
    tiles = max(1.0, 12 * 4**facts.grid.tile_order * facts.sky_fraction * 4 / 3)
    return math.ceil(tiles * (2880 * math.ceil((4 * width * width) / 2880) + 2880 + width * width) / 1024)


def _format_range(low: float, high: float) -> str:
    """Two different numbers, or nothing: a range from a number to itself is none."""
    first, last = f"{low:.6g}", f"{high:.6g}"
    return f"{first} {last}" if first != last else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
