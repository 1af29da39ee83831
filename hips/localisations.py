"""Localisations of gravitational-wave events: probabilities on HEALPix pixels, and their credible regions."""

from __future__ import annotations

import dataclasses
import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive.errors import TooLargeError, UsageError
from archive.healpix import HPX_ORDER, pixels_nested
from hips.moc import Coverage, normalize
from hips.moc_files import MAX_BYTES

MAX_PIXELS = 4_000_000
_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Localisation:
    """Probability on the sky in pixels of mixed sizes that do not overlap, in ascending order.

    Attributes
    ----------
    order : int
        HEALPix order of the finest pixel.
    ranges : (n, 2), int64
        Nested pixels of that order which each one covers.
    probability : (n,), float64
        In each; their sum is 1.
    """

    order: int
    ranges: NDArray[np.int64]
    probability: NDArray[np.float64]

    def credible_region(self, level: float) -> Coverage:
        """Smallest region that holds at least this probability: pixels by falling probability per area.

        Raises
        ------
        UsageError
            If the level is not above 0 and at most 1.
        """
        if not 0 < level <= 1:
            raise UsageError(f"credible is {level:g}; expected a probability above 0, at most 1.")
        density = self.probability / (self.ranges[:, 1] - self.ranges[:, 0])
        falling = np.argsort(-density, kind="stable")
        reached = np.cumsum(self.probability[falling])
        count = int(np.searchsorted(reached, min(level, float(reached[-1])))) + 1
        return normalize(self.order, self.ranges[falling[:count]])

    def probability_within(self, coverage: Coverage) -> float:
        """Probability inside a region; a pixel that lies in it in part counts with that part."""
        order = max(self.order, coverage.order)
        own = self.ranges << (2 * (order - self.order))
        region = coverage.ranges << (2 * (order - coverage.order))
        edges = np.concatenate([[0], np.cumsum(region[:, 1] - region[:, 0])])

        def covered_below(pixel: NDArray[np.int64]) -> NDArray[np.int64]:
            place = np.searchsorted(region[:, 0], pixel, side="right")
            inside = np.where(place > 0, np.minimum(pixel, region[np.maximum(place - 1, 0), 1]), 0)
            return edges[np.maximum(place - 1, 0)] + np.where(
                place > 0, inside - region[np.maximum(place - 1, 0), 0], 0
            )

        if region.size == 0:
            return 0.0
        overlap = covered_below(own[:, 1]) - covered_below(own[:, 0])
        return float((self.probability * overlap / (own[:, 1] - own[:, 0])).sum())


def decode_localisation(content: bytes) -> Localisation | None:
    """Read a localisation from FITS bytes; None where the file is something else, as a MOC is.

    Multi-order maps have the columns UNIQ and PROBDENSITY (per steradian), flat ones PROB (or PROBABILITY) with
    ORDERING NESTED or RING, in ICRS.

    Raises
    ------
    TooLargeError
        If it has more than 16 MB or four million pixels.
    UsageError
        If it is damaged, its pixels overlap, or its probabilities do not sum to 1 within one per cent.

    References
    ----------
    LIGO/Virgo/KAGRA Public Alerts User Guide, section "Sky Localization and Parameter Estimation"; NUNIQ: MOC 2.0,
    section 4.2.1.
    """
    if not content.startswith(b"SIMPLE  ="):
        return None
    if len(content) > MAX_BYTES:
        raise TooLargeError(
            f"The map has {len(content)} bytes; at most {MAX_BYTES} are read: send the multi-order map."
        )
    from astropy.io import fits  # noqa: PLC0415 - a second at start-up, for the rare upload

    try:
        with warnings.catch_warnings(action="error"), fits.open(io.BytesIO(content), memmap=False) as file:
            table = next((hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)), None)
            if table is None:
                return None
            columns: Any = table.columns  # astropy says that it may be None; a table that was read has some
            names = {str(name).upper(): str(name) for name in columns.names}
            if "UNIQ" in names and "PROBDENSITY" in names:
                numbers = np.asarray(table.data[names["UNIQ"]]).ravel().astype(np.int64)
                density = np.asarray(table.data[names["PROBDENSITY"]], dtype=np.float64).ravel()
                return _from_multiorder(numbers, density)
            name = names.get("PROB") or names.get("PROBABILITY")
            if name is None:
                return None
            ordering = str(table.header.get("ORDERING", "")).strip().upper()
            frame = str(table.header.get("COORDSYS", "C")).strip().upper()
            values = np.asarray(table.data[name], dtype=np.float64).ravel()
    except (OSError, TypeError, ValueError, KeyError, IndexError, fits.VerifyError, Warning) as error:
        raise UsageError("The localisation is not a readable FITS file: truncated or damaged.") from error
    if ordering not in {"NESTED", "NEST", "RING"} or frame not in {"C", "ICRS", "EQUATORIAL"}:
        raise UsageError(f"The map has ORDERING {ordering!r}, COORDSYS {frame!r}; expected NESTED or RING, and 'C'.")
    return _from_flat(values, ring=ordering == "RING")


def _from_multiorder(numbers: NDArray[np.int64], density: NDArray[np.float64]) -> Localisation:
    _check_size(numbers.size)
    if (numbers < 4).any():
        raise UsageError("The map has a UNIQ below 4, which is no pixel.")
    orders = (np.floor(np.log2(numbers.astype(np.float64))).astype(np.int64) - 2) >> 1
    pixels = numbers - (np.int64(4) << (2 * orders))
    if orders.max() > HPX_ORDER or (pixels >= np.int64(12) << (2 * orders)).any():
        raise UsageError("The map has a UNIQ that is no HEALPix pixel of order 0 to 29.")
    order = int(orders.max())
    shift = 2 * (order - orders)
    area = 4 * np.pi / (np.int64(12) << (2 * orders))
    return _finish(order, np.stack([pixels << shift, (pixels + 1) << shift], axis=1), density * area)


def _from_flat(values: NDArray[np.float64], *, ring: bool) -> Localisation:
    _check_size(values.size)
    nside2, rest = divmod(values.size, 12)
    order = (nside2.bit_length() - 1) // 2 if nside2 else 0
    if rest or nside2 != 1 << (2 * order):
        raise UsageError(f"The map has {values.size} pixels, which is no HEALPix map: expected 12 * 4**order.")
    pixels = np.arange(values.size, dtype=np.int64)
    if ring:
        from cdshealpix.ring import healpix_to_lonlat  # noqa: PLC0415 - loads astropy

        lon, lat = healpix_to_lonlat(pixels.astype(np.uint64), 1 << order)
        pixels = pixels_nested(order, lon.deg, lat.deg)
    return _finish(order, np.stack([pixels, pixels + 1], axis=1), values)


def _check_size(count: int) -> None:
    if count == 0:
        raise UsageError("The map has no pixel.")
    if count > MAX_PIXELS:
        raise TooLargeError(f"The map has {count} pixels; at most {MAX_PIXELS} are read: send the multi-order map.")


def _finish(order: int, ranges: NDArray[np.int64], probability: NDArray[np.float64]) -> Localisation:
    total = float(probability.sum())
    if not (probability >= 0).all() or abs(total - 1) > _TOLERANCE:
        raise UsageError(f"The probabilities of the map sum to {total:g} or some are negative; expected 1.")
    ascending = np.argsort(ranges[:, 0])
    ranges, probability = ranges[ascending], probability[ascending]
    if (ranges[1:, 0] < ranges[:-1, 1]).any():
        raise UsageError("Pixels of the map overlap each other.")
    return Localisation(order, ranges, probability / total)
