"""Addresses of the TAP service below its base: TAP 1.1 section 2, VOSI 1.1 as siblings of sync."""

from django.urls import include, path

from vo.tap import user_table_views, views
from vo.vosi import views as vosi

urlpatterns = [
    path("sync", views.sync, name="tap-sync"),
    path("sync/", views.sync),
    path("", include("vo.uws.urls")),
    path("user_tables", user_table_views.kept_tables, name="tap-user-tables"),
    path("user_tables/<str:name>", user_table_views.kept_table, name="tap-user-table"),
    path("examples", views.examples, name="tap-examples"),
    path("capabilities", vosi.capabilities, name="tap-capabilities"),
    path("availability", vosi.availability, name="tap-availability"),
    path("tables", vosi.tables, name="tap-tables"),
    path("tables/<str:name>", vosi.table, name="tap-table"),
]
