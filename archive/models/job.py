"""Jobs: rows that are the truth about work done outside a request (UWS 1.1 phases)."""

import uuid

from django.db import models


class Job(models.Model):
    """A piece of work; a worker claims it, Celery only tells the workers to look."""

    class Phase(models.TextChoices):
        """Execution phases of UWS 1.1 section 2.1.3."""

        PENDING = "PENDING"
        QUEUED = "QUEUED"
        EXECUTING = "EXECUTING"
        COMPLETED = "COMPLETED"
        ERROR = "ERROR"
        ABORTED = "ABORTED"

    job_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, help_text="a key of settings.JOBS")
    arguments = models.JSONField(default=dict)
    phase = models.CharField(max_length=10, choices=Phase, default=Phase.PENDING, db_index=True)
    run_id = models.CharField(max_length=64, blank=True)
    owner = models.CharField(max_length=64, blank=True)
    lock_key = models.IntegerField(null=True, help_text="second key of the advisory lock that its worker holds")
    attempts = models.PositiveSmallIntegerField(default=0)
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    message = models.TextField(blank=True, help_text="what is being done, or why it failed")
    result = models.JSONField(null=True)
    execution_duration_s = models.PositiveIntegerField(default=0, help_text="0 = no limit")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    destruction_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id}"
