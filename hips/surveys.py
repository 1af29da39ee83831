"""Which HiPS a version of the sky maps gives: one per flux, exposure, significance and sensitivity map."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator, Sequence

from archive.errors import NotFoundError
from archive.skymaps import MapVersion, SkyMap
from hips.tiles import Pixels, exposure, fine_enough, sensitivity, significance

SENSITIVITY_SIGMA = 5.0
_YEAR_D = 366
_MJD_0 = dt.date(1858, 11, 17)
QUANTITY_TITLES = {
    "flux": "flux",
    "significance": "significance",
    "exposure": "exposure",
    "sensitivity": f"{SENSITIVITY_SIGMA:g}-sigma sensitivity",
}
INSTRUMENT_NAMES = {
    "isgri": "IBIS/ISGRI", "ibis": "IBIS", "picsit": "IBIS/PICsIT", "jemx": "JEM-X", "jemx1": "JEM-X 1",
    "jemx2": "JEM-X 2", "spi": "SPI", "omc": "OMC",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Survey:
    """One HiPS: what it shows and the maps it is read from.

    Attributes
    ----------
    survey_id : str
        Last part of its address; never changes for the same map.
    quantity : str
        ``flux``, ``significance``, ``exposure`` or ``sensitivity``.
    sources : tuple of SkyMap
        One map, or the flux and variance maps that make a significance.
    """

    survey_id: str
    quantity: str
    unit: str
    sources: tuple[SkyMap, ...]

    @property
    def main(self) -> SkyMap:
        """The map which gives instrument, band, times and order."""
        return self.sources[0]

    @property
    def simulated(self) -> bool:
        """Whether any of the maps is simulated."""
        return any(source.simulated for source in self.sources)

    @property
    def instrument_name(self) -> str:
        """Name of the instrument as the mission writes it."""
        return INSTRUMENT_NAMES.get(self.main.instrument.lower().replace("-", ""), self.main.instrument)

    @property
    def band_name(self) -> str:
        """Energy band as people write it, for example ``20-40 keV``."""
        return f"{self.main.energy_min_kev:g}-{self.main.energy_max_kev:g} keV"

    @property
    def epoch(self) -> str:
        """The year or revolution of a map that is delivered as such, else what its times say; empty for the mission."""
        return self.main.epoch_name or name_epoch(self.main.tstart_mjd_tt, self.main.tstop_mjd_tt)

    @property
    def epoch_kind(self) -> str:
        """``year``, ``revolution`` or ``span``; empty for the mission."""
        if not self.epoch:
            return ""
        if self.main.epoch.startswith("r"):
            return "revolution"
        return "year" if self.epoch.isdigit() else "span"

    @property
    def title(self) -> str:
        """One line that names it; says *simulated* where it is."""
        epoch = f", {self.epoch}" if self.epoch else ""
        text = f"INTEGRAL {self.instrument_name} {self.band_name} {QUANTITY_TITLES[self.quantity]}{epoch}"
        return f"{text} (simulated)" if self.simulated else text


def name_epoch(tstart_mjd_tt: float, tstop_mjd_tt: float) -> str:
    """Name a span of time: a year, or two days; empty where it is longer than a year.

    Examples
    --------
    >>> name_epoch(53005.0, 53371.0), name_epoch(52690.5, 52693.4), name_epoch(52600.0, 60000.0)
    ('2004', '2003-02-20 to 2003-02-23', '')
    """
    if tstop_mjd_tt - tstart_mjd_tt > _YEAR_D + 2:
        return ""
    middle = _date((tstart_mjd_tt + tstop_mjd_tt) / 2)
    if tstop_mjd_tt - tstart_mjd_tt > _YEAR_D / 2 and _date(tstart_mjd_tt + 1).year == _date(tstop_mjd_tt - 1).year:
        return str(middle.year)
    return f"{_date(tstart_mjd_tt)} to {_date(tstop_mjd_tt)}"


def find_sequence(surveys: Sequence[Survey], shown: Survey) -> list[Survey]:
    """Maps of the same instrument, band and quantity at other times, in order of time.

    For a map of a year the years, for one of a revolution the revolutions, the shown one among them; for the total of
    the mission the years, where there are two or more, else the revolutions.
    """
    alike: dict[str, list[Survey]] = {}
    for survey in surveys:
        if (survey.main.instrument, survey.main.band, survey.quantity) == (
            shown.main.instrument, shown.main.band, shown.quantity
        ):  # fmt: skip
            alike.setdefault(survey.epoch_kind, []).append(survey)
    kinds = [shown.epoch_kind] if shown.epoch_kind else ["year", "revolution", "span"]
    found = next((alike[kind] for kind in kinds if len(alike.get(kind, ())) > 1), [])
    return sorted(found, key=lambda survey: (survey.main.tstart_mjd_tt, survey.main.tstop_mjd_tt))


def find_surveys(version: MapVersion) -> tuple[Survey, ...]:
    """All the HiPS of a map version: stored maps, and significance and sensitivity made from flux and variance."""
    return tuple(_surveys_of(version))


def get_survey(version: MapVersion, survey_id: str) -> Survey:
    """One HiPS by its name.

    Raises
    ------
    NotFoundError
        If the version has no such HiPS.
    """
    for survey in _surveys_of(version):
        if survey.survey_id == survey_id:
            return survey
    raise NotFoundError(
        f"There is no HiPS {survey_id[:80]!r} in map version {version.name}; /hips/list names them all."
    )


def open_pixels(version: MapVersion, survey: Survey) -> Pixels:
    """Map the arrays of a survey into memory; values are computed on reading where they are not stored."""
    maps = [fine_enough(Pixels(source.order, version.reader(source))) for source in survey.sources]
    if survey.quantity == "exposure":
        return exposure(maps[0])
    if survey.quantity == "sensitivity":
        return sensitivity(maps[0], n_sigma=SENSITIVITY_SIGMA)
    if len(maps) == 2:
        return significance(*maps)
    return maps[0]


def _surveys_of(version: MapVersion) -> Iterator[Survey]:
    taken = {sky_map.map_id for sky_map in version.maps}
    variances = {_likeness(sky_map): sky_map for sky_map in version.find(quantity="variance")}
    for sky_map in version.maps:
        if sky_map.quantity in {"flux", "exposure", "significance"}:
            yield Survey(sky_map.map_id, sky_map.quantity, sky_map.unit, (sky_map,))
        if sky_map.quantity == "flux" and (variance := variances.get(_likeness(sky_map))) is not None:
            name = _rename(sky_map.map_id, "flux", "significance")
            if name not in taken:
                yield Survey(name, "significance", "", (sky_map, variance))
            name = _rename(sky_map.map_id, "flux", "sensitivity")
            if name not in taken:
                yield Survey(name, "sensitivity", sky_map.unit, (variance,))


def _likeness(sky_map: SkyMap) -> tuple[str | int | float, ...]:
    """What maps of one observation share: instrument, band, epoch, order and times."""
    times = sky_map.tstart_mjd_tt, sky_map.tstop_mjd_tt
    return sky_map.instrument, sky_map.band, sky_map.epoch, sky_map.order, *times


def _date(mjd: float) -> dt.date:
    return _MJD_0 + dt.timedelta(days=math.floor(mjd))


def _rename(map_id: str, old: str, new: str) -> str:
    return map_id.replace(old, new) if old in map_id else f"{map_id}-{new}"
