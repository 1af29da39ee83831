"""Sky maps as immutable versions of float32 HEALPix arrays: NESTED, ICRS, NaN where nothing was observed.

A version is a directory ``<root>/<name>/`` with one ``.npy`` file per map and a ``manifest.json``. It is written
aside and renamed, so that it exists completely or not at all, and it is never changed afterwards. HiPS tiles,
upper limits and MOCs are all read from these arrays.
"""

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from archive.errors import NotFoundError, StorageError, UsageError

FloatMap = NDArray[np.float32]

QUANTITIES = ("flux", "variance", "exposure", "significance")
MAX_ORDER = 13
MANIFEST = "manifest.json"
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
        """Map the array of `sky_map` into memory, read-only; shape (12 * 4**order,).

        Raises
        ------
        StorageError
            If the file is missing, truncated or not what the manifest says.
        """
        path = self.path / f"{sky_map.map_id}.npy"
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            msg = f"the array of map {sky_map.map_id} in version {self.name} is missing or damaged; restore a copy"
            raise StorageError(msg) from error
        if values.dtype != np.float32 or values.shape != (sky_map.pixel_count,):
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
            written[sky_map.map_id] = (sky_map, _save(aside / f"{sky_map.map_id}.npy", values))
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
