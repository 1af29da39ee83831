"""Rows on their way into the archive: one frozen dataclass per table, fields named as the columns of `archive.models`.

Times MJD TT, positions ICRS degrees, None where a value is missing ('' for text).
"""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RevolutionRow:
    """One orbit, perigee to perigee."""

    TABLE: ClassVar[str] = "revolutions"
    KEY: ClassVar[tuple[str, ...]] = ("revolution",)
    revolution: int
    tstart_mjd_tt: float | None = None
    tstop_mjd_tt: float | None = None
    belt_exit_mjd_tt: float | None = None
    belt_entry_mjd_tt: float | None = None
    exit_altitude_km: float | None = None
    entry_altitude_km: float | None = None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """An accepted proposal."""

    TABLE: ClassVar[str] = "proposals"
    KEY: ClassVar[tuple[str, ...]] = ("proposal_id",)
    proposal_id: str
    title: str = ""
    category: str = ""
    cycle: str = ""


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """One scheduled observation."""

    TABLE: ClassVar[str] = "observations"
    KEY: ClassVar[tuple[str, ...]] = ("obs_id",)
    obs_id: str
    ra: float
    dec: float
    tstart_mjd_tt: float
    exposure_s: float
    tstop_mjd_tt: float | None = None
    proposal_id: str = ""
    target_name: str = ""
    title: str = ""
    obs_type: str = ""


@dataclass(frozen=True, slots=True)
class ScienceWindowRow:
    """A pointing, slew or engineering window; good times are seconds, None where the source does not say."""

    TABLE: ClassVar[str] = "science_windows"
    KEY: ClassVar[tuple[str, ...]] = ("scw_id",)
    scw_id: str
    revolution: int
    kind: str
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    scw_version: str = ""
    obs_id: str = ""
    obs_type: str = ""
    ra: float | None = None
    dec: float | None = None
    ra_z: float | None = None
    dec_z: float | None = None
    position_angle_deg: float | None = None
    elapsed_s: float | None = None
    good_isgri_s: float | None = None
    good_picsit_s: float | None = None
    good_jemx1_s: float | None = None
    good_jemx2_s: float | None = None
    good_spi_s: float | None = None
    good_omc_s: float | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogueReleaseRow:
    """A version of a catalogue as delivered."""

    TABLE: ClassVar[str] = "catalogue_releases"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue", "catalogue_version")
    catalogue: str
    catalogue_version: str
    row_count: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A row of the ISDC general reference catalogue; rates follow from models, None = no model."""

    TABLE: ClassVar[str] = "isdc_reference_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "source_id")
    catalogue_version: str
    source_id: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    isdc_class: int | None = None
    isgri_flag: int | None = None
    isgri_flag2: int | None = None
    jemx_flag: int | None = None
    spi_flag: int | None = None
    picsit_flag: int | None = None
    isgri_20_60_cps: float | None = None
    isgri_60_200_cps: float | None = None
    jemx_3_10_cps: float | None = None
    jemx_10_30_cps: float | None = None
    spi_15_300_ph_cm2_s: float | None = None
    spi_300_8000_ph_cm2_s: float | None = None
    spectral_model: str = ""
    spectral_parameters: tuple[float, ...] = ()
    comments: str = ""


@dataclass(frozen=True, slots=True)
class IbisRow:
    """A source of an IBIS/ISGRI survey."""

    TABLE: ClassVar[str] = "ibis_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "name")
    catalogue_version: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    source_id: str = ""
    source_class: str = ""
    flux_17_60_mcrab: float | None = None
    flux_17_60_error_mcrab: float | None = None
    flux_17_60_limit_flag: str = ""
    flux_20_40_mcrab: float | None = None
    flux_20_40_error_mcrab: float | None = None
    flux_20_40_limit_flag: str = ""
    flux_40_60_mcrab: float | None = None
    flux_40_60_error_mcrab: float | None = None
    flux_40_60_limit_flag: str = ""
    flux_60_100_mcrab: float | None = None
    flux_60_100_error_mcrab: float | None = None
    flux_60_100_limit_flag: str = ""
    limit_confidence: float | None = None
    significance: float | None = None
    exposure_s: float | None = None
    variable: bool | None = None


@dataclass(frozen=True, slots=True)
class JemxRow:
    """A source of a JEM-X catalogue; `rate_kind` is model or measured."""

    TABLE: ClassVar[str] = "jemx_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "name")
    catalogue_version: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    source_id: str = ""
    isdc_class: int | None = None
    source_class: str = ""
    jemx_flag: int | None = None
    rate_3_10_cps: float | None = None
    rate_10_30_cps: float | None = None
    flux_3_10_mcrab: float | None = None
    flux_3_10_error_mcrab: float | None = None
    flux_3_10_limit_flag: str = ""
    flux_10_25_mcrab: float | None = None
    flux_10_25_error_mcrab: float | None = None
    flux_10_25_limit_flag: str = ""
    limit_confidence: float | None = None
    significance: float | None = None
    exposure_s: float | None = None
    variable: bool | None = None
    rate_kind: str = ""
    comments: str = ""


@dataclass(frozen=True, slots=True)
class SpiRow:
    """A source of the SPI extract of the reference catalogue."""

    TABLE: ClassVar[str] = "spi_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "source_id")
    catalogue_version: str
    source_id: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    isdc_class: int | None = None
    spi_flag: int | None = None
    flux_15_300_ph_cm2_s: float | None = None
    flux_300_8000_ph_cm2_s: float | None = None
    comments: str = ""


@dataclass(frozen=True, slots=True)
class GrbRow:
    """A gamma-ray burst."""

    TABLE: ClassVar[str] = "spi_grb_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "name")
    catalogue_version: str
    name: str
    instrument: str
    ra: float
    dec: float
    trigger_mjd_tt: float
    error_radius_deg: float | None = None
    duration_s: float | None = None
    peak_flux: float | None = None
    peak_flux_error: float | None = None
    peak_flux_unit: str = ""
    peak_flux_limit_flag: str = ""
    fluence_20_200_erg_cm2: float | None = None
    fluence_error_erg_cm2: float | None = None
    fluence_limit_flag: str = ""
    limit_confidence: float | None = None
    photon_index: float | None = None
    photon_index_error: float | None = None
    scw_id: str = ""
    gcn_circular: int | None = None


@dataclass(frozen=True, slots=True)
class OmcRow:
    """An optical source monitored by the OMC."""

    TABLE: ClassVar[str] = "omc_catalogue"
    KEY: ClassVar[tuple[str, ...]] = ("catalogue_version", "omc_id")
    catalogue_version: str
    omc_id: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    source_id: str = ""
    v_mag: float | None = None
    v_brightest_mag: float | None = None
    v_faintest_mag: float | None = None
    period_d: float | None = None
    variability_type: str = ""
    point_count: int | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A celestial source as the archive identifies it."""

    TABLE: ClassVar[str] = "sources"
    KEY: ClassVar[tuple[str, ...]] = ("source_id",)
    source_id: str
    name: str
    ra: float
    dec: float
    error_radius_deg: float | None = None
    isdc_class: int | None = None


