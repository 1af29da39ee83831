"""Which files ISLA's data endpoint packs for each RETRIEVAL_TYPE."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal as OneOf

from django.db.models.fields.json import KT

from archive.bundles import Member
from archive.errors import NotFoundError, TooLargeError, UsageError
from archive.identifiers import parse_obs_id, parse_scw_id
from archive.models import Observation, Product, ProductFile, ScienceWindow
from archive.selectors import current_rows
from archive.storage import file_path
from vo.isla.instruments import detectors, product_bands
from vo.tap.params import Parameters, single

RETRIEVAL_TYPES = ("SCW", "long_timeseries", "short_timeseries", "spectras", "mosaics")
SELECTORS = ("SCWID", "OBSID", "REVID", "PROPID")
MAX_IDS = 5_000
_TOKEN = re.compile(r"[A-Za-z0-9+/]{8,400}={0,2}")
_REVOLUTION = re.compile(r"\d{1,4}")
_OID = re.compile(r"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Package:
    """Files to send together under one name."""

    stem: str
    kind: OneOf["tar", "zip"]
    members: tuple[Member, ...]


def find_package(parameters: Parameters, query_string: str = "") -> Package:
    """Return the files that a request asks for.

    Raises
    ------
    UsageError
        If a parameter is missing or cannot be understood.
    NotFoundError
        If the archive has no file of the kind.
    """
    kind = _need(parameters, "RETRIEVAL_TYPE")
    match next((known for known in RETRIEVAL_TYPES if known.lower() == kind.lower()), None):
        case "SCW":
            return _science_windows(parameters, query_string)
        case "long_timeseries" | "short_timeseries" as series:
            return _series(series, parameters)
        case "spectras":
            return _one(parameters, "SPECTRA_OID", Product.Kind.SPECTRUM)
        case "mosaics":
            return _one(parameters, "MOSAIC_OID", Product.Kind.MOSAIC)
        case _:
            raise UsageError(f"RETRIEVAL_TYPE {kind[:40]!r} is not known; expected one of {', '.join(RETRIEVAL_TYPES)}")


def _need(parameters: Parameters, name: str) -> str:
    value = single(parameters, name)
    if value is None:
        raise UsageError(f"the parameter {name} is missing")
    return value.strip()


def read_oid(parameters: Parameters, name: str) -> int | None:
    """Return a parameter that is one of ISLA's numbers, None if absent.

    Raises
    ------
    UsageError
        If it is not a whole number.
    """
    value = single(parameters, name)
    if value is None:
        return None
    if not _OID.fullmatch(value.strip()):
        raise UsageError(f"{name.lower()} is {value[:40]!r}; expected a whole number")
    return int(value)


def _one(parameters: Parameters, name: str, kind: str) -> Package:
    oid = read_oid(parameters, name)
    if oid is None:
        raise UsageError(f"the parameter {name} is missing")
    # The number is that of one version of the row; a release in between does not take it from the client.
    row = Product.objects.filter(pk=oid, kind=kind).first()
    members = pack([row]) if row else ()
    if row is None or not members:
        raise NotFoundError(f"there is no {kind} with {name.lower()} {oid} in this release")
    return Package(row.product_id, "tar", members)


def _series(kind: str, parameters: Parameters) -> Package:
    source, epoch = _need(parameters, "SOURCE"), single(parameters, "EPOCH") or ""
    instrument, band = read_oid(parameters, "INSTRUMENT_OID"), read_oid(parameters, "BAND_OID")
    products = find_series(kind, source, instrument, band, epoch)
    what = "allmission" if kind == "long_timeseries" else epoch
    which = f"band_{band}" if band is not None else f"instrument_{instrument}"
    form = "zip" if kind == "long_timeseries" else "tar"
    return Package(f"{source}_{which}_{what}_timeseries", form, pack(products))


def find_series(
    kind: str, source: str, instrument_oid: int | None, band_oid: int | None, epoch: str = ""
) -> list[Product]:
    """Return all-mission series (`long_timeseries`) or the light curves of an epoch (`short_timeseries`).

    Raises
    ------
    UsageError
        If neither instrument nor band is given, or a short series without an epoch is asked for.
    NotFoundError
        If there is none.
    """
    if instrument_oid is None and band_oid is None:
        raise UsageError("instrument_oid or band_oid is missing")
    rows = current_rows(Product).filter(source_id=source)
    if kind == "long_timeseries":
        rows = rows.filter(kind=Product.Kind.LONG_TIMESERIES)
    else:
        if not epoch:
            raise UsageError("the parameter epoch is missing: REVOLUTION_OBSID, for example 0745_06340000001")
        rows = rows.filter(kind__in=(Product.Kind.SHORT_TIMESERIES, Product.Kind.LIGHT_CURVE), epoch=epoch)
    if instrument_oid is not None:
        rows = rows.filter(instrument__in=detectors(instrument_oid))
    found = [product for product in rows if band_oid is None or band_oid in product_bands(product)]
    if not found:
        where = f" in epoch {epoch[:40]}" if epoch else ""
        raise NotFoundError(f"there is no {kind} of source {source[:40]!r}{where} for that instrument or band")
    return found


def find_spectra(source: str, instrument_oid: int, epoch: str) -> list[Product]:
    """Return the spectra of a source in an epoch; empty if there is none."""
    rows = current_rows(Product).filter(kind=Product.Kind.SPECTRUM, source_id=source, epoch=epoch)
    return list(rows.filter(instrument__in=detectors(instrument_oid)))


def find_mosaics(band_oid: int, epoch: str) -> list[Product]:
    """Return the mosaics of an epoch in a band; empty if there is none."""
    rows = current_rows(Product).filter(kind=Product.Kind.MOSAIC, epoch=epoch)
    return [product for product in rows if band_oid in product_bands(product)]


def _science_windows(parameters: Parameters, query_string: str) -> Package:
    name, values = _read_selector(parameters, query_string)
    windows = current_rows(ScienceWindow)
    match name:
        case "SCWID":
            for value in values:
                parse_scw_id(value)
            ids = values
        case "OBSID":
            ids = windows.filter(obs_id__in=[parse_obs_id(value) for value in values]).values_list("scw_id", flat=True)
        case "REVID":
            if not all(_REVOLUTION.fullmatch(value) for value in values):
                raise UsageError(f"REVID {','.join(values)[:60]!r} is not a revolution of up to four digits")
            ids = windows.filter(revolution__in=map(int, values)).values_list("scw_id", flat=True)
        case _:
            observations = current_rows(Observation).filter(proposal_id__in=values).values("obs_id")
            ids = windows.filter(obs_id__in=observations).values_list("scw_id", flat=True)
    products = current_rows(Product).annotate(scw=KT("metadata__scw_id")).filter(scw__in=sorted(set(ids)))
    members = pack(products)
    if not members:
        raise NotFoundError(
            f"this archive holds no files of science windows for {name.lower()} {','.join(values)[:60]}; "
            "what else it has of them is under /products/ and in ivoa.obscore"
        )
    return Package(f"scw_{name.lower()}_{'_'.join(values)[:60]}", "tar", members)


def _read_selector(parameters: Parameters, query_string: str) -> tuple[str, Sequence[str]]:
    given = {name: value for name in SELECTORS if (value := single(parameters, name)) is not None}
    given = given or dict(_legacy_tokens(query_string))
    if len(given) != 1:
        raise UsageError("give exactly one of scwid, obsid, REVID and PROPID")
    ((name, text),) = given.items()
    values = [value.strip() for value in text.split(",") if value.strip()]
    if not values:
        raise UsageError(f"the parameter {name.lower()} names nothing")
    if len(values) > MAX_IDS:
        raise TooLargeError(f"{len(values)} ids in one request are more than {MAX_IDS}; ask in parts")
    return name, values


def _legacy_tokens(query_string: str) -> Iterable[tuple[str, str]]:
    """Yield selectors hidden in bare base64 words, as in access_url of ISLA: ``b2JzaWQ9MDA2..`` is ``obsid=006..``."""
    for word in query_string.split("&"):
        if not _TOKEN.fullmatch(word):
            continue
        try:
            name, equals, value = base64.b64decode(word, validate=True).decode("ascii").partition("=")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if equals and name.upper() in SELECTORS:
            yield name.upper(), value


def pack(products: Iterable[Product]) -> tuple[Member, ...]:
    """Return all files of products, under their own names, or below the product's id where two have the same name."""
    wanted = [product.product_id for product in products]
    files = list(current_rows(ProductFile).filter(product_id__in=wanted).order_by("product_id", "file_name"))
    names = [file.file_name for file in files]
    return tuple(
        Member(
            file.file_name if names.count(file.file_name) == 1 else f"{file.product_id}/{file.file_name}",
            file_path(file.sha256),
            file.size_bytes,
            file.sha256,
        )
        for file in files
    )
