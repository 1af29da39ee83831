"""Code for `oda_api` that fetches one stored product; to show on the product's page. Pure."""

QUERIES = {
    "mosaic": "image",
    "scw_image": "image",
    "spectrum": "spectrum",
    "long_timeseries": "lc",
    "short_timeseries": "lc",
    "light_curve": "lc",
}
"""Ending of the name of MMODA's product for each kind of ours."""

INSTRUMENTS = {"isgri": "isgri", "jemx": "jemx", "jemx1": "jemx", "jemx2": "jemx"}
SERIES_ONLY = {"spi_acs", "omc", "irem"}


def oda_code(product_id: str, kind: str, instrument: str, url: str) -> str:
    """Return Python code, or nothing when the protocol has no such product.

    Examples
    --------
    >>> print(oda_code("crab-lc", "light_curve", "jemx1", "http://127.0.0.1:8000").splitlines()[-1])
    data = disp.get_product(product='jemx_lc', instrument='jemx', product_id='crab-lc')
    >>> oda_code("m", "sky_map", "isgri", "http://127.0.0.1:8000")
    ''
    """
    ending = QUERIES.get(kind, "")
    name = INSTRUMENTS.get(instrument) or (instrument if instrument in SERIES_ONLY and ending == "lc" else "")
    if not (ending and name):
        return ""
    return (
        "from oda_api.api import DispatcherAPI\n\n"
        f"disp = DispatcherAPI(url={f'{url}/mmoda'!r}, instrument='mock')\n"
        f"data = disp.get_product(product={f'{name}_{ending}'!r}, instrument={name!r}, product_id={product_id!r})\n"
    )
