"""Addresses of the archive's own pages."""

from django.urls import path

from archive.website.views import feeds, home, observations, products, search, sky, sources, tables, usage

urlpatterns = [
    path("", home.home, name="home"),
    path("search", search.search, name="search"),
    path("search/suggest", search.suggest, name="suggest"),
    path("sources/", sources.source_list, name="sources"),
    path("sources/<str:source_id>", sources.source, name="source"),
    path("sources/<str:source_id>/sky.png", sources.source_cut, name="source-cut"),
    path("observations/", observations.observation_list, name="observations"),
    path("observations/<str:obs_id>", observations.observation, name="observation"),
    path("scw/<str:scw_id>", observations.science_window, name="scw"),
    path("revolutions/", observations.revolution_list, name="revolutions"),
    path("revolutions/<int:number>", observations.revolution, name="revolution"),
    path("products/", products.product_list, name="products"),
    path("products/<str:product_id>", products.product, name="product"),
    path("products/<str:product_id>/points", products.product_points, name="product-points"),
    path("products/<str:product_id>/points.csv", products.product_csv, name="product-csv"),
    path("products/<str:product_id>/files/<str:file_name>", products.product_file, name="product-file"),
    path("tables/", tables.table_list, name="tables"),
    path("tables/<str:name>", tables.table_search, name="table"),
    path("science-windows/", tables.science_windows, name="science-windows"),
    path("catalogues/", tables.catalogues, name="catalogues"),
    path("sky", sky.sky, name="sky"),
    path("sky/marks.json", sky.sky_marks, name="sky-marks"),
    path("releases/", home.releases, name="releases"),
    path("usage", usage.usage, name="usage"),
    path("feedback", usage.feedback, name="feedback"),
    path("feeds/releases.atom", feeds.releases, name="release-feed"),
    path("feeds/sources/<str:source_id>.atom", feeds.source, name="source-feed"),
    path("feeds/region.atom", feeds.region, name="region-feed"),
    path("about", home.about, name="about"),
    path("status", home.status, name="status"),
    path("coverage.png", home.coverage, name="coverage"),
    path("robots.txt", home.robots, name="robots"),
    path("favicon.ico", home.favicon, name="favicon"),
]
