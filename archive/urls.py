"""Addresses of the archive: the composition root, which names the other packages by string only."""

from django.urls import include, path

urlpatterns = [
    # First, because Django tries one pattern after the other and a sky viewer asks for hundreds of tiles.
    path("hips/", include("hips.urls")),
    path("", include("archive.website.bulk_urls")),
    path("", include("archive.website.urls")),
    path("", include("archive.accounts.urls")),
    path("api/v1/", include("archive.api.urls")),
    path("", include("hips.moc_urls")),
    path("", include("upper_limits.urls")),
    path("", include("ingestion.urls")),
    path("", include("vo.urls")),
]

handler400 = "archive.website.views.errors.bad_request"
handler404 = "archive.website.views.errors.page_not_found"
handler500 = "archive.website.views.errors.server_error"
