"""Turns the parameters of SSA 1.1 into ADQL over our spectra or light curves, and names the columns as it does."""

import math
from dataclasses import dataclass, replace

from django.conf import settings

from archive.errors import UsageError
from archive.times import mjd_tt_from_utc
from vo.adql.resolved import OutputColumn
from vo.tables import quote_text
from vo.tap.params import Parameters, single

_ALL = {"ALL", "METADATA"}
_NATIVE = {"NATIVE", "FITS", "APPLICATION/FITS", "APPLICATION/GZIP"}
_VOTABLE = {"COMPLIANT", "VOTABLE", "XML", "TEXT/XML", "APPLICATION/X-VOTABLE+XML", "APPLICATION/X-VOTABLE"}
_NOT_HELD = {"GRAPHIC", "TEXT/HTML", "IMAGE/PNG", "IMAGE/JPEG"}
DEFAULT_SIZE_DEG = 1.0

# Name, ADQL, utype below ssa:, UCD (SSA 1.1, appendix D).
_COLUMNS: tuple[tuple[str, str, str, str | None], ...] = (
    ("access_url", "f.access_url", "Access.Reference", "meta.ref.url"),
    ("access_format", "f.media_type", "Access.Format", "meta.code.mime"),
    ("access_size", "(f.size_bytes + 999) / 1000", "Access.Size", "phys.size;meta.file"),
    ("data_model", "'@model'", "Dataset.DataModel", None),
    ("dataset_type", "'@type'", "Dataset.Type", None),
    ("dataset_length", "@length", "Dataset.Length", "meta.number"),
    ("time_system", "'TT'", "CoordSys.TimeFrame.Name", None),
    ("title", "o.obs_title", "DataID.Title", "meta.title;meta.dataset"),
    ("collection", "o.obs_collection", "DataID.Collection", None),
    ("instrument", "o.instrument_name", "DataID.Instrument", "meta.id;instr"),
    ("publisher_did", "o.obs_publisher_did", "Curation.PublisherDID", "meta.ref.ivoid"),
    ("publisher", "'Archipelago'", "Curation.Publisher", "meta.curation"),
    ("target_name", "o.target_name", "Target.Name", "meta.id;src"),
    ("location", "POINT(o.s_ra, o.s_dec)", "Char.SpatialAxis.Coverage.Location.Value", "pos.eq"),
    ("aperture", "o.s_resolution / 3600", "Char.SpatialAxis.Coverage.Bounds.Extent", "instr.fov"),
    ("spectral_ucd", "'em.energy'", "Char.SpectralAxis.Ucd", "meta.ucd"),
    ("flux_ucd", "'phot.count'", "Char.FluxAxis.Ucd", "meta.ucd"),
    ("spectral_middle", "(o.em_min + o.em_max) / 2", "Char.SpectralAxis.Coverage.Location.Value", "em.wl"),
    ("spectral_extent", "o.em_max - o.em_min", "Char.SpectralAxis.Coverage.Bounds.Extent", "em.wl;instr.bandwidth"),
    ("spectral_start", "o.em_min", "Char.SpectralAxis.Coverage.Bounds.Start", "em.wl;stat.min"),
    ("spectral_stop", "o.em_max", "Char.SpectralAxis.Coverage.Bounds.Stop", "em.wl;stat.max"),
    ("time_middle", "(o.t_min + o.t_max) / 2", "Char.TimeAxis.Coverage.Location.Value", "time.epoch;obs.exposure"),
    ("time_extent", "o.t_exptime", "Char.TimeAxis.Coverage.Bounds.Extent", "time.duration;obs.exposure"),
    ("time_start", "o.t_min", "Char.TimeAxis.Coverage.Bounds.Start", "time.start;obs.exposure"),
    ("time_stop", "o.t_max", "Char.TimeAxis.Coverage.Bounds.Stop", "time.end;obs.exposure"),
)  # fmt: skip
_WORDS = {name: (f"ssa:{utype}", ucd) for name, _, utype, ucd in _COLUMNS}
_UNITS = {"access_size": "kbyte", "aperture": "deg", **dict.fromkeys(
    ("spectral_middle", "spectral_extent", "spectral_start", "spectral_stop"), "m"
)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """What a service offers; `votable_role` is the file without which a product has no VOTable."""

    product_type: str
    model: str
    dataset_type: str
    length: str
    votable_role: str
    example: str


SPECTRA = Offer("spectrum", "Spectrum-1.2", "Spectrum", "o.em_xel", "rmf", "the spectra")
LIGHT_CURVES = Offer("timeseries", "Timeseries", "TimeSeries", "o.t_xel", "science", "the light curves")


def present(column: OutputColumn) -> OutputColumn:
    """Give a column the utype, UCD and unit of SSA."""
    utype, ucd = _WORDS[column.name]
    unit = _UNITS.get(column.name, column.meta.unit)
    return replace(column, meta=replace(column.meta, utype=utype, ucd=ucd, unit=unit))


def write_spectrum_query(parameters: Parameters, offer: Offer = SPECTRA) -> str:
    """Return the ADQL that finds the spectra or light curves, a row for each format (SSA 1.1 section 4.1).

    Raises
    ------
    UsageError
        If REQUEST is not queryData or a value cannot be understood.
    """
    request = single(parameters, "REQUEST")
    if request is None or request.lower() != "querydata":
        raise UsageError(f"REQUEST is {(request or '')[:40]!r}; this service takes REQUEST=queryData")
    conditions = [f"o.dataproduct_type = {quote_text(offer.product_type)}"]
    if position := single(parameters, "POS"):
        conditions.append(_cone(position, single(parameters, "SIZE")))
    if band := single(parameters, "BAND"):
        ranges = [_number_range("BAND", part) for part in band.split(",")]
        conditions.append(_any(_overlap("o.em_min", "o.em_max", *bounds) for bounds in ranges))
    if time := single(parameters, "TIME"):
        ranges = [_time_range(part) for part in time.split(",")]
        conditions.append(_any(_overlap("o.t_min", "o.t_max", *bounds) for bounds in ranges))
    if target := single(parameters, "TARGETNAME"):
        conditions.append(f"LOWER(o.target_name) = {quote_text(target.strip().lower())}")
    if did := single(parameters, "PUBDID"):
        conditions.append(f"o.obs_publisher_did = {quote_text(did.strip())}")
    return _write_formats(conditions, offer, *_wanted_formats(parameters, offer))


def _write_formats(conditions: list[str], offer: Offer, fits: bool, votable: bool) -> str:  # noqa: FBT001 - which formats
    """Return the ADQL that searches once and gives a row for each format of what it found."""
    if not fits and not votable:
        conditions = [*conditions, "1 = 0"]
    roles = sorted({"science"} | {offer.votable_role} if votable else {"science"})
    conditions = [*conditions, f"f.role IN ({', '.join(map(quote_text, roles))})"]
    names = ", ".join(name for name, _, _, _ in _COLUMNS)
    address = f"{quote_text(f'{settings.PUBLIC_URL}/votable/')} || product_id"
    other = {"access_url": address, "access_format": "'application/x-votable+xml'", "access_size": "NULL"}
    others = ", ".join(f"{other[name]} AS {name}" if name in other else name for name, _, _, _ in _COLUMNS)
    # ADQL, which is parsed and resolved before any SQL is written
    queries = [f"SELECT {names} FROM hits WHERE role = 'science'"]  # noqa: S608
    as_votable = f"role = {quote_text(offer.votable_role)} AND instrument <> 'IREM'"
    queries.append(f"SELECT {others} FROM hits WHERE {as_votable}")  # noqa: S608
    chosen = queries[1:] if votable and not fits else queries[: 1 + votable]
    return f"WITH hits AS ({_select(conditions, offer)}) {' UNION ALL '.join(chosen)}"


def _select(conditions: list[str], offer: Offer) -> str:
    """Return the ADQL of the search: what is to be said of each file of a product that meets the conditions."""
    columns = ", ".join(f"{expression} AS {name}" for name, expression, _, _ in _COLUMNS)
    for mark, value in (("@model", offer.model), ("@type", offer.dataset_type), ("@length", offer.length)):
        columns = columns.replace(mark, value)
    joined = "ivoa.obscore AS o JOIN integral.product_files AS f ON o.product_id = f.product_id"
    return f"SELECT f.product_id, f.role, {columns} FROM {joined} WHERE {' AND '.join(conditions)}"  # noqa: S608  # ADQL, which is parsed and resolved before any SQL is written


def wants_fields_only(parameters: Parameters) -> bool:
    """Say whether FORMAT=METADATA asks for the description of the answer alone."""
    return any(value.strip().upper() == "METADATA" for value in parameters.get("FORMAT", ()))


def _wanted_formats(parameters: Parameters, offer: Offer) -> tuple[bool, bool]:
    """Say whether the files themselves and their VOTables are wanted (SSA 1.1 section 4.1.1.5)."""
    wanted = {
        part.strip().upper() for value in parameters.get("FORMAT", ()) for part in value.split(",") if part.strip()
    }
    unknown = wanted - _ALL - _NATIVE - _VOTABLE - _NOT_HELD
    if unknown:
        raise UsageError(
            f"FORMAT {min(unknown)[:40]!r} is not known; {offer.example} are FITS (native) and VOTable (compliant)"
        )
    everything = not wanted or bool(wanted & _ALL)
    return everything or bool(wanted & _NATIVE), everything or bool(wanted & _VOTABLE)


def _any(conditions: object) -> str:
    return "(" + " OR ".join(conditions) + ")"  # pyright: ignore[reportArgumentType, reportCallIssue]  # an iterable of texts


def _overlap(low: str, high: str, first: float, last: float) -> str:
    parts = [f"{low} IS NOT NULL"]
    if math.isfinite(last):
        parts.append(f"{low} <= {last!r}")
    if math.isfinite(first):
        parts.append(f"{high} >= {first!r}")
    return f"({' AND '.join(parts)})"


def _cone(position: str, size: str | None) -> str:
    text, _, frame = position.partition(";")
    if frame.strip().upper() not in {"", "ICRS"}:
        raise UsageError(f"POS is in the frame {frame[:20]!r}; this service takes ICRS")
    try:
        ra, dec = (float(word) for word in text.split(","))
        diameter = DEFAULT_SIZE_DEG if size is None else float(size)
    except ValueError:
        raise UsageError(
            f"POS is {position[:40]!r} and SIZE {size!r}; expected POS=ra,dec and a diameter, degrees"
        ) from None
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0 and 0.0 <= diameter <= 360.0):
        raise UsageError(
            f"POS is {position[:40]!r} and SIZE {diameter:g}: outside 0 to 360, -90 to 90 and 0 to 360 degrees"
        )
    return f"1=CONTAINS(POINT(o.s_ra, o.s_dec), CIRCLE({ra % 360.0!r}, {dec!r}, {min(diameter / 2.0, 180.0)!r}))"


def _ends(text: str) -> tuple[str, str]:
    """Split a range list's element ``low/high``; either end may be open."""
    low, slash, high = text.strip().partition("/")
    return (low, high) if slash else (low, low)


def _number_range(name: str, text: str) -> tuple[float, float]:
    low, high = _ends(text.partition(";")[0])
    try:
        first, last = float(low) if low else -math.inf, float(high) if high else math.inf
    except ValueError:
        first, last = math.nan, math.nan
    if not first <= last:
        raise UsageError(f"{name} is {text[:40]!r}; expected metres as low/high, for example 3e-11/6e-11")
    return first, last


def _time_range(text: str) -> tuple[float, float]:
    low, high = _ends(text)
    first = mjd_tt_from_utc(low) if low else -math.inf
    last = mjd_tt_from_utc(high) if high else math.inf
    if "T" not in high and high:
        last += 1.0  # a date means the whole day
    if first > last:
        raise UsageError(f"TIME is {text[:60]!r}; the first date must not be the later")
    return first, last
