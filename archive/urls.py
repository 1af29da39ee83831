"""Addresses of the archive: the composition root, which names the other packages by string only."""

from django.urls import include, path

urlpatterns = [
    path("", include("archive.website.urls")),
    path("hips/", include("hips.urls")),
]
