"""The Django app that serves sky maps as HiPS."""

from django.apps import AppConfig


class HipsConfig(AppConfig):
    """HiPS and MOC of the archive's sky maps."""

    name = "hips"
    verbose_name = "HiPS"
