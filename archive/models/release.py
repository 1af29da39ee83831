"""Releases, deliveries and the pointer to the current release.

Every released row carries the release that brought it (`release_from`) and the one that replaced or withdrew it
(`release_to`, null while it is valid). A release is therefore immutable and any earlier one can be read again;
publishing and rolling back move one pointer. See docs/decisions/0003-releases.md.
"""

from django.db import models


class Release(models.Model):
    """A numbered, immutable state of the whole archive."""

    number = models.PositiveIntegerField(primary_key=True)
    name = models.CharField(max_length=16, unique=True, help_text="YYYY.N")
    previous = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    published_at = models.DateTimeField()
    description = models.TextField()
    map_version = models.CharField(max_length=64, blank=True, help_text="directory of the sky maps; empty = none yet")

    class Meta:
        """Newest first."""

        ordering = ("-number",)

    def __str__(self) -> str:
        return self.name


class CurrentRelease(models.Model):
    """The one row that says which release is served."""

    SINGLETON = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON)
    release = models.ForeignKey(Release, models.PROTECT, related_name="+")

    class Meta:
        """At most one row."""

        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="archive_one_current_release"),)

    def __str__(self) -> str:
        return f"current release {self.release}"


class Delivery(models.Model):
    """One hand-over of files by a team, identified by the digest of its contents."""

    class State(models.TextChoices):
        """Where a delivery stands."""

        PENDING = "PENDING"
        INVALID = "INVALID"
        PUBLISHED = "PUBLISHED"
        UNCHANGED = "UNCHANGED"

    class Kind(models.TextChoices):
        """Who answers for a delivery."""

        TEAM = "team"
        COMMUNITY = "community"
        ARCHIVE = "archive"

    delivery_id = models.CharField(max_length=80, primary_key=True)
    title = models.CharField(max_length=200)
    team = models.CharField(max_length=80)
    licence = models.CharField(max_length=80, blank=True)
    digest_sha256 = models.CharField(max_length=64, db_index=True)
    simulated = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    received_at = models.DateTimeField()
    release = models.ForeignKey(Release, models.PROTECT, null=True, blank=True, related_name="deliveries")
    counts = models.JSONField(default=dict, help_text="rows new, changed and unchanged per table")
    findings = models.JSONField(default=list)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TEAM, help_text="who answers for it")
    completeness = models.TextField(blank=True, help_text="what it leaves out, in words; empty = not stated")
    creators = models.JSONField(default=list, help_text="ORCIDs")
    papers = models.JSONField(default=list, help_text="DOIs, bibcodes or arXiv numbers")
    waivers = models.JSONField(default=list, help_text="rule, files, reason, by, expires")

    class Meta:
        """Newest first."""

        ordering = ("-received_at", "delivery_id")
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return self.delivery_id


class Released(models.Model):
    """Base of every row that belongs to releases.

    Links between released rows go by natural key (`source_id`, `scw_id`, ...), because a key names the thing and
    a row is only one version of what is known about it.
    """

    release_from = models.ForeignKey(Release, models.PROTECT, related_name="+")
    release_to = models.ForeignKey(Release, models.PROTECT, null=True, blank=True, related_name="+")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="+")
    simulated = models.BooleanField(default=False)

    KEY: tuple[str, ...] = ()
    """Columns that identify the thing among the rows valid in one release."""

    class Meta:
        """No table of its own."""

        abstract = True


class Positioned(models.Model):
    """A position on the sky with its index columns, which `archive.services` fills from `ra` and `dec`."""

    ra = models.FloatField(help_text="ICRS, deg")
    dec = models.FloatField(help_text="ICRS, deg")
    hpx = models.BigIntegerField(help_text="HEALPix NESTED index at order 29")
    x = models.FloatField()
    y = models.FloatField()
    z = models.FloatField()

    class Meta:
        """No table of its own."""

        abstract = True


def head_of(*columns: str, name: str) -> models.UniqueConstraint:
    """Constraint: one valid head row for each key."""
    return models.UniqueConstraint(fields=columns, condition=models.Q(release_to=None), name=name)
