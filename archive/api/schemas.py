"""What each address of the JSON API answers, as JSON Schema (OpenAPI 3.1); the tests hold every answer against it."""

from collections.abc import Mapping

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from archive.usage import COUNTED

JsonSchema = Mapping[str, object]

TEXT: JsonSchema = {"type": "string"}
NUMBER: JsonSchema = {"type": "number"}
WHOLE: JsonSchema = {"type": "integer"}
YES_NO: JsonSchema = {"type": "boolean"}
MAYBE_NUMBER: JsonSchema = {"type": ["number", "null"]}
MAYBE_WHOLE: JsonSchema = {"type": ["integer", "null"]}
MAYBE_TEXT: JsonSchema = {"type": ["string", "null"]}


def record(fields: Mapping[str, JsonSchema], optional: tuple[str, ...] = ()) -> dict[str, object]:
    """Return the schema of an object that has these fields and no others."""
    required = [name for name in fields if name not in optional]
    return {"type": "object", "properties": dict(fields), "required": required, "additionalProperties": False}


def many(item: JsonSchema) -> dict[str, object]:
    """Return the schema of a list."""
    return {"type": "array", "items": dict(item)}


def described(schema: JsonSchema, description: str) -> dict[str, object]:
    """Return a schema with words."""
    return {**schema, "description": description}


def answers(schema: JsonSchema) -> dict[object, object]:
    """Return the answers of an address: the good one, and errors as one sentence with the name of the fault."""
    return {
        (200, "application/json"): schema,
        (400, "application/json"): OpenApiResponse(ERROR, description="A parameter cannot be read."),
        (404, "application/json"): OpenApiResponse(ERROR, description="There is no such thing in this release."),
    }


ERROR = record({"error": record({"fault": TEXT, "message": TEXT})})
_NUMBERS = many(MAYBE_NUMBER)
_BRIEF_SOURCE = {
    "source_id": TEXT,
    "name": TEXT,
    "ra": described(NUMBER, "ICRS, deg"),
    "dec": described(NUMBER, "ICRS, deg"),
    "simulated": described(YES_NO, "true where it was not measured by INTEGRAL"),
    "separation_deg": described(NUMBER, "from the centre of a cone search"),
    "url": TEXT,
    "page": TEXT,
}
_BRIEF_PRODUCT = {
    "product_id": TEXT,
    "kind": TEXT,
    "title": TEXT,
    "instrument": TEXT,
    "energy_min_kev": MAYBE_NUMBER,
    "energy_max_kev": MAYBE_NUMBER,
    "simulated": YES_NO,
    "url": TEXT,
    "page": TEXT,
}
_DISTANCE = ("separation_deg",)

ROOT = record(
    {
        "archive": TEXT,
        "version": TEXT,
        "release": MAYBE_TEXT,
        "endpoints": {"type": "object", "additionalProperties": dict(TEXT)},
        "conventions": TEXT,
    }
)
SOURCES = record({"total": WHOLE, "next_page": MAYBE_TEXT, "sources": many(record(_BRIEF_SOURCE, _DISTANCE))})
SOURCE = record(
    {
        **_BRIEF_SOURCE,
        "error_radius_deg": MAYBE_NUMBER,
        "isdc_class": MAYBE_WHOLE,
        "names": many(TEXT),
        "release": described(TEXT, "release in which this row appeared or last changed"),
        "delivery": TEXT,
        "product_total": described(WHOLE, "products of the source; `products` holds one page of them"),
        "next_page": described(MAYBE_TEXT, "the parameter `page` of the next page; null on the last"),
        "products": many(record(_BRIEF_PRODUCT)),
    },
    _DISTANCE,
)
PRODUCT = record(
    {
        **_BRIEF_PRODUCT,
        "target_name": TEXT,
        "obs_id": TEXT,
        "revolution": MAYBE_WHOLE,
        "ra": MAYBE_NUMBER,
        "dec": MAYBE_NUMBER,
        "tstart_mjd_tt": MAYBE_NUMBER,
        "tstop_mjd_tt": MAYBE_NUMBER,
        "exposure_s": MAYBE_NUMBER,
        "release": TEXT,
        "files": many(
            record(
                {"file_name": TEXT, "role": TEXT, "media_type": TEXT, "size_bytes": WHOLE, "sha256": TEXT, "url": TEXT}
            )
        ),
    }
)
_ABOUT = {
    "product_id": TEXT,
    "title": TEXT,
    "kind": TEXT,
    "source_id": MAYBE_TEXT,
    "simulated": YES_NO,
    "release": TEXT,
}
LIGHT_CURVE = record(
    {
        **_ABOUT,
        "time_scale": TEXT,
        "time_origin": TEXT,
        "bin_d": described(MAYBE_NUMBER, "width of the bins, d; null = points as stored"),
        "units": {"type": "object", "additionalProperties": dict(TEXT)},
        "curves": many(
            record(
                {
                    "label": TEXT,
                    "instrument": MAYBE_TEXT,
                    "energy_min_kev": MAYBE_NUMBER,
                    "energy_max_kev": MAYBE_NUMBER,
                    "quantity": TEXT,
                    "unit": TEXT,
                    "time_reference": MAYBE_TEXT,
                    "time_resolution_s": MAYBE_NUMBER,
                    "remarks": many(TEXT),
                    "points": many(WHOLE),
                    "time_mjd_tt": _NUMBERS,
                    "half_width_d": _NUMBERS,
                    "value": _NUMBERS,
                    "error": _NUMBERS,
                },
                ("points",),
            )
        ),
    }
)
SPECTRUM = record(
    {
        **_ABOUT,
        "exposure_s": MAYBE_NUMBER,
        "units": {"type": "object", "additionalProperties": dict(TEXT)},
        "meaning": TEXT,
        "has_energies": YES_NO,
        "remarks": many(TEXT),
        "channel": _NUMBERS,
        "energy_min_kev": _NUMBERS,
        "energy_max_kev": _NUMBERS,
        "rate": _NUMBERS,
        "error": _NUMBERS,
        "quality": _NUMBERS,
        "rate_per_kev": _NUMBERS,
        "error_per_kev": _NUMBERS,
    }
)
UNFOLDED = record(
    {
        **_ABOUT,
        "meaning": TEXT,
        "method": TEXT,
        "photon_index": NUMBER,
        "index_is_fitted": YES_NO,
        "index_error": described(MAYBE_NUMBER, "1 sigma, where chi2 rises by 1; null when given or not bounded"),
        "norm": described(NUMBER, "of the power law at 1 keV, ph/(cm**2.s.keV)"),
        "chi2": NUMBER,
        "degrees_of_freedom": WHOLE,
        "units": {"type": "object", "additionalProperties": dict(TEXT)},
        "channel": _NUMBERS,
        "energy_min_kev": _NUMBERS,
        "energy_max_kev": _NUMBERS,
        "photon_flux": _NUMBERS,
        "photon_flux_error": _NUMBERS,
        "energy_flux": _NUMBERS,
        "energy_flux_error": _NUMBERS,
        "model_energy_flux": _NUMBERS,
    }
)
RESOLVED = record(
    {
        "query": TEXT,
        "kind": {"type": "string", "enum": ["position", "source"]},
        "ra": NUMBER,
        "dec": NUMBER,
        "read_as": TEXT,
        "source": {"anyOf": [record(_BRIEF_SOURCE, _DISTANCE), {"type": "null"}]},
    }
)
_SCALAR: JsonSchema = {"type": ["string", "number", "boolean", "null"]}
TABLE = record(
    {
        "table": TEXT,
        "total": described(WHOLE, "rows on all pages"),
        "next_page": described(MAYBE_TEXT, "value of `page` for the next one"),
        "adql": described(TEXT, "the query that gives all rows through TAP"),
        "columns": many(record({"name": TEXT, "unit": MAYBE_TEXT, "ucd": MAYBE_TEXT, "description": TEXT})),
        "facets": {"type": "object", "additionalProperties": many(record({"value": _SCALAR, "count": WHOLE}))},
        "rows": described(many(many(_SCALAR)), "values in the order of `columns`"),
    }
)

