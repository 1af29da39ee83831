"""The history of every pixel: one record for each epoch that saw it, all records of a pixel side by side.

A version is an immutable directory ``<root>/<name>/`` made from maps of single epochs:

    manifest.json       instruments, bands, epochs, SHA-256 of every array
    blocks-<h>-<p>.npy  int32 (n_pixel / 4096,): number of an observed block of 4096 pixels, -1 = never observed
    starts-<h>-<p>.npy  int64 (n_block * 4096 + 1,): first record of each pixel of the observed blocks
    records-<h>-<p>.npy float32 (n_record, 1 + 3 * n_band): epoch, flux..., variance..., exposure_s...

`<h>` counts instruments, `<p>` parts: 0 is the base, 1 the delta with the epochs that came later. The history of a
position is one contiguous read in each part. Building holds one epoch and the starts in memory, never the records.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive.errors import NotFoundError, StorageError
from archive.healpix import ipix_nested
from upper_limits.crab_rate import CrabRates, measure_crab
from upper_limits.epochs import EpochMap
from upper_limits.readout import Readout, nearest_weight, plan_readout
from upper_limits.store import BandTotals

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

FORMAT = 1
MANIFEST = "manifest.json"
CURRENT = "current"
BLOCK_ORDERS = 6
"""A block is 4**6 = 4096 pixels (3.7 degrees wide at order 10)."""
MAX_DELTA_SHARE = 0.2
"""A delta with a larger share of the epochs is merged into a new base."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ARRAYS = ("blocks", "starts", "records")


