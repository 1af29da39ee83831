"""Building the history of epochs from the released mosaics, and answering requests for epochs."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from archive import selectors
from archive.errors import ArchiveError, NotFoundError, StorageError, TooLargeError, UnavailableError, UsageError
from archive.formats.image import Mosaic, read_image
from archive.formats.response import EffectiveArea, Response, read_effective_area, read_response
from archive.jobs import JobAbortedError, report_progress
from archive.models import Product, ProductFile
from archive.storage import file_path
from upper_limits.binary import TextWidth, text_widths
from upper_limits.crab_rate import is_count_rate
from upper_limits.epoch_table import (
    COMBINED_COLUMNS,
    EPOCH_COLUMNS,
    HistorySelection,
    combine_targets,
    list_epochs,
)
from upper_limits.epochs import EpochMap, epoch_path, open_epoch, write_epoch
from upper_limits.folding import Folded, fold_band
from upper_limits.history import History, HistoryStore, build_history, current_name, open_history
from upper_limits.limits import FORMULA, Column, Options, choose_columns, model_facts, plan_conversion
from upper_limits.params import EpochChoice, LimitRequest
from upper_limits.positions import Positions
from upper_limits.readout import INSTRUMENT_FWHM_ARCMIN
from upper_limits.services import choose_bands, instrument_key, resolve_targets
from upper_limits.stacking import Pixels, order_for, resample_image, stack_pixels
from upper_limits.table import Columns

logger = logging.getLogger(__name__)

CHUNK = 50
"""Positions whose epochs are listed at once: bounds the memory of any request."""
MAX_GATHERED = 100
EPOCH_FORMULA = {
    **FORMULA,
    "error": "s = sqrt(variance) * noise_factor * k_sys, k_sys of the field of the epoch",
    "combined": "1/s**2 = sum 1/s_i**2, F = s**2 * sum F_i/s_i**2; chi2 = sum (F_i - F)**2/s_i**2 with N - 1 degrees",
}
EPOCH_FORMULA["mcrab"] = (
    "where the unit is counts per second: upper_limit_mcrab = 1000 * upper_limit / crab_rate, the Crab's rate in the "
    "nearest epoch that measured it (crab_epoch); of a mean, the mean of these rates with the same weights; erg as "
    "for a source with as many photons in the band as the Crab convention has"
)
_KINDS = (Product.Kind.MOSAIC, Product.Kind.SCW_IMAGE)
_opened: dict[tuple[str, str], HistoryStore] = {}
_opening = threading.Lock()

Images = dict[tuple[str, str], list[tuple[str, str]]]
"""Product ids and SHA-256 of the images of each (instrument, epoch)."""


@dataclass(frozen=True, slots=True)
class EpochAnswer:
    """A request for epochs that can be answered: every check has passed, rows come from `iter_epoch_rows`."""

    request: LimitRequest
    choice: EpochChoice
    store: HistoryStore
    selections: tuple[HistorySelection, ...]
    targets: Positions
    notices: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of the table that is streamed."""
        return choose_columns(EPOCH_COLUMNS if self.choice.listed else COMBINED_COLUMNS, self.request.columns)


def history_root() -> Path:
    """Where the versions of the history lie, beside the totals."""
    return settings.LIMITS_ROOT.with_name("upper_limit_history")


def build_current_history(
    *, kind: str = Product.Kind.MOSAIC, report: Callable[[str], None] = lambda _: None
) -> HistoryStore:
    """Resample the images of the current release that are not resampled yet, and build the history from all of them.

    Interrupted and run again it goes on where it was. An image that cannot be used is left out, and a note says why.

    Parameters
    ----------
    kind : "mosaic" or "scw_image"; never both, a photon must not count twice

    Raises
    ------
    UsageError
        If there is no such kind of image.
    UnavailableError
        If the current release has no image that can be used.
    """
    if kind not in _KINDS:
        raise UsageError(f"there is no kind of image {kind[:40]!r}; there are {', '.join(_KINDS)}")
    release = selectors.current_release()
    images = _find_images(kind)
    notes: list[str] = []
    epochs: list[EpochMap] = []
    for done, ((instrument, epoch), inputs) in enumerate(sorted(images.items())):
        report_progress(0.9 * done / len(images), f"epoch {epoch} of {instrument}")
        try:
            epochs.append(_resample_epoch(instrument, epoch, inputs, report))
        except JobAbortedError:
            raise
        except (ArchiveError, OSError) as error:
            what = str(error) if isinstance(error, ArchiveError) else "a file of it cannot be read"
            notes.append(f"epoch {epoch} of {instrument} left out: {what}")
            report(notes[-1])
    if release is None or not epochs:
        why = "; ".join(notes[:3]) or f"it has no product of the kind {kind} with instrument and epoch"
        raise UnavailableError(f"the current release has no image to build a history of epochs from: {why}")
    return build_history(history_root(), epochs, release=release.name, notes=notes, report=report)


