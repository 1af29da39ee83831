"""What the archive knows about its use: counts per day and service, and what visitors wrote. Nobody is identified."""

from django.db import models


class UsageCount(models.Model):
    """Requests that one service answered on one day (UTC)."""

    day = models.DateField()
    service = models.CharField(max_length=32)
    requests = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0, help_text="answered with status 400 to 499")
    failed = models.BigIntegerField(default=0, help_text="answered with status 500 and above")
    size_bytes = models.BigIntegerField(default=0, help_text="sent in answers that state their length")

    class Meta:
        """One row per day and service."""

        ordering = ("-day", "service")
        constraints = (models.UniqueConstraint(fields=("day", "service"), name="archive_one_count_per_day"),)

    def __str__(self) -> str:
        return f"{self.service} on {self.day}"


class Feedback(models.Model):
    """What a visitor wrote about a page; the address to answer to is there only if they gave one."""

    written_at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()
    page = models.CharField(max_length=500, blank=True, help_text="path and query of the page it is about")
    answer_to = models.CharField(max_length=200, blank=True)
    release = models.CharField(max_length=16, blank=True)
    done = models.BooleanField(default=False)

    class Meta:
        """Newest first."""

        ordering = ("-written_at",)
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return f"feedback of {self.written_at:%Y-%m-%d}"
