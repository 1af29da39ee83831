"""Addresses of jobs below ``async`` (UWS 1.1 section 2.2)."""

from django.urls import path

from vo.uws import views

urlpatterns = [
    path("async", views.jobs, name="tap-async"),
    path("async/", views.jobs),
    path("async/<uuid:job_id>", views.job, name="tap-job"),
    path("async/<uuid:job_id>/", views.job),
    path("async/<uuid:job_id>/results/<str:name>", views.result, name="tap-result"),
    path("async/<uuid:job_id>/<str:name>", views.part, name="tap-job-part"),
    path("async/<path:address>", views.missing),
]
