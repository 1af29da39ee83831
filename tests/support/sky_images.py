"""Images on their own WCS, as OSA writes them, with one source of known flux."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from archive.formats.image import read_image

PIXEL = 4.937 / 60.0
FWHM = 0.2


def write_image(path, *, source, center=(83.0, 21.5), matrix="CD", angle=0.0, outside=0.0, **sky):
    """Write an image like OSA's with one source; noise (if any) is as correlated as the PSF."""
    flux, noise, n = sky.get("flux", 50.0), sky.get("noise", 0.0), sky.get("n", 141)
    header = fits.Header()
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rotation = np.array([[-cos, sin], [sin, cos]])
    header["CTYPE1"], header["CTYPE2"], header["CUNIT1"], header["CUNIT2"] = "RA---TAN", "DEC--TAN", "deg", "deg"
    header["CRVAL1"], header["CRVAL2"], header["CRPIX1"], header["CRPIX2"] = *center, (n + 1) / 2, (n + 1) / 2
    for i in range(2):
        for j in range(2):
            header[f"{matrix}{i + 1}_{j + 1}"] = rotation[i, j] * PIXEL
    if matrix == "PC":
        header["CDELT1"] = header["CDELT2"] = 1.0
    header["RADESYS"], header["INSTRUME"], header["E_MIN"], header["E_MAX"] = "ICRS", "IBIS", 20.0, 40.0
    y, x = np.mgrid[0:n, 0:n]
    ra, dec = WCS(header).all_pix2world(x, y, 0)
    start = sky.get("start_mjd", 53000.0)
    header["DETNAM"], header["SIMULATD"], header["TIMESYS"], header["TIMEUNIT"] = "ISGRI", True, "TT", "d"
    header["MJDREF"], header["TSTART"], header["TSTOP"] = 51544.0, start - 51544.0, start - 51544.0 + 2.0
    separation = np.degrees(
        2 * np.arcsin(np.sqrt(
            np.sin(np.radians(dec - source[1]) / 2) ** 2
            + np.cos(np.radians(dec)) * np.cos(np.radians(source[1])) * np.sin(np.radians(ra - source[0]) / 2) ** 2
        ))
    )  # fmt: skip
    field = np.hypot(x - n // 2, y - n // 2) < n // 2 - 5
    sigma = 0.2 * (1.0 + (np.hypot(x - n // 2, y - n // 2) / (n // 2)) ** 2)
    draws = gaussian_filter(np.random.default_rng(3).normal(size=(n, n)), FWHM / 2.3548 / PIXEL)
    intensity = flux * np.exp(-4 * np.log(2) * (separation / FWHM) ** 2) + noise * sigma * draws / draws.std()
    hdus = [fits.PrimaryHDU()]
    for kind, plane, unit in (
        ("INTENSITY", intensity, "count/s"), ("VARIANCE", sigma**2, "(count/s)**2"),
        ("SIGNIFICANCE", intensity / sigma, "no units"), ("EXPOSURE", 1e4 / sigma, "s"),
    ):  # fmt: skip
        hdu = fits.ImageHDU(np.where(field, plane, outside).astype(np.float32), header)
        hdu.header["IMATYPE"], hdu.header["BUNIT"] = kind, unit
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return read_image(path)[0]
