"""Addresses of the MMODA protocol below /mmoda; a double slash comes from an address that ends with one."""

from django.urls import re_path

from vo.mmoda import views

urlpatterns = [
    re_path(r"^/?run_analysis/?$", views.run_analysis, name="mmoda-run"),
    re_path(r"^/?(?:api/)?instr-list/?$", views.instruments, name="mmoda-instruments"),
    re_path(r"^/?(?:api/)?par-names/?$", views.parameter_names, name="mmoda-parameters"),
    re_path(r"^/?(?:api/)?meta-data/?$", views.meta_data, name="mmoda-meta-data"),
]
