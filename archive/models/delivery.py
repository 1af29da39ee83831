"""Deliveries on their way through the gates, signatures, withdrawals, and the log of all of it."""

from django.db import models
from django.utils.translation import gettext_noop as _  # pages translate the states; errors that name them stay English

from archive.models.release import Delivery, Release


class Submission(models.Model):
    """One hand-in of a delivery package; a corrected package of the same delivery is the next attempt.

    Each gate moves `state` on once; see docs/decisions/0030-gates.md.
    """

    class State(models.TextChoices):
        """Where the package stands."""

        RECEIVING = "RECEIVING", _("is being received")
        RECEIVED = "RECEIVED", _("waits for validation")
        INVALID = "INVALID", _("refused by the validator")
        VALID = "VALID", _("waits for signatures")
        UNCHANGED = "UNCHANGED", _("brought nothing new")
        PUBLISHED = "PUBLISHED", _("published, not yet read back")
        VERIFIED = "VERIFIED", _("published and read back")
        DAMAGED = "DAMAGED", _("published, but read back with errors")

    delivery_id = models.CharField(max_length=80)
    attempt = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVING)
    title = models.CharField(max_length=200)
    team = models.CharField(max_length=80)
    release_type = models.CharField(max_length=10)
    simulated = models.BooleanField(default=False)
    digest_sha256 = models.CharField(max_length=64, help_text="identity of the content that was received")
    size_bytes = models.BigIntegerField()
    received_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    report = models.JSONField(null=True, help_text="as ingestion/report.schema.json")
    preview = models.JSONField(null=True, help_text="what publishing would change")
    verification = models.JSONField(null=True, help_text="what reading back found")
    release = models.ForeignKey(Release, models.PROTECT, null=True, related_name="submissions")

    class Meta:
        """Newest first; one attempt per number."""

        ordering = ("-received_at", "-id")
        constraints = (models.UniqueConstraint(fields=("delivery_id", "attempt"), name="archive_one_submission"),)

    def __str__(self) -> str:
        return f"{self.delivery_id} ({self.attempt})"


class SignOff(models.Model):
    """A signature under what the preview shows; it holds for one content only."""

    class Role(models.TextChoices):
        """Both must sign."""

        TEAM = "team"
        ARCHIVE = "archive"

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="signatures")
    role = models.CharField(max_length=8, choices=Role)
    signer = models.CharField(max_length=80, help_text="a role or account, not an address")
    digest_sha256 = models.CharField(max_length=64, help_text="content that was signed")
    signed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Each role once."""

        ordering = ("signed_at",)
        constraints = (models.UniqueConstraint(fields=("submission", "role"), name="archive_one_signature"),)

    def __str__(self) -> str:
        return f"{self.role}: {self.signer}"


class Withdrawal(models.Model):
    """The tombstone of a delivery: from `release` on its rows are gone, and this says why."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="withdrawals")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="withdrawals")
    reason = models.TextField()

    class Meta:
        """Newest first."""

        ordering = ("-release",)

    def __str__(self) -> str:
        return f"{self.delivery} withdrawn in {self.release}"


class AuditEntry(models.Model):
    """One line of the log; `archive.audit` writes it, a trigger of the database refuses to change or remove it."""

    number = models.PositiveBigIntegerField(primary_key=True)
    recorded_at = models.CharField(max_length=32, help_text="UTC, ISO 8601; text, because it is hashed")
    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    facts = models.JSONField(default=dict)
    previous_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    class Meta:
        """In order."""

        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.subject}"
