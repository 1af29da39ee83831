"""Addresses that clients of ESA's ISLA use below /tap/, with and without a slash at the end."""

from django.urls import path

from vo.isla import views

urlpatterns = [
    path("tap/sync", views.sync, name="isla-sync"),
    path("tap/sync/", views.sync),
    path("data", views.data, name="isla-data"),
    path("data/", views.data),
    path("login", views.login, name="isla-login"),
    path("logout", views.logout, name="isla-logout"),
    path("servlet/target-resolver", views.target_resolver, name="isla-resolver"),
    path("servlet/target-resolver/", views.target_resolver),
]
