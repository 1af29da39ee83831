"""Queries that people with an account save."""

from django.conf import settings
from django.db import models


class SavedQuery(models.Model):
    """An ADQL query with a permanent address; it never changes, so that what cites it stays true."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_queries")
    key = models.CharField(max_length=24, unique=True, help_text="the last part of its address")
    title = models.CharField(max_length=120)
    query = models.TextField()
    release = models.CharField(max_length=16, blank=True, help_text="that was served when it was saved")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at", "-pk")
        verbose_name_plural = "saved queries"

    def __str__(self) -> str:
        return self.title
