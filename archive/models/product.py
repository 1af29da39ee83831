"""Products and the files they are made of."""

from django.db import models
from django.db.models.fields.json import KT
from django.utils.translation import pgettext_lazy

from archive.models.release import Released, head_of


class StoredFile(models.Model):
    """A file in the content-addressed store; never overwritten."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size_bytes = models.BigIntegerField()
    stored_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, help_text="last time the digest was recomputed and right")
    damaged_at = models.DateTimeField(null=True, help_text="since when it is missing or damaged; null = it is not")

    class Meta:
        """By digest."""

        ordering = ("sha256",)

    def __str__(self) -> str:
        return self.sha256


class Product(Released):
    """Something a user downloads and reduces: a spectrum, a light curve, a mosaic, a map."""

    class Kind(models.TextChoices):
        """What a product is; the names of ISLA where it has one."""

        MOSAIC = "mosaic", pgettext_lazy("kind of product", "Mosaic")
        SPECTRUM = "spectrum", pgettext_lazy("kind of product", "Spectrum")
        LONG_TIMESERIES = "long_timeseries", pgettext_lazy("kind of product", "Long Timeseries")
        SHORT_TIMESERIES = "short_timeseries", pgettext_lazy("kind of product", "Short Timeseries")
        LIGHT_CURVE = "light_curve", pgettext_lazy("kind of product", "Light Curve")
        EVENT_LIST = "event_list", pgettext_lazy("kind of product", "Event List")
        SKY_MAP = "sky_map", pgettext_lazy("kind of product", "Sky Map")
        SCW_IMAGE = "scw_image", pgettext_lazy("kind of product", "Scw Image")
        TABLE = "table", pgettext_lazy("kind of product", "Table")

    KEY = ("product_id",)

    product_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=Kind)
    title = models.CharField(max_length=200)
    instrument = models.CharField(max_length=16)
    band = models.CharField(max_length=24, blank=True, help_text="min_max in keV; empty = whole range or several")
    energy_min_kev = models.FloatField(null=True)
    energy_max_kev = models.FloatField(null=True)
    source_id = models.CharField(max_length=24, blank=True)
    target_name = models.CharField(max_length=80, blank=True)
    epoch = models.CharField(max_length=40, blank=True, help_text="ISLA's revolution_obsid, or empty")
    revolution = models.PositiveIntegerField(null=True)
    obs_id = models.CharField(max_length=11, blank=True)
    ra = models.FloatField(null=True)
    dec = models.FloatField(null=True)
    hpx = models.BigIntegerField(null=True)
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    z = models.FloatField(null=True)
    field_of_view_deg = models.FloatField(null=True, help_text="diameter of the smallest circle around the product")
    footprint = models.TextField(blank=True, help_text="DALI s_region: POLYGON or CIRCLE, ICRS deg")
    tstart_mjd_tt = models.FloatField(null=True)
    tstop_mjd_tt = models.FloatField(null=True)
    exposure_s = models.FloatField(null=True)
    sample_count = models.IntegerField(null=True, help_text="rows, channels or pixels along the main axis")
    software = models.CharField(max_length=120, blank=True)
    created_at = models.CharField(max_length=32, blank=True, help_text="DATE keyword of the main file")
    metadata = models.JSONField(default=dict, help_text="further facts read from the files, names with units")

    class Meta:
        """By id."""

        ordering = ("product_id",)
        constraints = (head_of("product_id", name="archive_product_head"),)
        indexes = (
            # All that counting in a circle needs, so that a circle with tens of thousands of products reads no rows.
            models.Index(
                fields=("hpx",),
                include=("x", "y", "z", "release_from", "release_to", "kind", "instrument", "band", "simulated"),
                name="archive_product_hpx",
            ),
            models.Index(
                fields=("source_id", "kind", "instrument", "obs_id", "energy_min_kev"),
                include=("delivery", "simulated", "release_from", "release_to"),
                name="archive_product_of_source",
            ),
            models.Index(
                fields=("source_id", "kind", "tstart_mjd_tt", "product_id"),
                include=("exposure_s", "release_from", "release_to"),  # all that finding the longest spectra needs
                name="archive_product_source_time",
            ),
            models.Index(fields=("obs_id",), name="archive_product_obs_id"),
            models.Index(fields=("revolution",), name="archive_product_revolution"),
            # The orders of the search page that a million rows may be asked for; the id settles ties at any depth.
            models.Index(fields=("tstart_mjd_tt", "product_id"), name="archive_product_by_start"),
            models.Index(fields=("tstop_mjd_tt", "product_id"), name="archive_product_by_stop"),
            models.Index(fields=("exposure_s", "product_id"), name="archive_product_by_exposure"),
            models.Index(fields=("target_name", "product_id"), name="archive_product_by_target"),
            models.Index(fields=("title", "product_id"), name="archive_product_by_title"),
            models.Index(fields=("energy_min_kev", "product_id"), name="archive_product_by_energy"),
            models.Index(fields=("energy_max_kev", "product_id"), name="archive_product_by_top"),
            models.Index(fields=("band", "product_id"), name="archive_product_by_band"),
            models.Index(fields=("simulated", "product_id"), name="archive_product_simulated"),
            models.Index(fields=("ra", "product_id"), name="archive_product_by_ra"),
            models.Index(fields=("dec", "product_id"), name="archive_product_by_dec"),
            models.Index(fields=("kind", "product_id"), name="archive_product_kind"),
            models.Index(fields=("instrument", "product_id"), name="archive_product_instrument"),
            models.Index(fields=("product_id",), name="archive_product_product_id"),
            # All that is held of a science window.
            models.Index(KT("metadata__scw_id"), name="archive_product_scw_id"),
            # All that DataLink needs to count what was made of the same epoch and to name the first of it.
            models.Index(
                fields=("epoch", "source_id", "kind", "instrument", "product_id"),
                include=("release_from", "release_to"),
                name="archive_product_of_epoch",
            ),
            # The few series of the mission whose headers list what they were made from.
            models.Index(
                fields=("source_id",),
                condition=models.Q(kind="long_timeseries", metadata__inputs__0__isnull=False),
                name="archive_product_with_inputs",
            ),
        )

    def __str__(self) -> str:
        return self.product_id


class ProductFile(Released):
    """A file in its role within a product."""

    class Role(models.TextChoices):
        """What the file is to the product."""

        SCIENCE = "science"
        ARF = "arf"
        RMF = "rmf"
        SMOOTHED = "smoothed"
        REGION = "region"
        PREVIEW = "preview"
        DOCUMENTATION = "documentation"

    KEY = ("product_id", "file_name")

    product_id = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role)
    file_name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()

    class Meta:
        """By product, science file first."""

        ordering = ("product_id", "-role", "file_name")
        constraints = (head_of("product_id", "file_name", name="archive_productfile_head"),)
        indexes = (models.Index(fields=("product_id",), name="archive_productfile_product"),)

    def __str__(self) -> str:
        return self.file_name
