"""What the archive can take: one profile per kind of file, recognised by content.

The names are those of `delivery.yaml` (docs/reference/delivery-formats.md). Order matters only where one kind of file
contains another: a response matrix may carry an effective area, so `rmf` stands before `arf`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingestion.content import Content, Probe
from ingestion.profiles import (
    detections,
    mission,
    observation_log,
    products,
    reference_catalogue,
    science_windows,
    surveys,
    tables,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of file: how it is recognised and read."""

    name: str
    title: str
    recognise: Callable[[Probe], bool]
    read: Callable[[Path], Content]


PROFILES: tuple[Profile, ...] = (
    Profile(mission.REVOLUTIONS_NAME, "revolutions", mission.recognise_revolutions, mission.read_revolutions),
    Profile(
        mission.RADIATION_NAME,
        "belt passages per revolution (CSV)",
        mission.recognise_radiation,
        mission.read_radiation,
    ),
    Profile(mission.PROPOSALS_NAME, "proposals", mission.recognise_proposals, mission.read_proposals),
    Profile(mission.OBSERVATIONS_NAME, "observations", mission.recognise_observations, mission.read_observations),
    Profile(observation_log.NAME, "observation log (ESASky)", observation_log.recognise, observation_log.read),
    Profile(science_windows.FITS_NAME, "science windows", science_windows.recognise_fits, science_windows.read_fits),
    Profile(
        science_windows.LIST_NAME,
        "science windows with times (CSV)",
        science_windows.recognise_list,
        science_windows.read_list,
    ),
    Profile(
        science_windows.HEASARC_NAME,
        "science windows, HEASARC rows (CSV)",
        science_windows.recognise_heasarc,
        science_windows.read_heasarc,
    ),
    Profile(
        reference_catalogue.FITS_NAME,
        "ISDC reference catalogue",
        reference_catalogue.recognise_fits,
        reference_catalogue.read_fits,
    ),
    Profile(
        reference_catalogue.CSV_NAME,
        "ISDC reference catalogue (CSV)",
        reference_catalogue.recognise_csv,
        reference_catalogue.read_csv,
    ),
    Profile(
        reference_catalogue.LIST_NAME,
        "ISDC reference catalogue, positions only",
        reference_catalogue.recognise_list,
        reference_catalogue.read_list,
    ),
    Profile(surveys.IBIS_NAME, "IBIS survey catalogue", surveys.recognise_ibis, surveys.read_ibis),
    Profile(surveys.JEMX_NAME, "JEM-X survey catalogue", surveys.recognise_jemx, surveys.read_jemx),
    Profile(surveys.GRB_NAME, "SPI bursts", surveys.recognise_grb, surveys.read_grb),
    Profile(surveys.IBAS_NAME, "IBAS bursts (CSV)", surveys.recognise_ibas, surveys.read_ibas),
    Profile(surveys.OMC_NAME, "OMC sources", surveys.recognise_omc, surveys.read_omc),
    Profile("sky_maps", "all-sky maps", products.recognise_maps, products.read_maps),
    Profile("mosaic", "mosaic or image", products.recognise_image, products.read_image),
    Profile("spectrum", "spectrum", products.recognise_spectrum, products.read_spectrum),
    Profile("rmf", "response matrix", products.recognise_rmf, products.read_rmf),
    Profile("arf", "effective area", products.recognise_arf, products.read_arf),
    Profile("event_list", "event list", products.recognise_events, products.read_events),
    Profile("time_series", "long-term series", products.recognise_time_series, products.read_series),
    Profile("light_curve", "light curve", products.recognise_light_curve, products.read_series),
    Profile("omc_light_curve", "OMC light curve", products.recognise_omc, products.read_series),
    Profile("irem_counts", "IREM count rates", products.recognise_irem, products.read_irem),
    Profile("spi_acs_light_curve", "SPI-ACS light curve", products.recognise_acs, products.read_series),
    Profile(detections.NAME, "source list of OSA", detections.recognise, detections.read),
    Profile(tables.README_NAME, "CDS ReadMe", tables.recognise_readme, tables.read_readme),
    Profile("region", "region file", products.recognise_region, products.read_region),
    Profile(tables.NAME, "table that describes itself", tables.recognise, tables.read),  # the last: takes what is left
)


RESPONSES = ("rmf", "arf")
"""Profiles of what spectra need to be understood."""


def find_profile(probe: Probe) -> Profile | None:
    """Return the first profile that recognises a file, None when none does."""
    return next((profile for profile in PROFILES if profile.recognise(probe)), None)
