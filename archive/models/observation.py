"""Proposals, observations and science windows."""

from django.db import models

from archive.models.release import Positioned, Released, head_of


class Proposal(Released):
    """An accepted observing proposal."""

    KEY = ("proposal_id",)

    proposal_id = models.CharField(max_length=16)
    title = models.CharField(max_length=300, blank=True)
    category = models.CharField(max_length=80, blank=True)
    cycle = models.CharField(max_length=16, blank=True, help_text="announcement of opportunity")

    class Meta:
        """By id."""

        ordering = ("proposal_id",)
        constraints = (head_of("proposal_id", name="archive_proposal_head"),)

    def __str__(self) -> str:
        return self.proposal_id


class Observation(Released, Positioned):
    """One scheduled observation, a set of science windows."""

    KEY = ("obs_id",)

    obs_id = models.CharField(max_length=11)
    proposal_id = models.CharField(max_length=16, blank=True)
    target_name = models.CharField(max_length=80, blank=True)
    title = models.CharField(max_length=300, blank=True)
    obs_type = models.CharField(max_length=40, blank=True)
    tstart_mjd_tt = models.FloatField()
    tstop_mjd_tt = models.FloatField(null=True)
    exposure_s = models.FloatField()

    class Meta:
        """By start; indexed for cones and time ranges."""

        ordering = ("tstart_mjd_tt", "obs_id")
        constraints = (head_of("obs_id", name="archive_observation_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_observation_hpx"),
            models.Index(fields=("tstart_mjd_tt",), name="archive_observation_tstart"),
            models.Index(fields=("obs_id",), name="archive_observation_obs_id"),
        )

    def __str__(self) -> str:
        return self.obs_id


class ScienceWindow(Released):
    """A pointing, slew or engineering window: the smallest piece of INTEGRAL data."""

    KEY = ("scw_id",)

    scw_id = models.CharField(max_length=12)
    scw_version = models.CharField(max_length=3, blank=True)
    revolution = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    obs_id = models.CharField(max_length=11, blank=True)
    obs_type = models.CharField(max_length=40, blank=True)
    ra = models.FloatField(null=True, help_text="ICRS, deg; pointing axis (X)")
    dec = models.FloatField(null=True, help_text="ICRS, deg; pointing axis (X)")
    hpx = models.BigIntegerField(null=True, help_text="HEALPix NESTED index at order 29")
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    z = models.FloatField(null=True)
    ra_z = models.FloatField(null=True, help_text="ICRS, deg; Z axis")
    dec_z = models.FloatField(null=True, help_text="ICRS, deg; Z axis")
    position_angle_deg = models.FloatField(null=True)
    tstart_mjd_tt = models.FloatField()
    tstop_mjd_tt = models.FloatField()
    elapsed_s = models.FloatField(null=True)
    good_isgri_s = models.FloatField(null=True)
    good_picsit_s = models.FloatField(null=True)
    good_jemx1_s = models.FloatField(null=True)
    good_jemx2_s = models.FloatField(null=True)
    good_spi_s = models.FloatField(null=True)
    good_omc_s = models.FloatField(null=True)
    size_bytes = models.BigIntegerField(null=True)

    class Meta:
        """By id; indexed for cones, times and membership."""

        ordering = ("scw_id",)
        constraints = (head_of("scw_id", name="archive_sciencewindow_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_scw_hpx"),
            models.Index(fields=("tstart_mjd_tt",), name="archive_scw_tstart"),
            models.Index(fields=("good_isgri_s", "scw_id"), name="archive_scw_by_good_time"),
            models.Index(fields=("scw_id",), name="archive_scw_scw_id"),
            models.Index(fields=("obs_id",), name="archive_scw_obs_id"),
            models.Index(fields=("revolution",), name="archive_scw_revolution"),
        )

    def __str__(self) -> str:
        return self.scw_id
