"""Sky maps as immutable versions of float32 HEALPix arrays: NESTED, ICRS, NaN where nothing was observed.

A version is a directory ``<root>/<name>/`` with one ``.npy`` file per map and a ``manifest.json``. It is written
aside and renamed, so that it exists completely or not at all, and it is never changed afterwards. HiPS tiles,
upper limits and MOCs are all read from these arrays.

A map of the whole mission is one array of all pixels. A map of a year or a revolution sees little of the sky, and
there can be thousands: of these the file holds only the blocks with an observed pixel, 768 to the sky (HEALPix order
3), one a row with its number in front.
"""

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from archive.errors import NotFoundError, StorageError, UsageError

FloatMap = NDArray[np.float32]
Read = Callable[[int, int], FloatMap]

QUANTITIES = ("flux", "variance", "exposure", "significance")
MAX_ORDER = 13
MANIFEST = "manifest.json"
_BLOCK_ORDER = 3
_BLOCKS = 12 * 4**_BLOCK_ORDER
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EPOCH = re.compile(r"(?:20[0-9]{2}|r[0-9]{4})?")


@dataclass(frozen=True, slots=True)
class SkyMap:
    """What one map holds.

    `unit` is a VOUnit string; `energy_*` in keV; times are MJD (TT); `order` is the HEALPix order. `psf_fwhm_arcmin`
    is the width of the Gaussian with which the flux map is convolved (peak of a source = its flux). For maps in mCrab,
    `crab_convention` names the Crab spectrum and `mcrab_erg_cm2_s` is 1 mCrab in this band. `epoch` is empty for the
    total of the mission, a year (``2004``) or a revolution (``r0082``) for a map of that alone.
    """

    map_id: str
    instrument: str
    band: str
    energy_min_kev: float
    energy_max_kev: float
    quantity: str
    order: int
    unit: str
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    simulated: bool
    title: str
    psf_fwhm_arcmin: float = 0.0
    crab_convention: str = ""
    mcrab_erg_cm2_s: float = 0.0
    epoch: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.map_id):
            msg = f"map id {self.map_id!r} must be 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit"
            raise UsageError(msg)
        if self.quantity not in QUANTITIES:
            msg = f"map {self.map_id}: quantity {self.quantity!r} is not one of {', '.join(QUANTITIES)}"
            raise UsageError(msg)
        if not 0 <= self.order <= MAX_ORDER:
            msg = f"map {self.map_id}: order {self.order} is outside 0 to {MAX_ORDER}"
            raise UsageError(msg)
        if not _EPOCH.fullmatch(self.epoch):
            msg = f"map {self.map_id}: epoch {self.epoch!r} is neither a year (2004) nor a revolution (r0082) nor empty"
            raise UsageError(msg)

    @property
    def pixel_count(self) -> int:
        """Number of pixels, 12 * 4**order."""
        return 12 * 4**self.order

    @property
    def epoch_name(self) -> str:
        """The epoch as people write it: ``2004``, ``revolution 0082``; empty for the total of the mission."""
        return f"revolution {self.epoch[1:]}" if self.epoch.startswith("r") else self.epoch