@dataclass(frozen=True, slots=True)
class EpochFacts:
    """One epoch: MJD (TT), the number of images in it, and k_sys of each band of the history (NaN = not observed)."""

    name: str
    key: str
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    simulated: bool
    image_count: int
    k_sys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Base or delta; see the head of this module."""

    blocks: NDArray[np.int32]
    starts: IntArray
    records: Float32Array

    def rows(self, ipix: int, block_shift: int) -> Float32Array:
        """Return the records of one pixel, (m, 1 + 3 * n_band), as a view."""
        block = int(self.blocks[ipix >> block_shift])
        if block < 0:
            return self.records[:0]
        slot = (block << block_shift) + (ipix & ((1 << block_shift) - 1))
        return self.records[int(self.starts[slot]) : int(self.starts[slot + 1])]


@dataclass(frozen=True, slots=True)
class EpochReadings:
    """What m epochs say at one position: arrays (m, n_band), NaN = band not observed; `epoch` (m,) by time.

    The error of `flux` is sqrt(variance) * noise_factor * k_sys.
    """

    ipix: int
    epoch: IntArray
    flux: FloatArray
    variance: FloatArray
    exposure_s: FloatArray
    k_sys: FloatArray
    noise_factor: float

    @property
    def error(self) -> FloatArray:
        """One-sigma error with every factor in it, unit of the flux."""
        return np.sqrt(self.variance) * self.noise_factor * self.k_sys


@dataclass(frozen=True, slots=True)
class History:
    """All epochs of one instrument. `tstart`, `tstop` (n_epoch,) and `k_sys` (n_epoch, n_band) repeat `epochs`.

    The first `base_count` epochs are those of the first part. `crab` says what a count per second is worth.
    """

    instrument: str
    readout: Readout
    bands: tuple[BandTotals, ...]
    epochs: tuple[EpochFacts, ...]
    tstart: FloatArray
    tstop: FloatArray
    k_sys: FloatArray
    parts: tuple[Part, ...]
    base_count: int
    crab: CrabRates

    def read(self, ra: float, dec: float) -> EpochReadings:
        """Read every epoch at one position (ICRS degrees), sorted by time."""
        order, n_band = self.readout.order, len(self.bands)
        ipix, shift = ipix_nested(order, ra, dec), 2 * min(order, BLOCK_ORDERS)
        found = [part.rows(ipix, shift) for part in self.parts]
        rows = (found[0] if len(found) == 1 else np.concatenate(found)).astype(np.float64)
        epoch = rows[:, 0].astype(np.int64)
        if len(found) > 1:
            by_time = np.argsort(self.tstart[epoch], kind="stable")
            rows, epoch = rows[by_time], epoch[by_time]
        weight = nearest_weight(self.readout, ipix, ra, dec)
        return EpochReadings(
            ipix,
            epoch,
            rows[:, 1 : 1 + n_band] * weight,
            rows[:, 1 + n_band : 1 + 2 * n_band],
            rows[:, 1 + 2 * n_band :],
            self.k_sys[epoch],
            weight,
        )


@dataclass(frozen=True, slots=True)
class HistoryStore:
    """One opened version; `release` is that of the images it was made from."""

    name: str
    path: Path
    release: str
    histories: tuple[History, ...]
    notes: tuple[str, ...]


def build_history(
    root: Path,
    epochs: Sequence[EpochMap],
    *,
    release: str,
    notes: Sequence[str] = (),
    report: Callable[[str], None] = lambda _: None,
) -> HistoryStore:
    """Build the version that holds these epochs and make it the current one; one that is there is used.

    Epochs that the current version lacks go into a delta, its base is carried over by hard links; when the delta grows
    beyond a fifth, or epochs were withdrawn, everything is merged into a new base.

    Raises
    ------
    StorageError
        If there is no epoch, maps of one instrument differ in order, or an epoch's map is damaged.
    """
    if not epochs:
        raise StorageError("there are no epochs to build a history from")
    content = json.dumps([FORMAT, release, sorted((one.instrument, one.key) for one in epochs), sorted(notes)])
    name = f"h-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    try:
        store = open_history(root, name)
    except (NotFoundError, StorageError):
        base = None
        try:
            base = open_history(root)
        except (NotFoundError, StorageError) as error:
            report(f"built from nothing ({error})")
        root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=root))
        try:
            _write_version(aside, epochs, base, {"release": release, "notes": list(notes)}, report)
            aside.chmod(0o755)
            if (root / name).exists():
                (root / name).rename(aside / "damaged")
            aside.rename(root / name)
            shutil.rmtree(root / name / "damaged", ignore_errors=True)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        store = open_history(root, name)
    pointer = root / f".{CURRENT}.{os.getpid()}"
    pointer.write_text(name)
    pointer.replace(root / CURRENT)
    return store


def current_name(root: Path) -> str:
    """Name of the current version; empty when none was built."""
    try:
        return (root / CURRENT).read_text().strip()
    except OSError:
        return ""


def open_history(root: Path, name: str = "", *, verify: bool = True) -> HistoryStore:
    """Open a version, by default the current one; arrays stay on disk and are mapped into memory, read-only.

    Raises
    ------
    NotFoundError
        If there is no such version.
    StorageError
        If it is half-written, truncated or not what its manifest says.
    """
    name = name or current_name(root)
    path = root / name
    if not _NAME.fullmatch(name) or not path.is_dir():
        raise NotFoundError(f"there is no version {name!r} of the history of epochs")
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise StorageError(f"history {name} has format {manifest['format']!r}; this software reads {FORMAT}")
        histories = tuple(_open_one(path, entry, verify=verify) for entry in manifest["histories"])
        return HistoryStore(name, path, str(manifest["release"]), histories, tuple(manifest["notes"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise StorageError(f"history {name} is half-written or damaged (its manifest)") from error


def _open_one(path: Path, entry: dict[str, object], *, verify: bool) -> History:
    bands = tuple(BandTotals(**band) for band in entry["bands"])  # pyright: ignore[reportGeneralTypeIssues]
    epochs = tuple(
        EpochFacts(**{**epoch, "k_sys": tuple(np.nan if k is None else k for k in epoch["k_sys"])})
        for epoch in entry["epochs"]  # pyright: ignore[reportGeneralTypeIssues]
    )
    parts = tuple(_open_part(path, digests, 1 + 3 * len(bands), verify=verify) for digests in entry["parts"])  # pyright: ignore[reportGeneralTypeIssues]
    readout = plan_readout(int(entry["order"]), float(entry["fwhm_deg"]))  # pyright: ignore[reportArgumentType]
    tstart, tstop = (np.array([getattr(epoch, name) for epoch in epochs]) for name in ("tstart_mjd_tt", "tstop_mjd_tt"))
    unknown = CrabRates(np.empty((0, 0)), np.empty((0, 0), dtype=np.int64))
    history = History(
        str(entry["instrument"]),
        readout,
        bands,
        epochs,
        tstart,
        tstop,
        np.array([epoch.k_sys for epoch in epochs]),
        parts,
        int(entry["base_epochs"]),  # pyright: ignore[reportArgumentType]
        unknown,
    )
    simulated, units = np.array([epoch.simulated for epoch in epochs]), [band.unit for band in bands]
    return replace(history, crab=measure_crab(history.read, 0.5 * (tstart + tstop), simulated, units))


def _open_part(path: Path, digests: dict[str, str], width: int, *, verify: bool) -> Part:
    arrays = {}
    for (file, digest), kind in zip(digests.items(), (np.int32, np.int64, np.float32), strict=True):
        trouble = f"history {path.name} is damaged: {file}"
        try:
            array = np.load(path / file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StorageError(f"{trouble} is missing or truncated") from error
        if array.dtype != kind or (verify and _sha256(path / file) != digest):
            raise StorageError(f"{trouble} is not what was written")
        arrays[file.split("-")[0]] = np.asarray(array)  # still mapped, without the cost of memmap's class
    part = Part(**arrays)
    if part.records.ndim != 2 or part.records.shape != (int(part.starts[-1]), width):
        raise StorageError(f"history {path.name} is damaged: records {part.records.shape}, expected width {width}")
    return part


def _write_version(
    aside: Path,
    epochs: Sequence[EpochMap],
    base: HistoryStore | None,
    head: dict[str, object],
    report: Callable[[str], None],
) -> None:
    entries = []
    for number, instrument in enumerate(sorted({one.instrument for one in epochs})):
        chosen = sorted((e for e in epochs if e.instrument == instrument), key=lambda e: (e.tstart_mjd_tt, e.name))
        if len({(e.order, e.fwhm_deg) for e in chosen}) != 1:
            raise StorageError(f"the epoch maps of {instrument} differ in order or PSF; build them again")
        old = None if base is None else next((h for h in base.histories if h.instrument == instrument), None)
        entries.append(_write_history(aside, number, chosen, None if base is None else base.path, old, report))
    (aside / MANIFEST).write_text(json.dumps({"format": FORMAT, **head, "histories": entries}, indent=1))
    for file in aside.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_history(
    aside: Path,
    number: int,
    epochs: list[EpochMap],
    base_path: Path | None,
    old: History | None,
    report: Callable[[str], None],
) -> dict[str, object]:
    bands = _union_of_bands(epochs)
    digests: list[dict[str, str]] = []
    kept = _kept_base(epochs, bands, old)
    if old is not None and base_path is not None and kept:
        entry = next(e for e in json.loads((base_path / MANIFEST).read_bytes())["histories"]
                     if e["instrument"] == old.instrument)  # fmt: skip
        linked = {}
        for file, digest in entry["parts"][0].items():
            name = f"{file.split('-')[0]}-{number}-0.npy"
            os.link(base_path / file, aside / name)
            linked[name] = digest
        digests.append(linked)
    by_key = {epoch.key: epoch for epoch in epochs}
    ordered = [by_key[key] for key in kept] + [epoch for epoch in epochs if epoch.key not in set(kept)]
    added = list(enumerate(ordered))[len(kept) :]
    if added:
        report(f"{epochs[0].instrument}: {len(kept)} epochs carried over, {len(added)} merged")
        digests.append(_write_part(aside, f"{number}-{len(digests)}", added, bands))
    return {
        "instrument": epochs[0].instrument,
        "order": epochs[0].order,
        "fwhm_deg": epochs[0].fwhm_deg,
        "bands": [asdict(band) for band in bands],
        "epochs": [asdict(_facts(epoch, bands)) for epoch in ordered],
        "base_epochs": len(kept) or len(ordered),
        "parts": digests,
    }


def _kept_base(epochs: list[EpochMap], bands: list[BandTotals], old: History | None) -> list[str]:
    """Keys of the epochs of the old base, in its order, where it can be carried over; else nothing."""
    if old is None or _band_keys(old.bands) != _band_keys(bands):
        return []
    if (old.readout.order, old.readout.fwhm_deg) != (epochs[0].order, epochs[0].fwhm_deg):
        return []
    keys = [epoch.key for epoch in old.epochs[: old.base_count]]
    wanted = {epoch.key for epoch in epochs}
    too_many_new = len(wanted) - len(keys) > MAX_DELTA_SHARE * len(wanted)
    return [] if too_many_new or not set(keys) <= wanted else keys


def _write_part(
    aside: Path, suffix: str, epochs: list[tuple[int, EpochMap]], bands: list[BandTotals]
) -> dict[str, str]:
    order = epochs[0][1].order
    shift = 2 * min(order, BLOCK_ORDERS)
    seen = np.zeros((12 << (2 * order)) >> shift, dtype=np.bool_)
    for _, epoch in epochs:
        seen[epoch.load()[0] >> shift] = True
    blocks = np.where(seen, np.cumsum(seen) - 1, -1).astype(np.int32)
    counts = np.zeros((int(seen.sum()) << shift) + 1, dtype=np.int64)
    for _, epoch in epochs:
        counts[_slots(epoch.load()[0], blocks, shift) + 1] += 1
    starts = np.cumsum(counts)
    cursor = starts.copy()
    n_band = len(bands)
    names = {part: f"{part}-{suffix}.npy" for part in _ARRAYS}
    records = np.lib.format.open_memmap(
        aside / names["records"], mode="w+", dtype=np.float32, shape=(int(starts[-1]), 1 + 3 * n_band)
    )
    for number, epoch in epochs:
        ipix, values = epoch.load()
        slots = _slots(ipix, blocks, shift)
        rows = np.full((len(ipix), 1 + 3 * n_band), np.nan, dtype=np.float32)
        rows[:, 0] = number
        keys = _band_keys(bands)
        for column, band in enumerate(epoch.bands):
            place = keys.index((band.energy_min_kev, band.energy_max_kev, band.unit))
            for part in range(3):
                rows[:, 1 + part * n_band + place] = values[:, part * len(epoch.bands) + column]
        records[cursor[slots]] = rows
        cursor[slots] += 1
    records.flush()
    np.save(aside / names["blocks"], blocks, allow_pickle=False)
    np.save(aside / names["starts"], starts, allow_pickle=False)
    return {name: _sha256(aside / name) for name in names.values()}


def _slots(ipix: IntArray, blocks: NDArray[np.int32], shift: int) -> IntArray:
    return (blocks[ipix >> shift].astype(np.int64) << shift) + (ipix & ((1 << shift) - 1))


def _union_of_bands(epochs: list[EpochMap]) -> list[BandTotals]:
    found = {(b.energy_min_kev, b.energy_max_kev, b.unit): b for epoch in epochs for b in epoch.bands}
    return [
        BandTotals(
            found[key].band,
            *key,
            crab_convention="",
            tstart_mjd_tt=min(epoch.tstart_mjd_tt for epoch in epochs),
            tstop_mjd_tt=max(epoch.tstop_mjd_tt for epoch in epochs),
            simulated=any(epoch.simulated for epoch in epochs),
            has_exposure=True,
        )
        for key in sorted(found)
    ]


def _band_keys(bands: Sequence[BandTotals]) -> list[tuple[float, float, str]]:
    return [(band.energy_min_kev, band.energy_max_kev, band.unit) for band in bands]


def _facts(epoch: EpochMap, bands: list[BandTotals]) -> EpochFacts:
    own = {(band.energy_min_kev, band.energy_max_kev, band.unit): band.k_sys for band in epoch.bands}
    return EpochFacts(
        epoch.name,
        epoch.key,
        epoch.tstart_mjd_tt,
        epoch.tstop_mjd_tt,
        epoch.simulated,
        len(epoch.inputs),
        tuple(own.get(key) for key in _band_keys(bands)),  # pyright: ignore[reportArgumentType] - null in JSON
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
