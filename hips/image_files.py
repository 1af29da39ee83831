"""Images and mosaics with a celestial WCS in FITS files: what a HiPS is built from."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning, WcsError
from numpy.typing import NDArray

from archive.errors import UsageError
from archive.formats import headers
from archive.formats.findings import FormatError
from archive.pictures import GALACTIC_TO_ICRS
from hips.resample import FloatArray, SkyImage

_QUANTITY = {
    "INTENSITY": "flux", "RECONSTRUCTED": "flux", "FLUX": "flux", "IMAGE": "flux", "VARIANCE": "variance",
    "EXPOSURE": "exposure", "SIGNIFICANCE": "significance", "OBS_TIME": "other",
}  # fmt: skip
_BACK_PX = 0.05


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image in one band with what its header says; None or '' where it says nothing."""

    image: SkyImage
    quantity: str
    unit: str
    instrument: str | None
    energy_kev: tuple[float, float] | None
    span_mjd_tt: tuple[float, float] | None
    simulated: bool


def read_image_file(path: Path, *, energy_kev: tuple[float, float] | None = None, quantity: str = "") -> ImageFile:
    """Read the image of one band with its variance and exposure.

    The field ends where variance or exposure is not positive (ISGRI writes 0 there), or where the value is NaN (JEM-X).

    Parameters
    ----------
    energy_kev : pair of float, optional
        The band, needed where a file has several.
    quantity : str
        ``significance`` for the image of significance of a file that has others too; it comes without variance and
        exposure, with which significances are not to be added.

    Raises
    ------
    UsageError
        If the file is damaged, has no such image, or does not say what is observed.
    """
    try:
        with (
            warnings.catch_warnings(action="error", category=AstropyUserWarning),
            fits.open(path, memmap=False) as file,
        ):
            planes = _find_planes(path.name, file, energy_kev)
            kinds = ("significance", "unnamed") if quantity == "significance" else ("flux", "unnamed", "significance")
            main = next((planes[kind] for kind in kinds if kind in planes), None)
            if main is None:
                raise UsageError(f"{path.name} holds no image of {quantity or 'intensity or significance'}.")
            found = _read(path.name, planes, main)
            if quantity != "significance":
                return found
            image = dataclasses.replace(found.image, variance=None, exposure=None)
            return dataclasses.replace(found, image=image, quantity="significance")
    except FormatError as error:
        raise UsageError(f"{path.name}: {error}") from error
    except (OSError, TypeError, ValueError, fits.VerifyError, AstropyUserWarning, WcsError) as error:
        raise UsageError(f"{path.name} is not a readable FITS image: truncated, damaged or without a WCS.") from error


def _find_planes(name: str, file: Any, wanted: tuple[float, float] | None) -> dict[str, Any]:
    """Images by quantity, of one energy band."""
    images = [hdu for hdu in file if hdu.is_image and hdu.header.get("NAXIS") == 2 and _is_sky(hdu.header)]
    bands: dict[Any, list[Any]] = {}
    for hdu in images:
        band = (headers.number(hdu.header, "E_MIN"), headers.number(hdu.header, "E_MAX"))
        bands.setdefault(None if None in band else band, []).append(hdu)
    stated = [band for band in bands if band is not None]
    if len(stated) > 1 and (wanted not in bands):
        texts = ", ".join(f"{low:g}-{high:g}" for low, high in stated)
        raise UsageError(f"{name} has images in the bands {texts} keV; choose one of them with --energy LOW HIGH.")
    chosen = bands[wanted] if len(stated) > 1 else images
    planes: dict[str, Any] = {}
    for hdu in chosen:
        kind = (headers.text(hdu.header, "IMATYPE") or hdu.name or "PRIMARY").upper()
        quantity = _QUANTITY.get(kind, "unnamed" if kind == "PRIMARY" or len(chosen) == 1 else "other")
        if quantity in planes and quantity != "other":
            raise UsageError(f"{name} has {quantity} twice; a file has one image of each kind in a band.")
        planes[quantity] = hdu
    return planes


