"""Addresses of the VO services; TAP answers at /tap and, as ISLA's clients expect, at /tap/tap."""

from django.urls import include, path

from vo.datalink import views as datalink
from vo.products import views as products
from vo.registry.views import oai
from vo.scs import views as scs
from vo.sia import views as sia
from vo.soda import views as soda
from vo.ssa import views as ssa
from vo.tap import page_views, workspace_views

urlpatterns = [
    path("datalink/links", datalink.links, name="datalink"),
    path("datalink/links/", datalink.links),
    path("datalink/package", datalink.package, name="datalink-package"),
    path("datalink/capabilities", datalink.capabilities, name="datalink-capabilities"),
    path("votable/<str:product_id>", products.votable, name="product-votable"),
    path("preview/<str:product_id>", products.preview, name="product-preview"),
    path("scs/<str:name>", scs.cone, name="scs"),
    path("scs/<str:name>/capabilities", scs.capabilities, name="scs-capabilities"),
    path("mmoda/", include("vo.mmoda.urls")),
    path("oai", oai, name="oai"),
    path("sia2/query", sia.query, name="sia2"),
    path("sia2/capabilities", sia.capabilities, name="sia2-capabilities"),
    path("soda/sync", soda.sync, name="soda"),
    path("soda/", include(("vo.uws.urls", "soda")), {"kind": "soda"}),
    path("soda/capabilities", soda.capabilities, name="soda-capabilities"),
    path("ssa", ssa.query, name="ssa"),
    path("ssa/capabilities", ssa.capabilities, name="ssa-capabilities"),
    path("tap", page_views.page),
    path("account/queries", workspace_views.workspace, name="workspace"),
    path("account/queries/save", workspace_views.save_query, name="workspace-query-save"),
    path("account/queries/<str:key>/remove", workspace_views.remove_query, name="workspace-query-remove"),
    path("account/tables", workspace_views.keep_table, name="workspace-table-keep"),
    path("account/tables/<str:name>", workspace_views.change_table, name="workspace-table"),
    path("queries/<str:key>", workspace_views.saved_query, name="saved-query"),
    path("tap/", page_views.page, name="tap"),
    path("ssa/lightcurves", ssa.light_curves, name="ssa-lightcurves"),
    path("ssa/lightcurves/capabilities", ssa.light_curve_capabilities, name="ssa-lightcurves-capabilities"),
    # Before TAP: ISLA's servlets share the address of sync.
    path("tap/", include("vo.isla.urls")),
    path("tap/", include("vo.tap.urls")),
    path("tap/tap/", include(("vo.tap.urls", "isla-tap"))),
]
