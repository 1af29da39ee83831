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
