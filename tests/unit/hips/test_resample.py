"""Images brought to HEALPix: positions, flux, overlaps, and what is refused."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from archive.errors import UsageError
from archive.healpix import pixel_centres, pixels_nested
from hips.image_files import read_image_file
from hips.resample import Sums

SIGMA_DEG = 0.2 / 2.3548


def make_wcs(projection="TAN", frame="RA", centre=(83.6, 22.0), size=240, rotation=0.0):
    wcs = WCS(naxis=2)
    first, second = ("RA---", "DEC--") if frame == "RA" else ("GLON-", "GLAT-")
    wcs.wcs.ctype = [first + projection, second + projection]
    wcs.wcs.crpix = [size / 2 + 0.5, size / 2 + 0.5]
    wcs.wcs.cdelt = [-0.082, 0.082]
    turn = np.radians(rotation)
    wcs.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    wcs.wcs.crval = centre
    if projection in {"CAR", "AIT", "MOL", "SFL"}:  # their reference point lies on the equator
        wcs.wcs.crval = [centre[0], 0.0]
        wcs.wcs.crpix = [size / 2 + 0.5, size / 2 + 0.5 - centre[1] / 0.082]
    return wcs


def sky_positions(wcs, size):
    from astropy.coordinates import SkyCoord

    y, x = np.mgrid[0:size, 0:size]
    lon, lat = wcs.all_pix2world(x, y, 0)
    known = np.isfinite(lon)
    frame = "galactic" if wcs.wcs.lngtyp == "GLON" else "icrs"
    sky = SkyCoord(np.where(known, lon, 0), np.where(known, lat, 0), unit="deg", frame=frame).icrs
    return np.where(known, sky.ra.deg, np.nan), np.where(known, sky.dec.deg, np.nan)


def vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def point_source(ra, dec, source, flux):
    distance = np.degrees(np.linalg.norm(vectors(ra, dec) - vectors(*source), axis=-1))
    return flux * np.exp(-((distance / SIGMA_DEG) ** 2) / 2)


def write_image(path, wcs, values, *, variance=None, exposure=None, **cards):
    planes = {"INTENSITY": values, "VARIANCE": variance, "EXPOSURE": exposure}
    hdus = [fits.PrimaryHDU()]
    for kind, plane in planes.items():
        if plane is not None:
            hdu = fits.ImageHDU(np.asarray(plane, np.float32), header=wcs.to_header())
            hdu.header.update({"IMATYPE": kind, "RADESYS": "ICRS"} | cards)
            hdu.header["BUNIT"] = {"INTENSITY": "counts/sec", "VARIANCE": "(counts/sec)**2", "EXPOSURE": "sec"}[kind]
            hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


def smooth(ra, dec):
    return 5 + np.cos(np.radians(3 * ra)) * np.cos(np.radians(dec)) + np.sin(np.radians(4 * dec))


@pytest.mark.parametrize(("projection", "frame", "centre", "rotation"), [
    ("TAN", "RA", (83.6, 22.0), 0), ("TAN", "RA", (0.0, 41.8), 30), ("TAN", "GLON", (0.0, 0.0), 0),
    ("CAR", "GLON", (184.6, -5.8), 0), ("AIT", "GLON", (70.0, 30.0), 0), ("SIN", "RA", (200.0, -89.0), 10),
    ("ZEA", "RA", (45.0, 89.5), 0), ("ARC", "RA", (315.0, -41.8), 77), ("MOL", "RA", (180.0, 0.0), 0),
])  # fmt: skip
def test_smooth_sky_comes_back_under_every_projection(tmp_path, projection, frame, centre, rotation):
    wcs = make_wcs(projection, frame, centre, rotation=rotation)
    ra, dec = sky_positions(wcs, 240)
    image = read_image_file(write_image(tmp_path / "a.fits", wcs, smooth(ra, dec))).image
    sums = Sums(10)
    sums.add(image)
    flux = sums.flux()
    (seen,) = np.nonzero(np.isfinite(flux))
    lon, lat = pixel_centres(10, seen)
    assert np.abs(flux[seen] - smooth(lon, lat)).max() < 0.005  # the gradient is 0.006 in one image pixel
    area = seen.size / flux.size * 41252.96
    assert area == pytest.approx(np.abs(np.linalg.det(wcs.pixel_scale_matrix)) * 240**2, rel=0.12)
    pixels = pixels_nested(10, ra[5:-5:7, 5:-5:7], dec[5:-5:7, 5:-5:7])
    assert np.isfinite(flux[pixels]).all(), "an observed pixel of the image is missing from the map"


def test_positions_interpolated_in_blocks_are_those_of_every_pixel(tmp_path):
    wcs = make_wcs("TAN", "RA", (45.0, 41.8))  # on the kink of HEALPix at z = 2/3
    ra, dec = sky_positions(wcs, 240)
    image = read_image_file(write_image(tmp_path / "a.fits", wcs, smooth(ra, dec))).image
    sums = Sums(10)
    cells = sums._find_blocks(image)
    assert cells.size
    from hips.tiles import tile_positions

    for cell in cells.tolist():
        numbers = (cell << 14) + tile_positions(128).ravel()
        exact = image.to_pixel(*pixel_centres(10, numbers))
        for ours, theirs in zip(next(sums._image_positions([cell], image.to_pixel)), exact, strict=True):
            near = np.abs(theirs) < 1000
            np.testing.assert_allclose(ours[near], theirs[near], atol=0.02)


def test_peaks_of_point_sources_are_kept(tmp_path):
    random = np.random.default_rng(7)
    wcs = make_wcs(size=400)
    ra, dec = sky_positions(wcs, 400)
    places = [(i, j) for i in range(40, 380, 40) for j in range(40, 380, 40)]
    x, y = np.array([(i + random.random(), j + random.random()) for i, j in places]).T
    sources = np.stack(wcs.all_pix2world(x, y, 0), axis=1)
    values = sum(point_source(ra, dec, source, 100) for source in sources)
    sums = Sums(10)
    sums.add(read_image_file(write_image(tmp_path / "a.fits", wcs, values + 1)).image)
    flux = sums.flux() - 1
    pixels = pixels_nested(10, sources[:, 0], sources[:, 1])
    centres = np.stack(pixel_centres(10, pixels), axis=1)
    truth = [point_source(*centre, source, 100) for centre, source in zip(centres, sources, strict=True)]
    ratio = flux[pixels] / np.array(truth)
    print(f"peak over truth: mean {ratio.mean():.4f}, least {ratio.min():.4f}")
    assert ratio.mean() > 0.98
    assert ratio.min() > 0.965


def test_overlaps_are_weighted_by_inverse_variance(tmp_path):
    wcs = make_wcs(size=100)
    shape = (100, 100)
    sums = Sums(10)
    for name, value, variance in (("a", 1.0, 1.0), ("b", 4.0, 0.5)):
        path = write_image(
            tmp_path / f"{name}.fits", wcs, np.full(shape, value), variance=np.full(shape, variance),
            exposure=np.full(shape, 1000.0),
        )  # fmt: skip
        sums.add(read_image_file(path).image)
    assert sums.overlaps
    for made, expected in ((sums.flux(), 3.0), (sums.variance(), 1 / 3), (sums.exposure(), 2000.0)):
        np.testing.assert_allclose(made[np.isfinite(made)], expected, rtol=1e-6)


def test_zero_of_isgri_and_nan_of_jemx_end_the_field(tmp_path):
    wcs = make_wcs(size=100)
    inside = np.hypot(*(np.mgrid[0:100, 0:100] - 49.5)) < 40
    maps = []
    for name, blank in (("isgri", 0.0), ("jemx", np.nan)):
        planes = {kind: np.where(inside, 1.0, blank) for kind in ("variance", "exposure")}
        path = write_image(tmp_path / f"{name}.fits", wcs, np.where(inside, 2.0, blank), **planes)
        sums = Sums(10)
        sums.add(read_image_file(path).image)
        maps.append(sums.flux())
    np.testing.assert_array_equal(*maps)
    assert np.nanmin(maps[0]) == pytest.approx(2.0)


def test_what_cannot_be_placed_is_an_error_not_a_gap(tmp_path):
    wcs = make_wcs("AIT", "RA", (0.0, 0.0), size=100)
    wcs.wcs.cdelt = [-4.0, 4.0]  # the corners lie outside the sky
    path = write_image(tmp_path / "a.fits", wcs, np.ones((100, 100)))
    with pytest.raises(UsageError, match="have no place of their own"):
        Sums(7).add(read_image_file(path).image)
    wcs = make_wcs("CAR", "RA", (0.0, 0.0), size=100)
    wcs.wcs.cdelt = [-4.0, 1.0]  # 400 degrees wide: some of the sky twice
    path = write_image(tmp_path / "b.fits", wcs, np.ones((100, 100)))
    with pytest.raises(UsageError, match="have no place of their own"):
        Sums(7).add(read_image_file(path).image)


@pytest.mark.parametrize(("change", "words"), [
    ("truncate", "not a readable FITS"), ("table", "no image of intensity"), ("empty", "no observed pixel"),
    ("fk4", "FK4"), ("singular", "WCS"), ("zeros", "exactly 0"), ("twice", "twice"), ("bands", "--energy"),
])  # fmt: skip
def test_bad_images_are_refused_in_one_sentence(tmp_path, change, words):
    path, wcs = tmp_path / "bad.fits", make_wcs(size=50)
    values = np.ones((50, 50))
    if change == "empty":
        values[:] = np.nan
    if change == "zeros":
        values[:10] = 0
    cards = {"fk4": {"RADESYS": "FK4", "EQUINOX": 1950.0}, "singular": {"CDELT1": 0.0}}.get(change, {})
    write_image(path, wcs, values, **cards)
    if change == "truncate":
        path.write_bytes(path.read_bytes()[:7000])
    if change in {"twice", "bands"}:
        with fits.open(path, mode="append") as file:
            again = file[1].copy()
            if change == "bands":
                again.header.update({"E_MIN": 40.0, "E_MAX": 100.0})
            file.append(again)
        if change == "bands":
            with fits.open(path, mode="update") as file:
                file[1].header.update({"E_MIN": 20.0, "E_MAX": 40.0})
    if change == "table":
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "1J", array=[1])])]).writeto(
            path, overwrite=True
        )
    with pytest.raises(UsageError, match=words):
        Sums(10).add(read_image_file(path).image)


@pytest.mark.parametrize("name", ["isgri_mosa_ima_1", "isgri_mosaic", "isgri_query_mosaic", "jmx1_osa_mosaic"])
def test_real_mosaics_keep_their_bright_sources(shared_data, name):
    from scipy.ndimage import maximum_filter

    path = shared_data / "products" / "mosaics" / f"{name}.fits.gz"
    found = read_image_file(path)
    image, order = found.image, 11 if "jmx" in name else 10
    sums = Sums(order)
    sums.add(image)
    flux = sums.flux()
    significance = np.where(np.isfinite(image.values), image.values / np.sqrt(image.variance), -1)
    peaks = (significance == maximum_filter(significance, 21)) & (significance > 20)
    y, x = np.nonzero(peaks)
    assert y.size
    ra, dec = image.to_sky(x.astype(float), y.astype(float))
    for lon, lat, peak in zip(ra, dec, image.values[peaks], strict=True):
        around = [flux[pixels_nested(order, lon + a, lat + b)] for a in (-0.03, 0, 0.03) for b in (-0.03, 0, 0.03)]
        assert 0.85 < np.nanmax(around) / peak < 1.1
