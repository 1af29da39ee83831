import numpy as np
import pytest
from astropy.io import fits

from archive.formats import FormatError, read_image
from tests.support.fits_files import image_header, mosaic_hdus, write

CRAB = (83.6331, 22.0145)


def rules(image) -> set[str]:
    return {finding.rule for finding in image.findings}


def test_planes_on_one_wcs(tmp_path):
    (image,) = read_image(write(tmp_path / "a.fits", *mosaic_hdus()))
    assert [(plane.quantity, plane.unit) for plane in image.planes] == [
        ("intensity", "ct/s"),
        ("variance", "ct**2/s**2"),
        ("significance", ""),
        ("exposure", "s"),
    ]
    values = {name: float(value) for name, value in image.value_at(83.633, 22.0145).items()}
    assert values == {"intensity": 5.0, "variance": 0.25, "significance": 10.0, "exposure": 1000.0}
    assert image.findings == ()


@pytest.mark.parametrize("outside", [0.0, np.nan], ids=["ISGRI writes 0", "JEM-X writes NaN"])
def test_outside_the_field_is_nan(tmp_path, outside):
    (image,) = read_image(write(tmp_path / "a.fits", *mosaic_hdus(outside=outside)))
    corner = image.wcs.all_pix2world(0, 0, 0)
    assert np.isnan(image.value_at(*corner)["intensity"])
    assert np.isnan(image.value_at(83.633, 22.0145 + 2)["exposure"])
    assert np.isnan(image.value_at(263.633, -22.0145)["intensity"]), "the far side of the sky"


@pytest.mark.parametrize("angle", [0, 37.0, 180.0])
@pytest.mark.parametrize("pc", [False, True], ids=["CD", "PC with CDELT 1"])
def test_matrices_of_all_kinds(tmp_path, pc, angle):
    header = image_header(pc=pc, angle_deg=angle)
    hdus = mosaic_hdus(header=header)
    for hdu in hdus if pc else []:
        for key in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
            del hdu.header[key]
    (image,) = read_image(write(tmp_path / "a.fits", *hdus))
    step = 0.5  # 5 pixels to the north
    x, y = image.pixel_of(83.633, 22.0145 + step)
    assert np.hypot(x - 10, y - 10) == pytest.approx(5.0, abs=1e-3)
    assert (x - 10, y - 10) == pytest.approx((5 * np.sin(np.radians(angle)), 5 * np.cos(np.radians(angle))), abs=1e-3)


def test_values_at_many_positions_keep_their_shape(tmp_path):
    (image,) = read_image(write(tmp_path / "a.fits", *mosaic_hdus()))
    assert image.value_at(np.full((2, 3), 83.633), np.full((2, 3), 22.0145))["intensity"].shape == (2, 3)


def test_one_image_per_band(tmp_path):
    path = write(tmp_path / "a.fits", *mosaic_hdus(), *mosaic_hdus(header={"E_MIN": 40.0, "E_MAX": 100.0}))
    assert [image.energy_min_kev for image in read_image(path)] == [20.0, 40.0]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param({"BUNIT": "d"}, "UNIT-WRONG", id="unit"),
        pytest.param({"BUNIT": "furlong"}, "UNIT-WRONG", id="unknown unit"),
        pytest.param({"IMATYPE": "RESIDUAL"}, "PLANE-KIND", id="kind"),
        pytest.param({"IMATYPE": "VARIANCE"}, "PLANE-DUPLICATE", id="kind twice"),
        pytest.param({"CRVAL1": 90.0}, "PLANE-WCS", id="coordinates differ"),
        pytest.param({"CD1_1": 0.0, "CD2_2": 0.0}, "WCS", id="singular matrix"),
    ],
)
def test_contradictions_are_refused(tmp_path, change, rule):
    hdus = mosaic_hdus()
    hdus[0].header.update(change)
    with pytest.raises(FormatError) as caught:
        read_image(write(tmp_path / "a.fits", *hdus))
    assert caught.value.finding.rule == rule


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        pytest.param({"E_MIN": 40.0, "E_MAX": 20.0}, "BAND-WRONG", id="band"),
        pytest.param({"RADECSYS": "GALACTIC"}, "SKY-FRAME", id="frame"),
    ],
)
def test_impossible_headers_are_refused(tmp_path, header, rule):
    with pytest.raises(FormatError, match=rule):
        read_image(write(tmp_path / "a.fits", *mosaic_hdus(header=header)))


