"""Addresses of the JSON API; included under ``api/v1/``."""

from django.urls import path

from archive.api import documentation, mission, tables, views

urlpatterns = [
    path("", views.root, name="api-root"),
    path("schema", documentation.schema, name="api-schema"),
    path("docs", documentation.page, name="api-docs"),
    path("tables/<str:name>", tables.table, name="api-table"),
    path("resolve", views.resolve, name="api-resolve"),
    path("timeline", mission.timeline, name="api-timeline"),
    path("usage", mission.usage, name="api-usage"),
    path("sources", views.sources, name="api-sources"),
    path("sources/<str:source_id>", views.source, name="api-source"),
    path("products/<str:product_id>", views.product, name="api-product"),
    path("products/<str:product_id>/light-curve", views.light_curve, name="api-light-curve"),
    path("products/<str:product_id>/spectrum", views.spectrum, name="api-spectrum"),
    path("products/<str:product_id>/unfolded", views.unfolded, name="api-unfolded"),
]