_ENDS: dict[str, JsonSchema] = {"tstart_mjd_tt": NUMBER, "tstop_mjd_tt": NUMBER}
TIMELINE = record(
    {
        **_ENDS,
        "unit": described(TEXT, "what a slice is: a bin of days, a revolution or a science window"),
        "instruments": many(TEXT),
        "slices": many(
            record(
                {
                    "label": TEXT,
                    **_ENDS,
                    "science_windows": described(NUMBER, "a revolution counts evenly along its length in bins"),
                    "good_s": described({"type": "object", "additionalProperties": dict(NUMBER)}, "by instrument, s"),
                    "simulated": YES_NO,
                }
            )
        ),
        "slices_left_out": described(WHOLE, "science windows beyond those that one answer lists"),
        "gaps": described(many(record(_ENDS)), "no pointing for more than a day"),
        "radiation_belts": described(many(record(_ENDS)), "for spans below 200 days"),
    }
)
USAGE = record({"months": many(record({"month": TEXT, "service": TEXT, **dict.fromkeys(COUNTED, WHOLE)}))})


def _query(name: str, description: str, kind: OpenApiTypes = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description)


_PAGING = [
    _query("page", "mark of the page, from `next_page`"),
    _query("size", "rows on a page, 10 to 1000", OpenApiTypes.INT),
]
SOURCE_PARAMETERS = [
    _query("name", "part of the main name"),
    _query("ra", "ICRS, deg", OpenApiTypes.NUMBER),
    _query("dec", "ICRS, deg", OpenApiTypes.NUMBER),
    _query("radius", "deg", OpenApiTypes.NUMBER),
    *_PAGING,
]
PRODUCT_PAGE_PARAMETERS = [
    _query("page", "`next_page` of the answer before"),
    _query("size", "products on a page, 10 to 1000 (the default)", OpenApiTypes.INT),
]
UNFOLDED_PARAMETERS = [
    _query("index", "photon index of the power law; absent = fitted to the channels", OpenApiTypes.NUMBER)
]
LIGHT_CURVE_PARAMETERS = [_query("bin_d", "average in bins of so many days", OpenApiTypes.NUMBER)]
RESOLVE_PARAMETERS = [_query("name", "a name, or a position in any notation")]
TIMELINE_PARAMETERS = [
    _query("from", "start: UTC date or time, MJD, IJD, rev 46, or a science window; absent = start of the mission"),
    _query("to", "end, in the same notations; absent = end of the mission"),
]
TABLE_PARAMETERS = [
    _query("near", "a name or a position"),
    _query("radius", "deg around it", OpenApiTypes.NUMBER),
    _query("cols", "columns, by comma"),
    _query("sort", "a column, with - before it for descending"),
    *_PAGING,
]
