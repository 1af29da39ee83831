"""The call that gives a program what a page shows; every page ends with it."""

from urllib.parse import quote, urlencode

from django.http import HttpRequest

from archive.website import adql

_TABLES = "/api/v1/tables/integral."

# By the name of the page's address; words in braces come from the address, `?` takes what stands behind it along.
_CALLS = {
    "home": "/api/v1/",
    "sources": f"{_TABLES}sources",
    "source": "/api/v1/sources/{source_id}",
    "observations": f"{_TABLES}observations",
    "observation": f"{_TABLES}observations?obs_id={{obs_id}}",
    "scw": f"{_TABLES}science_windows?scw_id={{scw_id}}",
    "science-windows": f"{_TABLES}science_windows",
    "revolutions": f"{_TABLES}revolutions",
    "revolution": f"{_TABLES}revolutions?revolution={{number}}",
    "proposal": f"{_TABLES}observations?proposal_id={{proposal_id}}",
    "burst": f"{_TABLES}spi_grb_catalogue?name={{name}}",
    "omc": f"{_TABLES}omc_catalogue",
    "omc-target": f"{_TABLES}omc_catalogue?omc_id={{omc_id}}",
    "irem": f"{_TABLES}products?instrument=irem",
    "timeline": "/api/v1/timeline?",
    "gallery": f"{_TABLES}products",
    "products": f"{_TABLES}products",
    "product": "/api/v1/products/{product_id}",
    "product-points": "/api/v1/products/{product_id}",
    "product-unfolded": "/api/v1/products/{product_id}/unfolded?",
    "table": "/api/v1/tables/{name}?",
    "status": "/tap/availability",
    "usage": "/api/v1/usage",
    "upper-limits": "/api/v1/upper-limits?",
    "hips-index": "/hips/list",
    "mocs": "/api/v1/moc?",
}
# Calls that are refused unless one of these is given.
_NEEDED = {"upper-limits": {"position", "name", "ra"}, "mocs": {"moc"}}
_QUERIES = {
    "tables": ("tap_schema.tables", "table_name"),
    "releases": ("integral.releases", "release"),
    "release": ("integral.releases", "release"),
    "release-diff": ("integral.releases", "release"),
    "deliveries": ("integral.deliveries", "delivery_id"),
    "delivery": ("integral.deliveries", "delivery_id"),
}


def api_call(request: HttpRequest) -> str:
    """Return the address with the rows or numbers of this page as JSON; empty where a page is for people alone.

    Lists have it without the filters of the page, whose own downloads keep them.
    """
    match = request.resolver_match
    name = match.url_name if match else None
    if match is None or name is None:
        return ""
    if found := _QUERIES.get(name):
        table, order = found
        conditions = [adql.equals(key, value) for key, value in match.kwargs.items() if key == order]
        query = {"LANG": "ADQL", "FORMAT": "json", "QUERY": adql.select(table, conditions, order)}
        return f"/tap/sync?{urlencode(query)}"
    if name in _NEEDED and not _NEEDED[name] & set(request.GET):
        return ""
    call = _CALLS.get(name, "").format(**{key: quote(str(value), safe="") for key, value in match.kwargs.items()})
    if call.endswith("?"):
        call = f"{call}{request.GET.urlencode()}".rstrip("?")
    return call
