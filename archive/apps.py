"""The Django app that holds the archive's tables."""

from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    """Observations, sources, catalogues, products and releases."""

    name = "archive"
    verbose_name = "Archive"
