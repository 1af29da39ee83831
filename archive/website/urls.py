"""Addresses of the archive's own pages."""

from django.urls import path

from archive.website import views

urlpatterns = [
    path("", views.home, name="home"),
]
