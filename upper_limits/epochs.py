"""Maps of single epochs, as the builder leaves them: the input of the history, one immutable directory each.

``<root>/<instrument>/<epoch>.<digest>/`` holds ``epoch.json``, ``ipix.npy`` (int64, rising) and ``values.npy``
(float32, (n, 3 * n_band): flux..., variance..., exposure..., NaN = band not observed). `<digest>` follows from the
inputs and the way they are resampled, so an epoch that is there need not be made again: an interrupted build goes on.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive.errors import StorageError, UsageError
from upper_limits.stacking import Pixels
from upper_limits.systematics import robust_scatter

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

FORMAT = 1
FACTS, PIXELS, VALUES = "epoch.json", "ipix.npy", "values.npy"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MASK_SIGMA = 4.0
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class EpochBand:
    """One band of an epoch: `k_sys` is the robust scatter of flux / sqrt(variance) over the epoch's field, >= 1."""

    band: str
    energy_min_kev: float
    energy_max_kev: float
    unit: str
    k_sys: float


@dataclass(frozen=True, slots=True)
class EpochMap:
    """The map of one epoch on disk; times MJD (TT); `inputs` are the SHA-256 of the images it was made from."""

    name: str
    instrument: str
    order: int
    fwhm_deg: float
    tstart_mjd_tt: float
    tstop_mjd_tt: float
    simulated: bool
    inputs: tuple[str, ...]
    bands: tuple[EpochBand, ...]
    path: Path

    @property
    def key(self) -> str:
        """What tells this map from any other: the name of its directory."""
        return self.path.name

    def load(self) -> tuple[IntArray, Float32Array]:
        """Map ``ipix`` (n,) and ``values`` (n, 3 * n_band) into memory.

        Raises
        ------
        StorageError
            If an array is missing, truncated or of another shape.
        """
        try:
            ipix = np.load(self.path / PIXELS, mmap_mode="r", allow_pickle=False)
            values = np.load(self.path / VALUES, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StorageError(f"the map of epoch {self.name} is missing or truncated; remove {self.key}") from error
        if ipix.dtype != np.int64 or values.dtype != np.float32 or values.shape != (len(ipix), 3 * len(self.bands)):
            raise StorageError(f"the map of epoch {self.name} is damaged: its arrays do not fit; remove {self.key}")
        return ipix, values


def epoch_path(root: Path, instrument: str, name: str, order: int, fwhm_deg: float, inputs: Sequence[str]) -> Path:
    """Return where the map of an epoch made of these inputs lies, whether or not it exists.

    Raises
    ------
    UsageError
        If `instrument` or `name` cannot be the name of a file.
    """
    for what, text in (("instrument", instrument), ("epoch", name)):
        if not _NAME.fullmatch(text):
            raise UsageError(f"{what} {text[:80]!r} must be 1 to 64 letters, digits, _ or -")
    content = json.dumps([FORMAT, order, fwhm_deg, sorted(inputs)])
    return root / instrument / f"{name}.{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def open_epoch(path: Path) -> EpochMap:
    """Read the description of an epoch's map.

    Raises
    ------
    StorageError
        If it is missing or not what this software writes.
    """
    try:
        facts = json.loads((path / FACTS).read_bytes())
        bands = tuple(EpochBand(**band) for band in facts.pop("bands"))
        return EpochMap(**{**facts, "inputs": tuple(facts["inputs"]), "bands": bands, "path": path})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"the description of epoch map {path.name} is missing or damaged; remove it") from error


def write_epoch(
    path: Path, facts: EpochMap, bands: Sequence[tuple[str, float, float, str]], pixels: Sequence[Pixels]
) -> EpochMap:
    """Write the map of an epoch aside and rename it into place.

    Parameters
    ----------
    facts : everything but its bands, which are made here
    bands : name, lower and upper edge in keV, unit of the flux; one for each of `pixels`
    """
    ipix = np.unique(np.concatenate([one.ipix for one in pixels]))
    values = np.full((len(ipix), 3 * len(pixels)), np.nan, dtype=np.float32)
    made = []
    for column, ((band, low, high, unit), one) in enumerate(zip(bands, pixels, strict=True)):
        rows = np.searchsorted(ipix, one.ipix)
        for part, plane in enumerate((one.flux, one.variance, one.exposure_s)):
            values[rows, part * len(pixels) + column] = plane
        made.append(EpochBand(band, low, high, unit, field_systematic_factor(one)))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        np.save(aside / PIXELS, ipix, allow_pickle=False)
        np.save(aside / VALUES, values, allow_pickle=False)
        record = {**asdict(facts), "bands": [asdict(band) for band in made]}
        del record["path"]
        (aside / FACTS).write_text(json.dumps(record, indent=1))
        aside.chmod(0o755)
        if not path.exists():
            aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return open_epoch(path)


def field_systematic_factor(pixels: Pixels) -> float:
    """Robust scatter of S = F / sqrt(V) over one field, pixels beyond 4 times it left out; at least 1.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(0.0, 1.3, 100_000)
    >>> sky = Pixels(np.arange(100_000), draws, np.ones(100_000), np.ones(100_000))
    >>> round(field_systematic_factor(sky), 1)
    1.3
    """
    significance = pixels.flux / np.sqrt(pixels.variance)
    scatter = float(robust_scatter(significance))
    for _ in range(_ROUNDS):
        scatter = float(robust_scatter(significance[np.abs(significance) < _MASK_SIGMA * max(scatter, 1.0)]))
    return max(1.0, scatter) if np.isfinite(scatter) else 1.0
