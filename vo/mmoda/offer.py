"""What is offered through the MMODA protocol: instruments, products and parameters, as `oda_api` asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query: its default as MMODA has it, its unit, and the range that is accepted."""

    name: str
    value: str | float | int | None = None
    units: str | None = None
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument of MMODA: the archive's names of its detectors and the queries of its products."""

    name: str
    detectors: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    products: Mapping[str, tuple[Parameter, ...]]


SOURCE = (
    Parameter("src_name", "1E 1740.7-2942"),
    Parameter("RA", 265.97845833, "deg", 0.0, 360.0),
    Parameter("DEC", -29.74516667, "deg", -90.0, 90.0),
    Parameter("T1", "2017-03-06T13:26:48.000"),
    Parameter("T2", "2017-03-06T15:32:27.000"),
    Parameter("T_format", "isot", None, allowed=("isot", "mjd", "jd")),
    Parameter("token"),
)
OWN = (Parameter("product_id"),)
"""Parameters of this archive alone: `product_id` picks one stored product, whatever else is asked."""

_CATALOGUE = (Parameter("user_catalog"), Parameter("selected_catalog"), Parameter("catalog_selected_objects"))
_PIPELINE = (
    Parameter("scw_list"),
    Parameter("radius", 15.0, "deg"),
    Parameter("max_pointings", 50),
    Parameter("osa_version", "OSA11.2"),
    Parameter("integral_data_rights", "public", allowed=("public", "all-private")),
    *_CATALOGUE,
)
_IMAGE = (
    Parameter("detection_threshold", 7.0, "sigma", 0.0, 1e6),
    Parameter("image_scale_min"),
    Parameter("image_scale_max"),
)
_SERIES = (
    Parameter("time_bin", None, "sec", 1e-6, 1e9),
    Parameter("time_bin_format", "sec", allowed=("sec", "jd")),
)


def _band(low: float, high: float, least: float, most: float) -> tuple[Parameter, ...]:
    return (Parameter("E1_keV", low, "keV", least, most), Parameter("E2_keV", high, "keV", least, most))


_ISGRI, _JEMX = _band(20.0, 40.0, 15.0, 1000.0), _band(3.0, 20.0, 3.0, 35.0)
_LIMIT = (Parameter("confidence", 0.9973, None, 0.5, 1.0), Parameter("index", 2.1, None, -10.0, 10.0))

INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        instrument.name: instrument
        for instrument in (
            Instrument(
                "isgri",
                ("isgri",),
                (*_PIPELINE, *_ISGRI),
                {"isgri_image": _IMAGE, "isgri_lc": _SERIES, "isgri_spectrum": (), "isgri_ul": _LIMIT},
            ),
            Instrument(
                "jemx",
                ("jemx1", "jemx2", "jemx"),
                (*_PIPELINE, *_JEMX, Parameter("jemx_num", None, None, 1, 2)),
                {"jemx_image": _IMAGE, "jemx_lc": _SERIES, "jemx_spectrum": ()},
            ),
            Instrument(
                "spi_acs",
                ("spi_acs",),
                (Parameter("data_level", "ordinary", allowed=("ordinary", "realtime")), Parameter("synchronous")),
                {"spi_acs_lc": _SERIES},
            ),
            Instrument("omc", ("omc",), (), {"omc_lc": _SERIES}),
            Instrument("irem", ("irem",), (), {"irem_lc": _SERIES}),
        )
    }
)

PROTOCOL = frozenset(
    {
        *("instrument", "product_type", "query_type", "off_line", "query_status", "session_id", "api", "verbose"),
        *("oda_api_version", "job_id", "token", "async_dispatcher", "dry_run", "allow_unknown_args", "run_asynch"),
        *("use_scws", "use_resolver[local]", "scw_list_file", "user_catalog_file", "return_progress", "tstart_rel"),
    }
)
"""Parameters that steer the dialogue and not the data."""

UNUSED = frozenset(
    {
        *("radius", "max_pointings", "osa_version", "user_catalog", "selected_catalog", "catalog_selected_objects"),
        *("image_scale_min", "image_scale_max", "synchronous", "data_level"),
    }
)
"""Parameters of a pipeline run: accepted, and named in the comment, because what is stored was made without them."""


def parameters_of(instrument: Instrument, product: str) -> tuple[Parameter, ...]:
    """Return every parameter that a query for a product may have."""
    return (*SOURCE, *instrument.parameters, *instrument.products[product], *OWN)


def describe(instrument: Instrument, product: str | None = None) -> list[object]:
    """Return the description that ``get_instrument_description`` and ``get_product_description`` print.

    The key ``instrumet`` is spelt as the protocol spells it; each query is a list that begins with its own name.
    """
    chosen = [product] if product else list(instrument.products)
    blocks: list[object] = [
        {"instrumet": instrument.name},
        {"prod_dict": {name: f"{name}_query" for name in instrument.products}},
        _block("src_query", "src_query", (*SOURCE, *OWN)),
        _block(f"{instrument.name}_parameters", f"{instrument.name}_parameters", instrument.parameters),
    ]
    blocks += [_block(f"{name}_query", name, instrument.products[name]) for name in chosen]
    return [blocks]


def _block(query: str, product: str, parameters: tuple[Parameter, ...]) -> list[object]:
    return [{"query_name": query}, {"product_name": product}, *_describe_all(parameters)]


def _describe_all(parameters: tuple[Parameter, ...]) -> Iterator[dict[str, object]]:
    for one in parameters:
        limits = {"min_value": one.low, "max_value": one.high, "allowed_values": list(one.allowed) or None}
        restrictions = {"is_optional": True, **{key: value for key, value in limits.items() if value is not None}}
        yield {"name": one.name, "units": one.units or "", "value": one.value, "restrictions": restrictions}
