"""Tables that people with an account keep in the archive's database."""

from django.conf import settings
from django.db import models


class UserTable(models.Model):
    """What is known of a kept table; its rows are in a schema of the owner's own."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="kept_tables")
    name = models.CharField(max_length=63)
    schema = models.CharField(max_length=63, help_text="schema of the owner, by which queries name the table")
    columns = models.JSONField(help_text="what VOTable says of each column")
    row_count = models.PositiveIntegerField()
    size_bytes = models.PositiveBigIntegerField(help_text="on the disk, with indexes")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    share_key = models.CharField(max_length=32, null=True, unique=True, help_text="who knows it may read the table")  # noqa: DJ001 - unique where it is there

    class Meta:
        """One table of a name for each owner."""

        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("owner", "name"), name="one_table_of_a_name"),)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"
