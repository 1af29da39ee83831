"""Mosaics and science-window images: planes of intensity, variance, significance and exposure on one WCS."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import ArrayLike, NDArray

from archive.formats import headers
from archive.formats.container import AnyHdu, FitsFile, open_fits
from archive.formats.findings import Finding, FormatError, refuse
from archive.formats.outline import trace_outline

FloatArray = NDArray[np.float64]

_QUANTITY = {
    "INTENSITY": "intensity",
    "RECONSTRUCTED": "intensity",
    "FLUX": "intensity",
    "VARIANCE": "variance",
    "ERROR": "error",
    "SIGNIFICANCE": "significance",
    "EXPOSURE": "exposure",
    "OBS_TIME": "observing time",
}
_WRONG_UNITS = {"d", "deg", "keV", "mm", "mag"}


AnyWcs = Any
"""astropy's WCS, typed too loosely for a checker."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One image: (n_dec, n_ra) float32 in `unit` (VOUnit, '' dimensionless); NaN outside the observed field."""

    quantity: str
    hdu: str
    unit: str
    pixels: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Planes of one image in one energy band on one WCS; read positions with `value_at`."""

    planes: tuple[Plane, ...]
    wcs: AnyWcs
    frame: str
    instrument: str | None
    energy_min_kev: float | None
    energy_max_kev: float | None
    tstart_mjd_tt: float | None
    tstop_mjd_tt: float | None
    scw_id: str | None
    software: str | None
    simulated: bool
    findings: tuple[Finding, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels along (Dec, RA) of every plane."""
        return self.planes[0].pixels.shape

    def plane(self, quantity: str) -> Plane | None:
        """Return the plane of a quantity, None when the image has none."""
        return next((plane for plane in self.planes if plane.quantity == quantity), None)

    def value_at(self, ra: ArrayLike, dec: ArrayLike) -> dict[str, FloatArray]:
        """Return the value of each plane in the pixel that holds each position.

        Parameters
        ----------
        ra, dec
            ICRS degrees, any shape.

        Returns
        -------
        dict
            Quantity -> array of the shape of `ra`; NaN outside the image and outside the observed field.
        """
        ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
        x, y = self.pixel_of(ra, dec)
        rows, columns = self.shape
        inside = np.isfinite(x) & np.isfinite(y)
        i, j = (np.where(inside, np.rint(np.where(inside, v, -1)), -1).astype(np.int64) for v in (y, x))
        inside &= (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
        i, j = np.where(inside, i, 0), np.where(inside, j, 0)
        return {
            plane.quantity: np.where(inside, plane.pixels[i, j].astype(np.float64), np.nan) for plane in self.planes
        }

    def pixel_of(self, ra: ArrayLike, dec: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return 0-based pixel coordinates (x along RA, y along Dec) of ICRS degrees; NaN behind the projection."""
        sky: Any = SkyCoord(np.asarray(ra) * units.deg, np.asarray(dec) * units.deg, frame="icrs").transform_to(
            self.frame
        )
        x, y = self.wcs.all_world2pix(sky.ra.deg, sky.dec.deg, 0)
        # all_world2pix folds the far hemisphere of a gnomonic projection onto the near one
        back_ra, back_dec = self.wcs.all_pix2world(x, y, 0)
        back: Any = SkyCoord(back_ra * units.deg, back_dec * units.deg, frame=self.frame)
        near = np.asarray(back.separation(sky).deg) < 1e-3
        return np.where(near, x, np.nan), np.where(near, y, np.nan)

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Return the four corners of the image, counter-clockwise in pixel space, ICRS degrees."""
        rows, columns = self.shape
        ra, dec = self.wcs.all_pix2world(
            [-0.5, columns - 0.5, columns - 0.5, -0.5], [-0.5, -0.5, rows - 0.5, rows - 0.5], 0
        )
        sky: Any = SkyCoord(ra * units.deg, dec * units.deg, frame=self.frame).icrs
        return tuple(zip(sky.ra.deg.tolist(), sky.dec.deg.tolist(), strict=True))

    def outline(self) -> tuple[tuple[float, float], ...]:
        """Return the observed field as a polygon: its vertices, counter-clockwise as seen on the sky, ICRS degrees.

        Holes are filled; see `archive.formats.outline`. An image without an observed pixel gives its corners.
        """
        observed = np.isfinite(self.planes[0].pixels)
        for quantity in ("exposure", "variance"):
            if (plane := self.plane(quantity)) is not None:
                observed = np.isfinite(plane.pixels)
                break
        if not observed.any():
            return self.corners()
        vertices = trace_outline(observed)
        if np.linalg.det(self.wcs.pixel_scale_matrix) > 0:  # right ascension to the right: the other way round
            vertices = vertices[::-1]
        ra, dec = self.wcs.all_pix2world(*vertices.T, 0)
        sky: Any = SkyCoord(ra * units.deg, dec * units.deg, frame=self.frame).icrs
        return tuple(zip(sky.ra.deg.tolist(), sky.dec.deg.tolist(), strict=True))

    def center(self) -> tuple[float, float]:
        """Return the middle of the image, ICRS degrees."""
        rows, columns = self.shape
        ra, dec = self.wcs.all_pix2world((columns - 1) / 2, (rows - 1) / 2, 0)
        sky: Any = SkyCoord(float(ra) * units.deg, float(dec) * units.deg, frame=self.frame).icrs
        return float(sky.ra.deg), float(sky.dec.deg)


def is_sky_image(hdu: AnyHdu) -> bool:
    """Say whether an HDU is a 2-D image with celestial coordinates."""
    header = hdu.header
    return bool(
        hdu.is_image
        and header.get("NAXIS") == 2
        and str(header.get("CTYPE1", "")).startswith("RA-")
        and str(header.get("CTYPE2", "")).startswith("DEC-")
    )


def read_image(path: Path) -> tuple[Mosaic, ...]:
    """Read every image in a file: one `Mosaic` per energy band.

    Raises
    ------
    FormatError
        When the file is damaged, holds no sky image, or its planes contradict each other.
    """
    with open_fits(path) as file:
        return images_in(file)


def images_in(file: FitsFile) -> tuple[Mosaic, ...]:
    """Read the images of an open file; raises as `read_image`."""
    found = [index for index, hdu in enumerate(file.hdus) if is_sky_image(hdu)]
    if not found:
        raise refuse(
            "IMAGE-NONE",
            "no HDU is an image of the sky",
            expected="2-D images with CTYPE1 RA---xxx and CTYPE2 DEC--xxx",
        )
    findings: list[Finding] = []
    groups: dict[tuple[float | None, float | None], list[int]] = {}
    for index in found:
        header = file.hdus[index].header
        groups.setdefault((headers.number(header, "E_MIN"), headers.number(header, "E_MAX")), []).append(index)
    bandless = (
        groups.pop((None, None), []) if len(groups) > 1 else []
    )  # JEM-X adds one observing-time plane for all bands
    return tuple(_read_group(file, band, indexes + bandless, findings) for band, indexes in groups.items())


def _read_group(
    file: FitsFile, band: tuple[float | None, float | None], indexes: list[int], findings: list[Finding]
) -> Mosaic:
    notes = list(findings)
    header = file.hdus[indexes[0]].header
    label = file.label(indexes[0])
    low, high = band
    if low is None or high is None:
        notes.append(
            Finding(
                "BAND-ABSENT",
                "warning",
                "the energy band of the image is not stated",
                hdu=label,
                column="E_MIN, E_MAX",
                expected="keV",
            )
        )
    elif not 0.0 < low < high:
        raise refuse(
            "BAND-WRONG",
            "the energy band is impossible",
            hdu=label,
            column="E_MIN, E_MAX",
            found=f"{low}, {high}",
            expected="0 < E_MIN < E_MAX (keV)",
        )
    wcs = wcs_of(header, label)
    planes = [_read_plane(file, index, notes) for index in indexes]
    shape = planes[0].pixels.shape
    for index, plane in zip(indexes, planes, strict=True):
        if plane.pixels.shape != shape:
            raise refuse(
                "PLANE-SHAPE",
                "the planes of one image differ in size",
                hdu=plane.hdu,
                found=str(plane.pixels.shape),
                expected=str(shape),
            )
        if not _same_wcs(wcs, wcs_of(file.hdus[index].header, plane.hdu)):
            raise refuse(
                "PLANE-WCS",
                "the planes of one image differ in coordinates",
                hdu=plane.hdu,
                expected=f"the WCS of HDU {label}",
            )
    if len({plane.quantity for plane in planes}) != len(planes):
        raise refuse(
            "PLANE-DUPLICATE",
            "a quantity occurs twice in one band",
            hdu=label,
            column="IMATYPE",
            found=", ".join(plane.quantity for plane in planes),
        )
    masked = _mask_outside(planes)
    _check_significance(masked, notes)
    start, stop = headers.span_mjd_tt(header)
    return Mosaic(
        planes=masked,
        wcs=wcs,
        frame=headers.frame_of(header),
        instrument=headers.instrument_of(header),
        energy_min_kev=low,
        energy_max_kev=high,
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        scw_id=headers.text(header, "SWID"),
        software=headers.text(header, "CREATOR"),
        simulated=headers.is_simulated(header),
        findings=tuple(notes),
    )


def wcs_of(header: fits.Header, label: str) -> WCS:
    """Build the WCS from CD, or PC with CDELT; the spelling RADECSYS is understood without a warning.

    Raises
    ------
    FormatError
        ``WCS`` when the header has no usable sky coordinates.
    """
    with warnings.catch_warnings():
        # the fixes astropy announces are to RADECSYS, DATE-OBS = 'UTC_format' and the like: none touches coordinates
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            wcs = WCS(header, naxis=2, fix=True)
        except Exception as error:  # astropy raises many kinds here; all mean the same to the deliverer
            raise refuse(
                "WCS",
                "the sky coordinates cannot be understood",
                hdu=label,
                found=str(error)[:120],
                expected="a FITS celestial WCS",
            ) from error
    if not wcs.has_celestial:
        raise refuse(
            "WCS",
            "the image has no sky coordinates",
            hdu=label,
            expected="CTYPE1/2, CRVAL, CRPIX and CD or PC with CDELT",
        )
    scale = np.abs(np.linalg.det(wcs.pixel_scale_matrix))
    if not np.isfinite(scale) or scale == 0.0:
        raise refuse(
            "WCS",
            "the coordinate matrix is singular",
            hdu=label,
            column="CD or PC",
            found=str(wcs.pixel_scale_matrix.tolist()),
        )
    return wcs


def _same_wcs(first: WCS, second: WCS) -> bool:
    return bool(
        np.allclose(first.wcs.crval, second.wcs.crval)
        and np.allclose(first.wcs.crpix, second.wcs.crpix)
        and np.allclose(first.pixel_scale_matrix, second.pixel_scale_matrix)
    )


def _read_plane(file: FitsFile, index: int, findings: list[Finding]) -> Plane:
    hdu, label = file.hdus[index], file.label(index)
    kind = (headers.text(hdu.header, "IMATYPE") or "").upper()
    quantity = _QUANTITY.get(kind)
    if quantity is None:
        if kind:
            raise refuse(
                "PLANE-KIND",
                "the kind of image is unknown",
                hdu=label,
                column="IMATYPE",
                found=repr(kind),
                expected=", ".join(_QUANTITY),
            )
        quantity = "image"
        findings.append(
            Finding(
                "PLANE-KIND",
                "warning",
                "the file does not say what the image shows",
                hdu=label,
                column="IMATYPE",
                expected=", ".join(_QUANTITY),
            )
        )
    spelling = str(hdu.header.get("BUNIT", "") or "")
    unit = headers.vounit(spelling)
    if unit is None or unit in _WRONG_UNITS:
        raise refuse(
            "UNIT-WRONG",
            "the unit of the image does not fit what it shows",
            hdu=label,
            column="BUNIT",
            found=repr(spelling),
            expected="count/s, s, no units",
        )
    if quantity == "exposure" and unit != "s":
        raise refuse(
            "UNIT-WRONG",
            "an exposure must be in seconds",
            hdu=label,
            column="BUNIT",
            found=repr(spelling),
            expected="s",
        )
    return Plane(quantity, label, unit, np.asarray(hdu.data, dtype=np.float32))


def _mask_outside(planes: list[Plane]) -> tuple[Plane, ...]:
    """Set NaN outside the observed field: where exposure or variance is 0 (ISGRI writes 0 there, JEM-X NaN)."""
    by_quantity = {plane.quantity: plane.pixels for plane in planes}
    outside = np.zeros(planes[0].pixels.shape, dtype=bool)
    for quantity in ("exposure", "variance"):
        if quantity in by_quantity:
            outside |= ~(by_quantity[quantity] > 0)
    if len(planes) == 1:
        outside |= planes[0].pixels == 0
    return tuple(
        Plane(plane.quantity, plane.hdu, plane.unit, np.where(outside, np.float32(np.nan), plane.pixels))
        for plane in planes
    )


def _check_significance(planes: tuple[Plane, ...], findings: list[Finding]) -> None:
    """Compare SIGNIFICANCE with INTENSITY / sqrt(VARIANCE) where both are defined."""
    by_quantity = {plane.quantity: plane for plane in planes}
    if not {"intensity", "variance", "significance"} <= by_quantity.keys():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        computed = by_quantity["intensity"].pixels / np.sqrt(by_quantity["variance"].pixels)
    stated = by_quantity["significance"].pixels
    both = np.isfinite(computed) & np.isfinite(stated)
    if not both.any():
        raise FormatError(
            Finding("IMAGE-EMPTY", "error", "no pixel of the image holds data", hdu=by_quantity["intensity"].hdu)
        )
    worst = float(np.percentile(np.abs(computed[both] - stated[both]) / np.maximum(np.abs(stated[both]), 1.0), 99))
    if worst > 0.01:
        findings.append(
            Finding(
                "SIGNIFICANCE",
                "warning",
                "SIGNIFICANCE is not INTENSITY / sqrt(VARIANCE)",
                hdu=by_quantity["significance"].hdu,
                found=f"relative difference {worst:.2g} at the 99th percentile",
                expected="< 0.01",
            )
        )
