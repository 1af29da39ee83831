"""Instruments, energy bands and revolutions."""

from django.db import models

from archive.models.release import Released, head_of


class Instrument(models.Model):
    """One of INTEGRAL's detectors; rows come from archive/tables/instruments.yaml."""

    instrument = models.CharField(max_length=16, primary_key=True)
    title = models.CharField(max_length=80)
    telescope = models.CharField(max_length=16, help_text="INSTRUME keyword of its files")
    energy_min_kev = models.FloatField(null=True)
    energy_max_kev = models.FloatField(null=True)
    angular_resolution_arcmin = models.FloatField(null=True)
    fully_coded_field_deg = models.FloatField(null=True, help_text="diameter or longer side")
    zero_response_field_deg = models.FloatField(null=True, help_text="diameter or longer side")
    description = models.TextField()

    class Meta:
        """By name."""

        ordering = ("instrument",)

    def __str__(self) -> str:
        return self.title


class EnergyBand(models.Model):
    """A band in which products or maps exist."""

    band_id = models.CharField(max_length=40, primary_key=True, help_text="instrument_min_max")
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="bands")
    band = models.CharField(max_length=24, help_text="min_max in keV as ISLA writes it, for example 28_40")
    energy_min_kev = models.FloatField()
    energy_max_kev = models.FloatField()

    class Meta:
        """By energy."""

        ordering = ("instrument", "energy_min_kev", "energy_max_kev")

    def __str__(self) -> str:
        return self.band_id


class Revolution(Released):
    """One orbit of the spacecraft around the Earth."""

    KEY = ("revolution",)

    revolution = models.PositiveIntegerField()
    tstart_mjd_tt = models.FloatField(null=True, help_text="first perigee")
    tstop_mjd_tt = models.FloatField(null=True, help_text="next perigee")
    belt_exit_mjd_tt = models.FloatField(null=True)
    belt_entry_mjd_tt = models.FloatField(null=True)
    exit_altitude_km = models.FloatField(null=True)
    entry_altitude_km = models.FloatField(null=True)

    class Meta:
        """By number."""

        ordering = ("revolution",)
        constraints = (head_of("revolution", name="archive_revolution_head"),)

    def __str__(self) -> str:
        return f"{self.revolution:04d}"
