"""The store of totals: flux, variance and exposure of all bands of a pixel side by side, memory-mapped.

A version is an immutable directory ``<root>/<name>/`` derived from one version of the sky maps and named after it:

    manifest.json   what each array is, its SHA-256, and which map version it was built from
    total-<n>.npy   float32 (12 * 4**order, 3 * n_band): flux..., variance..., exposure...
    ksys-<n>.npy    float32 (12 * 4**cell_order, n_band): systematic factor; all NESTED, ICRS, NaN = not observed

One array per instrument (and order and PSF, should its maps differ): all that is known of a pixel is one cache line. A
version is written aside, synced and renamed; opening one checks shape, size and, unless told otherwise, every digest.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archive.errors import NotFoundError, StorageError
from archive.healpix import ipix_nested
from archive.skymaps import MANIFEST, MapVersion, SkyMap
from upper_limits.bright import bright_term, bright_threshold, find_bright
from upper_limits.readout import (
    INSTRUMENT_FWHM_ARCMIN,
    Pixels,
    Readout,
    apply_weights,
    find_pixels,
    nearest_weight,
    plan_readout,
)
from upper_limits.systematics import systematic_factor

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

FORMAT = 1
CELL_ORDERS_DOWN = 4
"""k_sys cells hold 4**4 = 256 pixels, at most order 5 (1.8 degrees)."""
MAX_CELL_ORDER = 5
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class BandTotals:
    """One band of an instrument. `crab_convention` names the Crab spectrum where `unit` is mCrab; times MJD (TT)."""

    band: str
    energy_min_kev: float
    energy_max_kev: float
    unit: str
    crab_convention: str
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    simulated: bool
    has_exposure: bool


@dataclass(frozen=True, slots=True)
class Readings:
    """What the maps of an instrument say at n positions; arrays (n, n_band) but `ipix` (n,). NaN = not observed.

    `variance` is that of the nearest pixel; the error of `flux` is
    sqrt(variance * (noise_factor * k_sys)**2 + bright_term**2).
    """

    ipix: IntArray
    flux: FloatArray
    variance: FloatArray
    exposure_s: FloatArray
    k_sys: FloatArray
    noise_factor: FloatArray
    bright_term: FloatArray

    @property
    def error(self) -> FloatArray:
        """One-sigma error with every factor in it, unit of the flux."""
        error = np.sqrt(self.variance)
        error *= self.noise_factor
        error *= self.k_sys
        return np.hypot(error, self.bright_term) if self.bright_term.any() else error


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of one instrument: description and arrays.

    `bright_term` (n_cell, n_band) follows from `bright`: band number, ICRS degrees and flux of sources > 100 mCrab.
    """

    instrument: str
    readout: Readout
    cell_order: int
    bands: tuple[BandTotals, ...]
    values: Float32Array
    k_sys: Float32Array
    bright_term: Float32Array
    bright: tuple[tuple[int, float, float, float], ...] = ()

    def read(self, ra: ArrayLike, dec: ArrayLike) -> Readings:
        """Read all bands at positions in ICRS degrees, (n,); NaN where nothing was observed."""
        pixels = find_pixels(self.readout, ra, dec)
        at_nearest = np.take(self.values, pixels.nearest, axis=0).astype(np.float64)
        n_band = len(self.bands)
        flux, factor = self._fit(pixels, at_nearest[:, :n_band])
        cells = pixels.nearest >> (2 * (self.readout.order - self.cell_order))
        return Readings(
            pixels.nearest,
            flux,
            at_nearest[:, n_band : 2 * n_band],
            at_nearest[:, 2 * n_band :],
            np.take(self.k_sys, cells, axis=0).astype(np.float64),
            factor,
            np.take(self.bright_term, cells, axis=0).astype(np.float64),
        )

    def read_one(self, ra: float, dec: float) -> Readings:
        """Read all bands at one position; the same answer as `read`, without the cost of arrays for one number."""
        # There a position can lie exactly on the corner of pixels, which cdshealpix may give to another pixel.
        on_a_corner = dec % 30.0 == 0.0 or ra % 45.0 == 0.0
        if on_a_corner or self.readout.kind == "psf-neighbours":
            return self.read([ra], [dec])
        order, n_band = self.readout.order, len(self.bands)
        ipix = ipix_nested(order, ra, dec)
        cell = ipix >> (2 * (order - self.cell_order))
        row = self.values[ipix].astype(np.float64)[None, :]
        weight = nearest_weight(self.readout, ipix, ra, dec)
        return Readings(
            np.array([ipix]),
            row[:, :n_band] * weight,
            row[:, n_band : 2 * n_band],
            row[:, 2 * n_band :],
            self.k_sys[cell].astype(np.float64)[None, :],
            np.full((1, n_band), weight),
            self.bright_term[cell].astype(np.float64)[None, :],
        )

    def _fit(self, pixels: Pixels, nearest_flux: FloatArray) -> tuple[FloatArray, FloatArray]:
        if pixels.ipix.shape[1] == 1:
            values = nearest_flux[:, None, :]
        else:
            values = self.values[np.maximum(pixels.ipix, 0), : len(self.bands)].astype(np.float64)
            values[pixels.ipix < 0] = np.nan
        return apply_weights(pixels, values)


