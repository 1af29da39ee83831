"""Addresses of the HiPS service; included under ``hips/``. Repeated slashes are tolerated, as clients send them."""

from django.urls import path, re_path

from hips import views

_SURVEY = r"(?P<survey_id>[^/]{1,100})(?:/+(?P<path>.*))?$"

urlpatterns = [
    # Tiles and Allsky pictures of the current release: nearly all that is asked for.
    re_path(r"^(?P<survey_id>[^/]{1,100})/(?P<path>Norder.*)$", views.survey_file),
    path("", views.index, name="hips-index"),
    path("list", views.survey_list, name="hips-list"),
    path("<str:survey_id>/", views.survey_file, name="hips-survey"),
    re_path(r"^/*(?:list|hipslist)/*$", views.survey_list),
    re_path(rf"^/*v/+(?P<version_name>[a-z0-9][a-z0-9._-]{{0,63}})/+{_SURVEY}", views.survey_file),
    re_path(rf"^/*{_SURVEY}", views.survey_file),
]