@dataclass(frozen=True, slots=True)
class SourceNameRow:
    """One of the names of a source."""

    TABLE: ClassVar[str] = "source_names"
    KEY: ClassVar[tuple[str, ...]] = ("source_id", "normalized_name")
    source_id: str
    name: str
    normalized_name: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class ProductRow:
    """Something a user downloads and reduces."""

    TABLE: ClassVar[str] = "products"
    KEY: ClassVar[tuple[str, ...]] = ("product_id",)
    product_id: str
    kind: str
    title: str
    instrument: str
    band: str = ""
    energy_min_kev: float | None = None
    energy_max_kev: float | None = None
    source_id: str = ""
    target_name: str = ""
    epoch: str = ""
    revolution: int | None = None
    obs_id: str = ""
    ra: float | None = None
    dec: float | None = None
    field_of_view_deg: float | None = None
    footprint: str = ""
    tstart_mjd_tt: float | None = None
    tstop_mjd_tt: float | None = None
    exposure_s: float | None = None
    sample_count: int | None = None
    software: str = ""
    created_at: str = ""
    metadata: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductFileRow:
    """A file in its role within a product."""

    TABLE: ClassVar[str] = "product_files"
    KEY: ClassVar[tuple[str, ...]] = ("product_id", "file_name")
    product_id: str
    role: str
    file_name: str
    media_type: str
    sha256: str
    size_bytes: int


Row = (
    RevolutionRow
    | ProposalRow
    | ObservationRow
    | ScienceWindowRow
    | CatalogueReleaseRow
    | ReferenceRow
    | IbisRow
    | JemxRow
    | SpiRow
    | GrbRow
    | OmcRow
    | SourceRow
    | SourceNameRow
    | ProductRow
    | ProductFileRow
)


def key_of(row: Row) -> tuple[object, ...]:
    """Return what identifies the thing a row is about, within its table.

    Examples
    --------
    >>> key_of(RevolutionRow(727))
    (727,)
    """
    return tuple(getattr(row, name) for name in row.KEY)
