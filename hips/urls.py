"""Addresses of the HiPS service; included under ``hips/``. Repeated slashes are tolerated."""

from django.urls import path, re_path

from hips import views

urlpatterns = [
    path("", views.index, name="hips-index"),
    re_path(r"^/*(?:list|hipslist)/*$", views.survey_list, name="hips-list"),
    re_path(
        r"^/*v/+(?P<version_name>[a-z0-9][a-z0-9._-]{0,63})/+(?P<survey_id>[^/]{1,100})(?:/+(?P<path>.*))?$",
        views.survey_file,
        name="hips-version-file",
    ),
    re_path(r"^/*(?P<survey_id>[^/]{1,100})(?:/+(?P<path>.*))?$", views.survey_file, name="hips-file"),
]
