"""Addresses of the pages about deliveries and releases."""

from django.urls import path

from ingestion import contribute_views, views

urlpatterns = [
    path("deliveries/", views.deliveries, name="deliveries"),
    path("contribute", contribute_views.contribute, name="contribute"),
    path("deliveries/<str:delivery_id>", views.delivery, name="delivery"),
    path("deliveries/<str:delivery_id>/report.json", views.report_json, name="delivery-report"),
    path("deliveries/<str:delivery_id>/sign", views.sign, name="delivery-sign"),
    path("releases/diff", views.difference, name="release-diff"),
    path("releases/<str:name>", views.release, name="release"),
]