@dataclass(frozen=True, slots=True)
class LimitStore:
    """One opened version. `notes` says what the builder left out, and why."""

    name: str
    path: Path
    map_version: str
    map_digest: str
    totals: tuple[Totals, ...]
    notes: tuple[str, ...]


def digest_maps(maps: MapVersion) -> str:
    """SHA-256 of the manifest of a map version: which maps it holds and what is in them."""
    return hashlib.sha256((maps.path / MANIFEST).read_bytes()).hexdigest()


def build_version(root: Path, maps: MapVersion, *, report: Callable[[str], None] = lambda _: None) -> LimitStore:
    """Build the store of a map version, or return the one that is there and whole.

    A damaged version of that name is replaced: it is derived data. Running this twice, or twice at once, is harmless.

    Raises
    ------
    StorageError
        If the map version has no flux with its variance, or an array of it cannot be read.
    """
    digest = digest_maps(maps)
    target = root / maps.name
    if target.exists():
        try:
            store = open_store(root, maps.name)
            if store.map_digest == digest:
                return store
            report(f"{maps.name} was built from other maps; it is built again")
        except StorageError as error:
            report(f"{error}; it is built again")
    root.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{maps.name}.", dir=root))
    try:
        _write_arrays(aside, maps, digest, report)
        aside.chmod(0o755)
        _put_in_place(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return open_store(root, maps.name)


def list_stores(root: Path) -> tuple[str, ...]:
    """Names of the versions below `root`, newest first; whether they are whole is only known on opening."""
    if not root.is_dir():
        return ()
    found = [path for path in root.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    return tuple(path.name for path in sorted(found, key=lambda path: (-path.stat().st_mtime_ns, path.name)))


def open_store(root: Path, name: str, *, verify: bool = True) -> LimitStore:
    """Open a version; the arrays stay on disk and are mapped into memory, read-only.

    Parameters
    ----------
    verify : recompute the SHA-256 of every array (about 1 s per GB)

    Raises
    ------
    NotFoundError
        If there is no such version.
    StorageError
        If the version is half-written, truncated or not what its manifest says.
    """
    path = root / name
    if not _NAME.fullmatch(name) or not path.is_dir():
        raise NotFoundError(f"there is no version {name!r} of the upper-limit store")
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise StorageError(
                f"version {name} of the upper-limit store has format {manifest['format']!r}; "
                f"this software reads {FORMAT}; run: archipelago upper-limits build"
            )
        totals = tuple(_open_totals(path, name, entry, verify=verify) for entry in manifest["totals"])
        notes = tuple(str(note) for note in manifest["notes"])
        return LimitStore(name, path, str(manifest["map_version"]), str(manifest["map_digest"]), totals, notes)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise StorageError(
            f"version {name} of the upper-limit store is half-written or damaged (its manifest)"
        ) from error


def _open_totals(path: Path, name: str, entry: dict[str, object], *, verify: bool) -> Totals:
    bands = tuple(BandTotals(**band) for band in entry["bands"])  # pyright: ignore[reportGeneralTypeIssues]
    order, cell_order = int(entry["order"]), int(entry["cell_order"])  # pyright: ignore[reportArgumentType]
    arrays = []
    for part, shape in (
        ("total", (12 << (2 * order), 3 * len(bands))),
        ("ksys", (12 << (2 * cell_order), len(bands))),
    ):
        file = path / f"{part}-{int(entry['number'])}.npy"  # pyright: ignore[reportArgumentType]
        trouble = f"version {name} of the upper-limit store is damaged: {file.name}"
        try:
            array = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StorageError(f"{trouble} is missing or truncated") from error
        if array.dtype != np.float32 or array.shape != shape:
            raise StorageError(f"{trouble} holds {array.dtype} {array.shape}, expected float32 {shape}")
        if verify and _sha256(file) != entry[f"{part}_sha256"]:
            raise StorageError(f"{trouble} is not what was written (its SHA-256 differs)")
        arrays.append(np.asarray(array))  # still mapped, but without the cost of memmap's class at each reading
    readout = plan_readout(order, float(entry["fwhm_deg"]))  # pyright: ignore[reportArgumentType]
    bright = tuple((int(one[0]), float(one[1]), float(one[2]), float(one[3])) for one in entry.get("bright", ()))  # pyright: ignore[reportGeneralTypeIssues]
    term = np.zeros((12 << (2 * cell_order), len(bands)), dtype=np.float32)
    for number in {one[0] for one in bright}:
        term[:, number] = bright_term(np.array([one[1:] for one in bright if one[0] == number]), cell_order)
    return Totals(str(entry["instrument"]), readout, cell_order, bands, arrays[0], arrays[1], term, bright)


def _write_arrays(aside: Path, maps: MapVersion, digest: str, report: Callable[[str], None]) -> None:
    groups, notes = _group_bands(maps)
    if not groups:
        raise StorageError(
            f"map version {maps.name} has no flux map with its variance: {'; '.join(notes) or 'no maps'}"
        )
    entries = []
    for number, ((instrument, order, fwhm_deg), planes) in enumerate(groups.items()):
        cell_order = min(max(order - CELL_ORDERS_DOWN, 0), MAX_CELL_ORDER)
        report(f"{instrument}, order {order}: {', '.join(flux.band for flux, _, _ in planes)} keV")
        values, k_sys, bands, bright = _fill(aside / f"total-{number}.npy", maps, planes, cell_order, notes)
        np.save(aside / f"ksys-{number}.npy", k_sys, allow_pickle=False)
        entries.append(
            {
                "number": number,
                "instrument": instrument,
                "order": order,
                "cell_order": cell_order,
                "fwhm_deg": fwhm_deg,
                "bands": [asdict(band) for band in bands],
                "bright": bright,
                "total_sha256": _sha256(values),
                "ksys_sha256": _sha256(aside / f"ksys-{number}.npy"),
            }
        )
    manifest = {
        "format": FORMAT,
        "map_version": maps.name,
        "map_digest": digest,
        "notes": notes,
        "totals": entries,
    }
    (aside / MANIFEST).write_text(json.dumps(manifest, indent=1))


Planes = tuple[SkyMap, SkyMap, SkyMap | None]


def _group_bands(maps: MapVersion) -> tuple[dict[tuple[str, int, float], list[Planes]], list[str]]:
    """Flux, variance and exposure of each band, by instrument, order and PSF width; and what was left out."""
    groups: dict[tuple[str, int, float], list[Planes]] = {}
    notes: list[str] = []
    for flux in maps.find(quantity="flux", epoch=""):  # those of a year or a revolution are not totals
        same = {"instrument": flux.instrument, "band": flux.band, "epoch": ""}
        variances = [plane for plane in maps.find(quantity="variance", **same) if plane.order == flux.order]
        exposures = [plane for plane in maps.find(quantity="exposure", **same) if plane.order == flux.order]
        fwhm_arcmin = flux.psf_fwhm_arcmin or INSTRUMENT_FWHM_ARCMIN.get(flux.instrument.lower().replace("-", ""))
        if len(variances) != 1 or len(exposures) > 1:
            notes.append(
                f"{flux.map_id} left out: {len(variances)} variance and {len(exposures)} exposure maps, expected 1"
            )
        elif fwhm_arcmin is None:
            notes.append(f"{flux.map_id} left out: no PSF width is known for instrument {flux.instrument!r}")
        else:
            key = (flux.instrument, flux.order, fwhm_arcmin / 60.0)
            groups.setdefault(key, []).append((flux, variances[0], exposures[0] if exposures else None))
    for planes in groups.values():
        planes.sort(key=lambda plane: (plane[0].energy_min_kev, plane[0].energy_max_kev))
    return groups, notes


def _fill(
    path: Path, maps: MapVersion, planes: list[Planes], cell_order: int, notes: list[str]
) -> tuple[Path, Float32Array, list[BandTotals], list[tuple[int, float, float, float]]]:
    n_band, order = len(planes), planes[0][0].order
    shape = (12 << (2 * order), 3 * n_band)
    values = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    k_sys = np.empty((12 << (2 * cell_order), n_band), dtype=np.float32)
    bands, bright = [], []
    for column, (flux_map, variance_map, exposure_map) in enumerate(planes):
        flux, variance = maps.values(flux_map), maps.values(variance_map)
        observed = np.isfinite(flux) & (np.nan_to_num(variance, nan=0.0) > 0.0)
        lost = int((np.isfinite(flux) & ~observed).sum())
        if lost:
            notes.append(f"{flux_map.map_id}: {lost} pixels without a positive variance count as not observed")
        values[:, column] = np.where(observed, flux, np.nan)
        values[:, n_band + column] = np.where(observed, variance, np.nan)
        exposure = np.nan if exposure_map is None else maps.values(exposure_map)
        values[:, 2 * n_band + column] = np.where(observed, exposure, np.nan)
        significance = np.full(shape[0], np.nan)
        significance[observed] = flux[observed] / np.sqrt(variance[observed], dtype=np.float64)
        k_sys[:, column] = systematic_factor(significance, order, cell_order)
        threshold = bright_threshold(flux_map.unit, flux_map.energy_min_kev, flux_map.energy_max_kev)
        if threshold is None:
            notes.append(
                f"{flux_map.map_id}: bright sources are not known, its unit {flux_map.unit!r} is not the Crab's"
            )
        else:
            found = find_bright(values[:, column], significance, order, threshold)
            bright += [(column, *map(float, one)) for one in found]
        bands.append(
            BandTotals(
                flux_map.band,
                flux_map.energy_min_kev,
                flux_map.energy_max_kev,
                flux_map.unit,
                flux_map.crab_convention,
                flux_map.tstart_mjd_tt,
                flux_map.tstop_mjd_tt,
                flux_map.simulated or variance_map.simulated,
                exposure_map is not None,
            )
        )
    values.flush()
    return path, k_sys, bands, bright


def _put_in_place(aside: Path, target: Path) -> None:
    """Rename; a damaged version in the way is moved aside first and removed, as readers keep what they have mapped."""
    _sync(aside.iterdir())
    damaged = None
    if target.exists():
        damaged = Path(tempfile.mkdtemp(prefix=f".{target.name}.damaged.", dir=target.parent))
        target.rename(damaged / target.name)
    try:
        aside.rename(target)
    except OSError:
        if not target.exists():  # not another builder that was quicker
            raise
    finally:
        if damaged is not None:
            shutil.rmtree(damaged, ignore_errors=True)
    _sync([target.parent])


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