def _is_sky(header: fits.Header) -> bool:
    return str(header.get("CTYPE1", ""))[:4] in {"RA--", "GLON", "DEC-", "GLAT"}


def _read(name: str, planes: dict[str, Any], main: Any) -> ImageFile:
    header = main.header
    values = np.asarray(main.data, dtype=np.float32)
    others: dict[str, NDArray[np.float32] | None] = {
        kind: np.asarray(planes[kind].data, dtype=np.float32) if kind in planes else None
        for kind in ("variance", "exposure")
    }
    outside = ~np.isfinite(values)
    for kind, plane in others.items():
        if plane is not None and plane.shape != values.shape:
            raise UsageError(f"{name}: {kind} has {plane.shape} pixels and the image {values.shape}.")
        if plane is not None:
            outside |= ~((plane > 0) & np.isfinite(plane))
    if not any(plane is not None for plane in others.values()) and not outside.any() and (values == 0).mean() > 0.01:
        raise UsageError(
            f"{name}: {int((values == 0).sum())} pixels are exactly 0 and none is NaN, and there is neither variance "
            "nor exposure to say which were observed; write NaN where nothing was."
        )
    masked = [None if plane is None else np.where(outside, np.float32(np.nan), plane) for plane in (*others.values(),)]
    wcs = _read_wcs(name, header)
    galactic = str(wcs.wcs.lngtyp) == "GLON"
    if not galactic:
        headers.frame_of(header)  # refuses what is neither ICRS nor FK5 (they differ by 0.03 arcsec)
    low, high = headers.number(header, "E_MIN"), headers.number(header, "E_MAX")
    start, stop = headers.span_mjd_tt(header)
    scale = float(np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))))
    field = np.where(outside, np.float32(np.nan), values)
    image = SkyImage(name, field, masked[0], masked[1], scale, *_transforms(wcs, galactic=galactic))
    quantity = "significance" if main is planes.get("significance") else "flux"
    unit = headers.vounit(headers.text(header, "BUNIT"))
    return ImageFile(
        image,
        quantity,
        str(header.get("BUNIT", "")).strip() if unit is None else unit,
        headers.instrument_of(header),
        None if low is None or high is None else (low, high),
        None if start is None or stop is None else (start, stop),
        headers.is_simulated(header),
    )


def _read_wcs(name: str, header: fits.Header) -> Any:
    with warnings.catch_warnings(action="ignore", category=FITSFixedWarning):
        wcs = WCS(header, naxis=2)
    if not wcs.has_celestial or not np.abs(np.linalg.det(wcs.pixel_scale_matrix)) > 0:
        raise UsageError(f"{name} has no usable sky coordinates: CTYPE, CRVAL, CRPIX and CD or CDELT are needed.")
    return wcs


def _transforms(wcs: Any, *, galactic: bool) -> tuple[Any, Any]:
    """Functions between ICRS degrees and image coordinates."""

    def to_sky(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        lon, lat = wcs.all_pix2world(x, y, 0)
        return _rotate(GALACTIC_TO_ICRS, lon, lat) if galactic else (lon, lat)

    def to_pixel(ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray]:
        lon, lat = _rotate(GALACTIC_TO_ICRS.T, ra, dec) if galactic else (ra, dec)
        known = np.isfinite(lon) & np.isfinite(lat)
        x, y = wcs.all_world2pix(np.where(known, lon, 0), np.where(known, lat, 0), 0)
        # The far hemisphere of a gnomonic projection folds onto the near one: only what comes back is meant.
        back_lon, back_lat = wcs.all_pix2world(x, y, 0)
        near = known & (np.cos(np.radians(back_lon - lon)) > 0) & (np.abs(back_lat - lat) < _BACK_PX)
        near |= known & (np.abs(lat) > 89.9) & (np.abs(back_lat - lat) < _BACK_PX)
        return np.where(near, x, np.nan), np.where(near, y, np.nan)

    return to_pixel, to_sky


def _rotate(matrix: NDArray[np.float64], lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    east, up = np.radians(lon), np.radians(lat)
    x, y, z = matrix @ np.stack([np.cos(up) * np.cos(east), np.cos(up) * np.sin(east), np.sin(up)])
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))
