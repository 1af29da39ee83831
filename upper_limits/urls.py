"""Addresses of the upper-limit service: its page, its API, and those of other servers. Included at the root."""

from django.urls import path

from upper_limits import compatible_views, list_views, region_views, views
from upper_limits.api import UpperLimits

urlpatterns = [
    path("upper-limits/", views.upper_limits, name="upper-limits"),
    path("upper-limits/method", views.method, name="upper-limits-method"),
    path("api/v1/upper-limits", UpperLimits.as_view(), name="upper-limits-api"),
    path("api/v1/upper-limits/region", region_views.region, name="upper-limits-region"),
    path("api/v1/upper-limits/coverage", region_views.coverage, name="upper-limits-coverage"),
    path("api/v1/upper-limits/sensitivity", region_views.sensitivity, name="upper-limits-sensitivity"),
    path("api/v1/upper-limits/jobs", list_views.jobs, name="upper-limits-jobs"),
    path("api/v1/upper-limits/jobs/<uuid:job_id>", list_views.job, name="upper-limits-job"),
    path("api/v1/upper-limits/jobs/<uuid:job_id>/result", list_views.result, name="upper-limits-job-result"),
    path("ULSservice_passthru", compatible_views.hiligt, name="hiligt"),
    path("nxsa-sl/servlet/get-uls", compatible_views.rapidxmm, name="rapidxmm"),
    path("servlet/get-uls", compatible_views.rapidxmm),
    path("erosita-ul/ULbyHP/<str:band>/<int:healpix>", compatible_views.erosita_pixel, name="erosita-pixel"),
    path("erosita-ul/ULbyHPlist/<str:band>/", compatible_views.erosita_pixels, name="erosita-pixels"),
    path("erodat/upperlimit/service_multi", compatible_views.erosita_service, name="erosita-service-multi"),
    path("erodat/upperlimit/service", compatible_views.erosita_service, name="erosita-service"),
]
