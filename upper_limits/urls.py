"""Addresses of the upper-limit service: its page and its API. Included at the root."""

from django.urls import path

from upper_limits import views
from upper_limits.api import UpperLimits

urlpatterns = [
    path("upper-limits/", views.upper_limits, name="upper-limits"),
    path("api/v1/upper-limits", UpperLimits.as_view(), name="upper-limits-api"),
]
