"""Addresses of the VO services; TAP answers at /tap and, as ISLA's clients expect, at /tap/tap."""

from django.urls import include, path

from vo.tap import views

urlpatterns = [
    path("tap", views.page),
    path("tap/", views.page, name="tap"),
    # Before TAP: ISLA's servlets share the address of sync.
    path("tap/", include("vo.isla.urls")),
    path("tap/", include("vo.tap.urls")),
    path("tap/tap/", include(("vo.tap.urls", "isla-tap"))),
]
