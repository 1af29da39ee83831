"""What the search pages need to be quick: counts made once for a release."""

from django.db import models

from archive.models.release import Release


class FacetCube(models.Model):
    """How many rows of a published table have each combination of values of its facets, in one release."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="+")
    table_name = models.CharField(max_length=80)
    facets = models.JSONField(help_text="names of the columns")
    counts = models.JSONField(help_text="rows of the values, in the order of the columns, and their count")

    class Meta:
        """One per release, table and choice of columns."""

        ordering = ("release", "table_name")
        constraints = (
            models.UniqueConstraint(fields=("release", "table_name", "facets"), name="archive_one_facet_cube"),
        )

    def __str__(self) -> str:
        return f"{self.table_name} in release {self.release.pk}"
