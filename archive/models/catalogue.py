"""Catalogues, their versions, and one typed model per catalogue."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from archive.models.release import Positioned, Released, head_of


class Catalogue(models.Model):
    """A catalogue as an ongoing work, for example the ISDC reference catalogue."""

    catalogue = models.CharField(max_length=40, primary_key=True, help_text="name of its table in the schema integral")
    title = models.CharField(max_length=120)
    description = models.TextField()

    class Meta:
        """By title."""

        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


class CatalogueRelease(Released):
    """One version of a catalogue as delivered."""

    KEY = ("catalogue", "catalogue_version")

    catalogue = models.CharField(max_length=40)
    catalogue_version = models.CharField(max_length=24)
    row_count = models.PositiveIntegerField()
    reference = models.CharField(max_length=200, blank=True, help_text="paper, bibcode or DOI")

    class Meta:
        """By catalogue and version."""

        ordering = ("catalogue", "catalogue_version")
        constraints = (head_of("catalogue", "catalogue_version", name="archive_cataloguerelease_head"),)

    def __str__(self) -> str:
        return f"{self.catalogue} {self.catalogue_version}"


class CatalogueEntry(Released, Positioned):
    """What every catalogue says of a source."""

    catalogue_version = models.CharField(max_length=24)
    name = models.CharField(max_length=80)
    error_radius_deg = models.FloatField(null=True)

    class Meta:
        """No table of its own."""

        abstract = True


class ReferenceCatalogueEntry(CatalogueEntry):
    """A row of the ISDC general reference catalogue (GNRL-REFR-CAT); rates follow from models, null = no model."""

    KEY = ("catalogue_version", "source_id")

    source_id = models.CharField(max_length=24)
    isdc_class = models.PositiveSmallIntegerField(null=True)
    isgri_flag = models.SmallIntegerField(null=True)
    isgri_flag2 = models.SmallIntegerField(null=True)
    jemx_flag = models.SmallIntegerField(null=True)
    spi_flag = models.SmallIntegerField(null=True)
    picsit_flag = models.SmallIntegerField(null=True)
    isgri_20_60_cps = models.FloatField(null=True)
    isgri_60_200_cps = models.FloatField(null=True)
    jemx_3_10_cps = models.FloatField(null=True)
    jemx_10_30_cps = models.FloatField(null=True)
    spi_15_300_ph_cm2_s = models.FloatField(null=True)
    spi_300_8000_ph_cm2_s = models.FloatField(null=True)
    spectral_model = models.CharField(max_length=128, blank=True)
    spectral_parameters = ArrayField(models.FloatField(), default=list)
    comments = models.CharField(max_length=300, blank=True)

    class Meta:
        """By name."""

        ordering = ("name",)
        constraints = (head_of("catalogue_version", "source_id", name="archive_reference_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_reference_hpx"),
            models.Index(fields=("source_id",), name="archive_reference_source_id"),
        )

    def __str__(self) -> str:
        return self.name


class IbisCatalogueEntry(CatalogueEntry):
    """A source of an IBIS/ISGRI survey catalogue."""

    KEY = ("catalogue_version", "name")

    source_id = models.CharField(max_length=24, blank=True)
    source_class = models.CharField(max_length=40, blank=True)
    flux_17_60_mcrab = models.FloatField(null=True)
    flux_17_60_error_mcrab = models.FloatField(null=True)
    flux_17_60_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    flux_20_40_mcrab = models.FloatField(null=True)
    flux_20_40_error_mcrab = models.FloatField(null=True)
    flux_20_40_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    flux_40_60_mcrab = models.FloatField(null=True)
    flux_40_60_error_mcrab = models.FloatField(null=True)
    flux_40_60_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    flux_60_100_mcrab = models.FloatField(null=True)
    flux_60_100_error_mcrab = models.FloatField(null=True)
    flux_60_100_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    limit_confidence = models.FloatField(null=True, help_text="fraction at which the upper limits hold")
    significance = models.FloatField(null=True)
    exposure_s = models.FloatField(null=True)
    variable = models.BooleanField(null=True)

    class Meta:
        """By name."""

        ordering = ("name",)
        constraints = (head_of("catalogue_version", "name", name="archive_ibis_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_ibis_hpx"),
            models.Index(fields=("source_id",), name="archive_ibis_source_id"),
        )

    def __str__(self) -> str:
        return self.name


class JemxCatalogueEntry(CatalogueEntry):
    """A source of a JEM-X catalogue; `rate_kind` says whether its rates were measured or follow from a model."""

    KEY = ("catalogue_version", "name")

    source_id = models.CharField(max_length=24, blank=True)
    isdc_class = models.PositiveSmallIntegerField(null=True)
    source_class = models.CharField(max_length=40, blank=True)
    jemx_flag = models.SmallIntegerField(null=True)
    rate_3_10_cps = models.FloatField(null=True)
    rate_10_30_cps = models.FloatField(null=True)
    flux_3_10_mcrab = models.FloatField(null=True)
    flux_3_10_error_mcrab = models.FloatField(null=True)
    flux_3_10_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    flux_10_25_mcrab = models.FloatField(null=True)
    flux_10_25_error_mcrab = models.FloatField(null=True)
    flux_10_25_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the flux is an upper limit")
    limit_confidence = models.FloatField(null=True, help_text="fraction at which the upper limits hold")
    significance = models.FloatField(null=True)
    exposure_s = models.FloatField(null=True)
    variable = models.BooleanField(null=True)
    rate_kind = models.CharField(max_length=8, blank=True)
    comments = models.CharField(max_length=300, blank=True)

    class Meta:
        """By name."""

        ordering = ("name",)
        constraints = (head_of("catalogue_version", "name", name="archive_jemx_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_jemx_hpx"),
            models.Index(fields=("source_id",), name="archive_jemx_source_id"),
        )

    def __str__(self) -> str:
        return self.name


class SpiCatalogueEntry(CatalogueEntry):
    """A source of the SPI extract of the reference catalogue; fluxes follow from models, null = no model."""

    KEY = ("catalogue_version", "source_id")

    source_id = models.CharField(max_length=24)
    isdc_class = models.PositiveSmallIntegerField(null=True)
    spi_flag = models.SmallIntegerField(null=True)
    flux_15_300_ph_cm2_s = models.FloatField(null=True)
    flux_300_8000_ph_cm2_s = models.FloatField(null=True)
    comments = models.CharField(max_length=300, blank=True)

    class Meta:
        """By name."""

        ordering = ("name",)
        constraints = (head_of("catalogue_version", "source_id", name="archive_spi_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_spi_hpx"),
            models.Index(fields=("source_id",), name="archive_spi_source_id"),
        )

    def __str__(self) -> str:
        return self.name


class GrbCatalogueEntry(CatalogueEntry):
    """A gamma-ray burst seen by SPI, or found by IBAS in IBIS (`instrument` says which)."""

    KEY = ("catalogue_version", "name")

    instrument = models.CharField(max_length=16)
    trigger_mjd_tt = models.FloatField()
    duration_s = models.FloatField(null=True, help_text="T90, or the duration as announced")
    peak_flux = models.FloatField(null=True)
    peak_flux_error = models.FloatField(null=True)
    peak_flux_unit = models.CharField(max_length=24, blank=True)
    peak_flux_limit_flag = models.CharField(max_length=1, blank=True, help_text="< where the peak is an upper limit")
    fluence_20_200_erg_cm2 = models.FloatField(null=True)
    fluence_error_erg_cm2 = models.FloatField(null=True)
    fluence_limit_flag = models.CharField(max_length=4, blank=True, help_text="< or > where the fluence is a limit")
    limit_confidence = models.FloatField(null=True, help_text="fraction at which the upper limits hold")
    photon_index = models.FloatField(null=True)
    photon_index_error = models.FloatField(null=True)
    scw_id = models.CharField(max_length=12, blank=True)
    gcn_circular = models.PositiveIntegerField(null=True)

    class Meta:
        """By time."""

        ordering = ("trigger_mjd_tt",)
        constraints = (head_of("catalogue_version", "name", name="archive_grb_head"),)
        indexes = (models.Index(fields=("hpx",), name="archive_grb_hpx"),)

    def __str__(self) -> str:
        return self.name


class OmcCatalogueEntry(CatalogueEntry):
    """An optical source monitored by the OMC in V."""

    KEY = ("catalogue_version", "omc_id")

    omc_id = models.CharField(max_length=15)
    source_id = models.CharField(max_length=24, blank=True)
    v_mag = models.FloatField(null=True)
    v_brightest_mag = models.FloatField(null=True)
    v_faintest_mag = models.FloatField(null=True)
    period_d = models.FloatField(null=True)
    variability_type = models.CharField(max_length=24, blank=True)
    point_count = models.PositiveIntegerField(null=True)

    class Meta:
        """By id."""

        ordering = ("omc_id",)
        constraints = (head_of("catalogue_version", "omc_id", name="archive_omc_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_omc_hpx"),
            models.Index(fields=("source_id",), name="archive_omc_source_id"),
        )

    def __str__(self) -> str:
        return self.omc_id
