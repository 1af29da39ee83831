"""Addresses of bulk access: scripts and lists of files."""

from django.urls import path, re_path

from archive.website.views import bulk

urlpatterns = [
    re_path(r"^bulk/(?P<form>curl|wget|python)$", bulk.script, name="bulk-script"),
    path("releases/<str:name>/SHA256SUMS", bulk.manifest, {"form": "txt"}, name="release-manifest"),
    path("releases/<str:name>/files.csv", bulk.manifest, {"form": "csv"}, name="release-files"),
]
