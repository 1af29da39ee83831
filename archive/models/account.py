"""What belongs to an account beside Django's own user: tokens for programs."""

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A secret that lets a program act for its owner; only its digest is kept.

    Sent as ``Authorization: Bearer <token>`` (RFC 6750 section 2.1; IVOA SSO 2.0 scheme ``ivoa_bearer``).
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    label = models.CharField(max_length=80, help_text="what the owner calls it")
    digest_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.label} of {self.owner}"


class Watch(models.Model):
    """A source or a circle on the sky of which its owner wants to see what new releases bring."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watches")
    label = models.CharField(max_length=120)
    source_id = models.CharField(max_length=40, blank=True, help_text="empty for a circle")
    ra = models.FloatField(null=True, help_text="centre of the circle, ICRS, deg")
    dec = models.FloatField(null=True, help_text="centre of the circle, ICRS, deg")
    radius_deg = models.FloatField(null=True)
    seen_release = models.PositiveIntegerField(default=0, help_text="number of the release its owner has seen")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """By name; a source is watched once."""

        ordering = ("label", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "source_id"), condition=~models.Q(source_id=""), name="archive_one_watch_per_source"
            ),
            models.CheckConstraint(
                condition=models.Q(source_id="", ra__isnull=False, dec__isnull=False, radius_deg__isnull=False)
                | (~models.Q(source_id="") & models.Q(ra=None, dec=None, radius_deg=None)),
                name="archive_watch_of_one_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.label} watched by {self.owner}"