@dataclass(frozen=True, slots=True)
class MapVersion:
    """One published version of all maps."""

    name: str
    path: Path
    maps: tuple[SkyMap, ...]
    sha256: dict[str, str]
    created: dt.datetime | None = None
    """When it was written; None in a version older than this field."""

    def find(
        self,
        *,
        instrument: str | None = None,
        band: str | None = None,
        quantity: str | None = None,
        epoch: str | None = None,
    ) -> tuple[SkyMap, ...]:
        """Return the maps that match, in the order of the manifest; the empty `epoch` is the total of the mission."""
        wanted = {"instrument": instrument, "band": band, "quantity": quantity, "epoch": epoch}
        return tuple(
            sky_map
            for sky_map in self.maps
            if all(value is None or getattr(sky_map, name) == value for name, value in wanted.items())
        )

    def get(self, map_id: str) -> SkyMap:
        """Return the map with this id.

        Raises
        ------
        NotFoundError
            If the version has no such map.
        """
        for sky_map in self.maps:
            if sky_map.map_id == map_id:
                return sky_map
        msg = f"there is no map {map_id!r} in version {self.name}; it has {', '.join(m.map_id for m in self.maps)}"
        raise NotFoundError(msg)

    def values(self, sky_map: SkyMap) -> FloatMap:
        """All pixels of `sky_map`, (12 * 4**order,): mapped into memory, read-only, or put together of its blocks.

        Raises
        ------
        StorageError
            If the file is missing, truncated or not what the manifest says.
        """
        stored = self._open(sky_map)
        return stored if stored.ndim == 1 else _read_blocks(stored, 0, sky_map.pixel_count)

    def reader(self, sky_map: SkyMap) -> Read:
        """Function that gives the pixels from ``start`` up to but not with ``stop``, without reading the others.

        Raises
        ------
        StorageError
            As `values`.
        """
        stored = self._open(sky_map).view(np.ndarray)  # slicing a numpy.memmap costs four times as much
        if stored.ndim == 1:
            return lambda start, stop: stored[start:stop]
        return lambda start, stop: _read_blocks(stored, start, stop)

    def _open(self, sky_map: SkyMap) -> FloatMap:
        """Map what is stored into memory: all pixels, or rows of a number and the pixels of that block."""
        path = self.path / f"{sky_map.map_id}.npy"
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            msg = f"the array of map {sky_map.map_id} in version {self.name} is missing or damaged; restore a copy"
            raise StorageError(msg) from error
        whole = values.dtype == np.float32 and values.shape == (sky_map.pixel_count,)
        if not whole and not _is_blocks(sky_map, values):
            msg = (
                f"the array of map {sky_map.map_id} in version {self.name} has {values.dtype} {values.shape}; "
                f"expected float32 ({sky_map.pixel_count},)"
            )
            raise StorageError(msg)
        return values

    def verify(self) -> list[str]:
        """Recompute every digest; return the ids of the maps whose array is not what was written."""
        return [
            sky_map.map_id
            for sky_map in self.maps
            if _sha256(self.path / f"{sky_map.map_id}.npy") != self.sha256[sky_map.map_id]
        ]


def write_version(
    root: Path, name: str, maps: Iterable[tuple[SkyMap, FloatMap]], *, base: MapVersion | None = None
) -> MapVersion:
    """Write a new version; maps of `base` that are not given again are carried over (hard links, no copy).

    Parameters
    ----------
    root : directory of all versions; made when absent
    name : name of the version: a-z 0-9 . _ -
    maps : pairs of description and values, values of shape (12 * 4**order,), float32, NaN = not observed

    Raises
    ------
    UsageError
        If the name is taken or malformed, a map comes twice, or an array has another shape or an infinite value.
    """
    if not _NAME.fullmatch(name):
        msg = f"map version {name!r} must be 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit"
        raise UsageError(msg)
    target = root / name
    if target.exists():
        msg = f"map version {name} exists already; a version is never written twice"
        raise UsageError(msg)
    root.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=root))
    try:
        written: dict[str, tuple[SkyMap, str]] = {}
        for sky_map, values in maps:
            if sky_map.map_id in written:
                msg = f"map {sky_map.map_id} comes twice in version {name}"
                raise UsageError(msg)
            _check_values(sky_map, values)
            written[sky_map.map_id] = (sky_map, _save(aside / f"{sky_map.map_id}.npy", _pack(sky_map, values)))
        if base is not None:
            for sky_map in base.maps:
                if sky_map.map_id not in written:
                    os.link(base.path / f"{sky_map.map_id}.npy", aside / f"{sky_map.map_id}.npy")
                    written[sky_map.map_id] = (sky_map, base.sha256[sky_map.map_id])
        manifest = {
            "format": 1,
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "maps": [{**asdict(sky_map), "sha256": digest} for sky_map, digest in written.values()],
        }
        _write_synced(aside / MANIFEST, json.dumps(manifest, indent=1).encode())
        aside.chmod(0o755)
        aside.rename(target)
        _sync_directory(root)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return open_version(root, name)


