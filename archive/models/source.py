"""Sources and all their names."""

from django.db import models

from archive.models.release import Positioned, Released, head_of


class Source(Released, Positioned):
    """A celestial source as the archive identifies it."""

    KEY = ("source_id",)

    source_id = models.CharField(max_length=24, help_text="J-name of the ISDC reference catalogue")
    name = models.CharField(max_length=80)
    error_radius_deg = models.FloatField(null=True)
    isdc_class = models.PositiveSmallIntegerField(null=True, help_text="class code of the ISDC reference catalogue")

    class Meta:
        """By name."""

        ordering = ("name", "source_id")
        constraints = (head_of("source_id", name="archive_source_head"),)
        indexes = (
            models.Index(fields=("hpx",), name="archive_source_hpx"),
            models.Index(fields=("source_id",), name="archive_source_source_id"),
        )

    def __str__(self) -> str:
        return self.name


class SourceName(Released):
    """One of the names of a source."""

    KEY = ("source_id", "normalized_name")

    source_id = models.CharField(max_length=24)
    name = models.CharField(max_length=120)
    normalized_name = models.CharField(max_length=120, help_text="archive.identifiers.normalize_name(name)")
    is_main = models.BooleanField(default=False)

    class Meta:
        """Main name first."""

        ordering = ("source_id", "-is_main", "name")
        constraints = (head_of("source_id", "normalized_name", name="archive_sourcename_head"),)
        indexes = (
            models.Index(
                fields=("normalized_name",), name="archive_sourcename_norm", opclasses=("varchar_pattern_ops",)
            ),
        )

    def __str__(self) -> str:
        return self.name