def test_planes_of_different_size_are_refused(tmp_path):
    with pytest.raises(FormatError, match="PLANE-SHAPE"):
        read_image(write(tmp_path / "a.fits", *mosaic_hdus()[:3], mosaic_hdus(size=19)[3]))


def test_exposure_must_be_seconds(tmp_path):
    with pytest.raises(FormatError, match="UNIT-WRONG"):
        read_image(write(tmp_path / "a.fits", *mosaic_hdus(units={"EXPOSURE": "counts/sec"})))


def test_empty_image_is_refused(tmp_path):
    hdus = mosaic_hdus()
    hdus[1].data[:] = 0
    with pytest.raises(FormatError, match="IMAGE-EMPTY"):
        read_image(write(tmp_path / "a.fits", *hdus))


def test_wrong_significance_is_said(tmp_path):
    hdus = mosaic_hdus()
    hdus[2].data[:] += 3
    (image,) = read_image(write(tmp_path / "a.fits", *hdus))
    assert "SIGNIFICANCE" in rules(image)


def test_no_image_at_all(tmp_path):
    with pytest.raises(FormatError, match="IMAGE-NONE"):
        read_image(write(tmp_path / "a.fits", fits.ImageHDU(np.zeros((3, 3)))))


# Real files: values of shared/data/README.md


def test_crab_in_the_isla_mosaic(shared_data):
    (image,) = read_image(shared_data / "products/isla/ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz")
    values = image.value_at(*CRAB)
    assert float(values["intensity"]) == pytest.approx(69.76, abs=0.005)
    assert float(values["significance"]) == pytest.approx(1280.8, abs=0.05)
    assert float(values["exposure"]) == pytest.approx(51.2e3, rel=1e-3)
    assert (image.instrument, image.energy_min_kev, image.energy_max_kev) == ("isgri", 28.0, 40.0)
    assert image.shape == (589, 587)
    assert rules(image) == set()


@pytest.mark.parametrize(
    ("name", "position", "intensity", "significance"),
    [
        ("isgri_query_mosaic.fits.gz", CRAB, 141.9, 268.3),
        ("jmx1_osa_mosaic.fits.gz", CRAB, 0.1534, 283.0),
        ("isgri_mosaic.fits.gz", (288.2643, 19.7731), 2.135, 12.04),
    ],
)
def test_known_sources_in_osa_mosaics(shared_data, name, position, intensity, significance):
    image = read_image(shared_data / "products/mosaics" / name)[0]
    values = image.value_at(*position)
    assert float(values["intensity"]) == pytest.approx(intensity, rel=2e-3)
    assert float(values["significance"]) == pytest.approx(significance, rel=2e-3)


def test_smoothed_image_has_pc_matrix_and_the_same_sky(shared_data):
    folder = shared_data / "products/isla"
    (original,) = read_image(folder / "ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz")
    (smooth,) = read_image(folder / "ISGRI_0727_88601650001_28_40_mosaic_smooth.fits.gz")
    assert np.allclose(smooth.pixel_of(*CRAB), original.pixel_of(*CRAB), atol=1e-6)
    assert [plane.quantity for plane in smooth.planes] == ["image"]


def test_a_card_that_raises_when_read_is_no_image_of_ours(shared_data):
    """upper_limit_inputs/eff_area.fits.gz: opens, but its CTYPE1 card cannot be parsed by astropy."""
    with pytest.raises(FormatError):
        read_image(shared_data / "upper_limit_inputs/eff_area.fits.gz")