def find_history(version: str = "") -> tuple[HistoryStore, tuple[str, ...]]:
    """Open the history asked for, or the current one; a notice says when it is older than the current release.

    Raises
    ------
    NotFoundError
        If the version asked for does not exist.
    UnavailableError
        If none can be served.
    """
    if version:
        return _open(version), ()
    name, problem = current_name(history_root()), ""
    try:
        store = _open(name)
    except NotFoundError:
        problem = "the history of epochs is not built"
        store = _open_previous(name)
    except StorageError as error:
        problem = str(error)
        store = _open_previous(name)
    if problem:
        logger.error("%s; run: archipelago upper-limits history", problem)
    if store is None:
        raise UnavailableError(
            f"{problem}: only the mean of the mission can be served "
            "(the operator runs: archipelago upper-limits history)"
        )
    notices = (f"{problem}; these epochs are from version {store.name}",) if problem else ()
    release = selectors.current_release()
    if release is None or release.name == store.release:
        return store, notices
    older = f"the history of epochs holds the images of release {store.release}; current is {release.name}"
    return store, (*notices, older)


def _open_previous(damaged: str) -> HistoryStore | None:
    """Open the newest whole version but the damaged one; None when there is none."""
    root = history_root()
    others = [name for name in versions_to_verify() if name != damaged]
    for name in sorted(others, key=lambda one: (root / one).stat().st_mtime, reverse=True):
        try:
            return _open(name)
        except ArchiveError:
            continue
    return None


def answer_epochs(request: LimitRequest) -> EpochAnswer:
    """Check a request for epochs against the history and resolve its names.

    Raises
    ------
    UsageError, NotFoundError, UnavailableError
        For an unknown instrument, band or version; for a single position that cannot be used; without a history.
    """
    store, notices = find_history(request.version)
    chosen = choose_bands(store.histories, request.instruments, request.bands)
    try:
        read = _read_response(request.options.response) if request.options.response else None
        selections = tuple(
            HistorySelection(history, numbers, _fold(history, numbers, read, request.options))
            for history, numbers in chosen
        )
        for one in selections:
            for number in one.numbers:
                plan_conversion(one.history.bands[number], request.options)
    except ValueError as error:
        raise UsageError(str(error)) from error
    choice = request.epochs or EpochChoice()
    return EpochAnswer(request, choice, store, selections, resolve_targets(request.targets), (*notices, *store.notes))


@dataclass(frozen=True, slots=True)
class _ProductResponse:
    """The response of a spectrum in the archive."""

    instrument: str
    response: Response
    area: EffectiveArea | None


def _read_response(product_id: str) -> _ProductResponse:
    product = selectors.current_rows(Product).filter(product_id=product_id).first()
    if product is None:
        raise NotFoundError(f"there is no product {product_id[:80]!r} in the current release to take a response from")
    files = {row.role: row for row in selectors.current_rows(ProductFile).filter(product_id=product_id)}
    rmf, arf = (files.get(role) for role in (ProductFile.Role.RMF, ProductFile.Role.ARF))
    if rmf is None:
        raise UsageError(f"product {product_id} has no RMF; a response is that of a spectrum with its ARF and RMF")
    area = None if arf is None else read_effective_area(file_path(arf.sha256))
    return _ProductResponse(product.instrument, read_response(file_path(rmf.sha256)), area)


def _fold(history: History, numbers: list[int], read: _ProductResponse | None, options: Options) -> dict[int, Folded]:
    if read is None:
        return {}
    if instrument_key(read.instrument) != instrument_key(history.instrument):
        raise UsageError(
            f"the response of {options.response} is for {read.instrument}, not {history.instrument}: name one"
        )
    bands = {number: history.bands[number] for number in numbers}
    for band in bands.values():
        if not is_count_rate(band.unit):
            raise UsageError(f"{history.instrument} {band.band} keV is in {band.unit}: a response is for counts")
    return {
        number: fold_band(
            read.response,
            read.area,
            (band.energy_min_kev, band.energy_max_kev),
            options.model,
            options.crab,
            options.flux_band_kev or (band.energy_min_kev, band.energy_max_kev),
            options.nh_cm2,
        )
        for number, band in bands.items()
    }


def iter_epoch_rows(found: EpochAnswer) -> Iterator[Columns]:
    """Yield the table in chunks of positions: every epoch, or the mean of the epochs, as asked."""
    make = list_epochs if found.choice.listed else combine_targets
    for start in range(0, len(found.targets), CHUNK):
        yield make(found.selections, found.targets[start : start + CHUNK], found.request.options, found.choice, start)


def gather_rows(found: EpochAnswer) -> tuple[Columns, int, dict[str, TextWidth]]:
    """Return the whole table, its length and the widths of its texts, for formats that say them first.

    Raises
    ------
    TooLargeError
        If more positions are asked than such a table is made for.
    """
    if len(found.targets) > MAX_GATHERED:
        raise TooLargeError(
            f"{len(found.targets)} positions with epochs do not fit one FITS file; at most {MAX_GATHERED}: "
            "ask for arrow or parquet, or split the list"
        )
    columns: Columns = {column.name: [] for column in found.columns}
    for chunk in iter_epoch_rows(found):
        for name, values in columns.items():
            values.extend(chunk[name])
    texts = [column.name for column in found.columns if column.datatype == "char"]
    return columns, len(columns[found.columns[0].name]), text_widths({name: map(str, columns[name]) for name in texts})


