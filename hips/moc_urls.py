"""Addresses of coverages and cut-outs; included at the root, because they are no part of one HiPS."""

from django.urls import path, re_path

from hips import cutout_views, moc_views

urlpatterns = [
    path("mocs/", moc_views.moc_list, name="mocs"),
    re_path(
        r"^mocs/(?P<name>[A-Za-z0-9._-]{1,100})\.(?P<file_format>fits|json|txt)$", moc_views.moc_file, name="moc-file"
    ),
    path("api/v1/moc", moc_views.combine, name="api-moc"),
    path("api/v1/cutout", cutout_views.cutout, name="api-cutout"),
]