def open_version(root: Path, name: str) -> MapVersion:
    """Read the manifest of a version; arrays are opened one by one with `MapVersion.values`.

    Raises
    ------
    NotFoundError
        If there is no such version.
    StorageError
        If its manifest cannot be read.
    """
    path = root / name
    if not _NAME.fullmatch(name) or not (path / MANIFEST).is_file():
        msg = f"there is no map version {name!r}"
        raise NotFoundError(msg)
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        entries = manifest["maps"]
        created = dt.datetime.fromisoformat(manifest["created"]) if "created" in manifest else None
        digests = {entry["map_id"]: entry.pop("sha256") for entry in entries}
        maps = tuple(SkyMap(**entry) for entry in entries)
    except (ValueError, KeyError, TypeError, UsageError) as error:
        msg = f"the manifest of map version {name} is damaged; restore it from a copy"
        raise StorageError(msg) from error
    return MapVersion(name, path, maps, digests, created)


def _check_values(sky_map: SkyMap, values: FloatMap) -> None:
    if values.shape != (sky_map.pixel_count,) or values.dtype != np.float32:
        msg = (
            f"map {sky_map.map_id}: found {values.dtype} {values.shape}, "
            f"expected float32 ({sky_map.pixel_count},) for order {sky_map.order}"
        )
        raise UsageError(msg)
    if np.isinf(values).any():
        msg = f"map {sky_map.map_id}: {int(np.isinf(values).sum())} infinite pixels; use NaN where nothing was observed"
        raise UsageError(msg)


def _pack(sky_map: SkyMap, values: FloatMap) -> FloatMap:
    """What is to be stored: of an epoch the blocks with an observed pixel, where these are fewer than all."""
    if not sky_map.epoch or sky_map.order < _BLOCK_ORDER:
        return values
    blocks = values.reshape(_BLOCKS, -1)
    (seen,) = np.nonzero(np.isfinite(blocks).any(axis=1))
    if seen.size == _BLOCKS:
        return values
    seen = seen if seen.size else np.zeros(1, dtype=np.intp)  # an array of nothing cannot be mapped into memory
    return np.concatenate([seen[:, None].astype(np.float32), blocks[seen]], axis=1)


def _is_blocks(sky_map: SkyMap, stored: FloatMap) -> bool:
    """Whether an array holds blocks of this map: as many pixels as a block has, numbers that rise."""
    if stored.dtype != np.float32 or stored.ndim != 2 or not sky_map.epoch or sky_map.order < _BLOCK_ORDER:
        return False
    numbers = np.asarray(stored[:, 0])
    rising = bool((np.diff(numbers) >= 1).all()) and bool((numbers == np.floor(numbers)).all())
    return stored.shape[1] == 1 + sky_map.pixel_count // _BLOCKS and rising and 0 <= numbers[0] <= numbers[-1] < _BLOCKS


def _read_blocks(stored: FloatMap, start: int, stop: int) -> FloatMap:
    """Pixels from `start` to `stop` of a map that is stored in blocks; NaN where there is no block."""
    size = stored.shape[1] - 1
    first, last = start // size, (stop - 1) // size
    rows = range(*np.searchsorted(stored[:, 0], [first, last + 1]).tolist())
    if first == last and rows:
        return stored[rows[0], 1 + start - first * size : 1 + stop - first * size]
    values = np.full(stop - start, np.nan, dtype=np.float32)
    for row in rows:
        begin = int(stored[row, 0]) * size
        low, high = max(begin, start), min(begin + size, stop)
        values[low - start : high - start] = stored[row, 1 + low - begin : 1 + high - begin]
    return values


def _save(path: Path, values: FloatMap) -> str:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)
        _sync(file)
    return _sha256(path)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        _sync(file)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