def combined_rows(found: EpochAnswer) -> list[dict[str, object]]:
    """Rows of the mean over the chosen epochs, one for each position and band."""
    columns = combine_targets(found.selections, found.targets, found.request.options, found.choice, 0)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def describe_epochs(found: EpochAnswer) -> dict[str, object]:
    """Head of an answer about epochs; with every epoch listed it holds their mean as well, as `combined`."""
    options = found.request.options
    head: dict[str, object] = {
        "service": "Archipelago upper limits, epochs",
        "history_version": found.store.name,
        "release": found.store.release,
        "simulated": any(one.history.bands[number].simulated for one in found.selections for number in one.numbers),
        "confidence": options.quoted_confidence,
        "sides": options.sides,
        "confidence_one_sided": options.confidence,
        "threshold_sigma": options.threshold_sigma,
        "power": options.power,
        **model_facts(options),
        "formula": EPOCH_FORMULA,
        "notices": list(found.notices),
        "columns": [
            {"name": column.name, "unit": column.unit, "description": column.description} for column in found.columns
        ],
        "position_count": len(found.targets),
    }
    return head | ({"combined": combined_rows(found)} if found.choice.listed else {})


def _find_images(kind: str) -> Images:
    files = {
        row["product_id"]: row["sha256"]
        for row in selectors.current_rows(ProductFile)
        .filter(role=ProductFile.Role.SCIENCE)
        .order_by("product_id", "-file_name")
        .values("product_id", "sha256")
    }
    images: Images = {}
    for product in selectors.current_rows(Product).filter(kind=kind).order_by("product_id"):
        epoch = product.epoch or product.obs_id or product.product_id
        if product.product_id in files and product.instrument:
            images.setdefault((product.instrument, epoch), []).append((product.product_id, files[product.product_id]))
    return images


def _resample_epoch(
    instrument: str, epoch: str, inputs: list[tuple[str, str]], report: Callable[[str], None]
) -> EpochMap:
    instrument = instrument.lower()
    if instrument not in INSTRUMENT_FWHM_ARCMIN:
        raise UsageError(f"no PSF width is known for instrument {instrument[:40]!r}")
    fwhm_deg = INSTRUMENT_FWHM_ARCMIN[instrument] / 60.0
    order, digests = order_for(fwhm_deg), sorted(sha256 for _, sha256 in inputs)
    path = epoch_path(history_root() / "epochs", instrument, epoch, order, fwhm_deg, digests)
    if path.is_dir():
        return open_epoch(path)
    report(f"resampling epoch {epoch} of {instrument}: {len(inputs)} images")
    parts: dict[tuple[str, float, float, str], list[Pixels]] = {}
    mosaics: list[Mosaic] = []
    for product_id, sha256 in inputs:
        for mosaic in read_image(file_path(sha256)):
            parts.setdefault(_band_of(mosaic, product_id), []).append(resample_image(mosaic, order))
            mosaics.append(mosaic)
    starts = [mosaic.tstart_mjd_tt for mosaic in mosaics if mosaic.tstart_mjd_tt is not None]
    stops = [mosaic.tstop_mjd_tt for mosaic in mosaics if mosaic.tstop_mjd_tt is not None]
    if len(starts) != len(mosaics) or len(stops) != len(mosaics):
        raise UsageError("an image of it does not say when it was taken (TSTART, TSTOP)")
    facts = EpochMap(
        epoch, instrument, order, fwhm_deg, min(starts), max(stops),
        any(mosaic.simulated for mosaic in mosaics), tuple(digests), (), path,
    )  # fmt: skip
    return write_epoch(path, facts, list(parts), [stack_pixels(same) for same in parts.values()])


def _band_of(mosaic: Mosaic, product_id: str) -> tuple[str, float, float, str]:
    intensity = mosaic.plane("intensity")
    if mosaic.energy_min_kev is None or mosaic.energy_max_kev is None or intensity is None:
        raise UsageError(f"the image of {product_id} has no energy band or no intensity")
    low, high = round(mosaic.energy_min_kev, 3), round(mosaic.energy_max_kev, 3)  # from float32
    return f"{low:g}-{high:g}", low, high, intensity.unit


def _open(name: str) -> HistoryStore:
    if not name:
        raise NotFoundError("no history of epochs was built")
    key = (str(history_root()), name)
    found = _opened.get(key)
    if found is None:
        with _opening:
            found = _opened[key] = _opened.get(key) or open_history(history_root(), name)
    return found


def versions_to_verify() -> Sequence[str]:
    """Names of the versions of the history on disk."""
    root = history_root()
    return sorted(path.name for path in root.glob("h-*") if path.is_dir()) if root.is_dir() else ()
