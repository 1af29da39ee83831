"""HiPS in colour, JPEG tiles, coarse maps, epochs: values against the maps that they come from."""

import io

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from archive.errors import NotFoundError
from archive.skymaps import SkyMap, write_version
from hips import colour, services
from hips.colour import choose_bands, find_colours, open_colour
from hips.cuts import colour_indices
from hips.export import export_source, export_survey, source_of_colour
from hips.surveys import find_sequence, find_surveys
from hips.tiles import read_tile
from tests.integration.hips.conftest import make_values
from tests.support.hipsgen import check_lint, needs_hipsgen
from tests.support.png import decode_png

BANDS = ((17.0, 35.0), (20.0, 40.0), (40.0, 80.0), (80.0, 150.0))


def describe(band, quantity="significance", order=6, span=(52600.0, 60000.0), name=""):
    low, high = band
    return SkyMap(
        map_id=f"isgri_{low:g}_{high:g}_{name}{quantity}", instrument="isgri", band=f"{low:g}_{high:g}", order=order,
        energy_min_kev=low, energy_max_kev=high, quantity=quantity, unit="", tstart_mjd_tt=span[0],
        tstop_mjd_tt=span[1], simulated=False, title="Test",
    )  # fmt: skip


@pytest.fixture
def bands(maps, settings, monkeypatch):
    from archive import selectors

    made = [(describe(band), make_values(6, seed)) for seed, band in enumerate(BANDS)]
    years = [(52640.0, 53004.0), (53005.0, 53370.0)]
    made += [
        (describe(BANDS[0], span=span, name=f"{number}_"), make_values(6, number)) for number, span in enumerate(years)
    ]
    version = write_version(settings.MAPS_ROOT, "bands", made)
    monkeypatch.setattr(selectors, "current_map_version", lambda: version)
    services.forget_everything()
    return version


def test_three_separate_bands_make_a_colour(bands):
    (survey,) = find_colours(bands)
    assert survey.survey_id == "isgri-rgb"
    assert [member.band_name for member in survey.members] == ["17-35 keV", "40-80 keV", "80-150 keV"]
    assert choose_bands(survey.members[:2]) is None
    assert "17-35, 40-80, 80-150 keV in colour" in survey.title


def test_colours_are_the_three_maps(bands, client):
    opened = open_colour(bands, "isgri-rgb")
    for ipix in (0, 3, 400):
        response = client.get(f"/hips/isgri-rgb/Norder3/Dir0/Npix{ipix}.png")
        picture, _ = decode_png(response.content)
        seen = np.zeros((8, 8), bool)
        for channel, member in enumerate(opened.members):
            values = read_tile(member.pixels, 3, ipix)
            seen |= np.isfinite(values)
            level = colour_indices(values, member.cuts).astype(int)
            np.testing.assert_array_equal(picture[..., channel], np.maximum(level, 1) - 1)
        np.testing.assert_array_equal(picture[..., 3], np.where(seen, 255, 0))
    assert client.get("/hips/isgri-rgb/Norder3/Dir0/Npix0.fits").status_code == 404
    assert b"isgri-rgb" in client.get("/hips/list").content
    assert b"in colour" in client.get("/hips/isgri-rgb/").content
    assert client.get("/hips/v/bands/isgri-rgb/preview.png")["Cache-Control"].endswith("immutable")
    assert client.get("/hips/jemx-rgb/properties").status_code == 404


@needs_hipsgen
def test_hipsgen_lint_finds_nothing_in_colours_and_jpeg(bands, tmp_path):
    export_source(source_of_colour(open_colour(bands, "isgri-rgb")), tmp_path / "colour")
    check_lint(tmp_path / "colour")
    opened = services.open_survey(bands, "isgri_17_35_significance")
    export_survey(opened, tmp_path / "jpeg", formats=("fits", "jpg", "png"))
    assert "png jpeg fits" in (tmp_path / "jpeg" / "properties").read_text()
    check_lint(tmp_path / "jpeg")


def test_jpeg_shows_what_png_shows(bands, client):
    address = "/hips/isgri_17_35_significance/Norder3/Dir0/Npix7"
    response = client.get(f"{address}.jpg?colormap=cubehelix")
    assert response["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (8, 8)
    grey = np.asarray(Image.open(io.BytesIO(client.get(f"{address}.jpg").content))).astype(float)
    exact, _ = decode_png(client.get(f"{address}.png").content)
    assert np.abs(grey - exact).mean() < 12
    assert client.get("/hips/isgri_17_35_significance/Norder3/Allsky.jpg").status_code == 200


def test_significance_is_shown_from_0_to_8_sigma(bands):
    cuts = services.open_survey(bands, "isgri_17_35_significance").cuts
    assert (cuts.low, cuts.high) == (0.0, 8.0)


def test_epochs_are_named_and_in_order(bands, client):
    surveys = find_surveys(bands)
    shown = next(survey for survey in surveys if survey.survey_id == "isgri_17_35_significance")
    assert [survey.epoch for survey in find_sequence(surveys, shown)] == ["2003", "2004"]
    page = client.get("/hips/isgri_17_35_significance/").content.decode()
    assert '"label": "2004"' in page
    assert "hips-play" in page
    assert "hips-play" not in client.get("/hips/isgri_40_80_significance/").content.decode()


@pytest.mark.parametrize("order", [0, 3, 5])
def test_coarse_map_has_tiles_of_order_3_with_its_values(maps, settings, client, order):
    values = make_values(max(order, 3))[: 12 << (2 * order)]
    version = write_version(settings.MAPS_ROOT, f"coarse{order}", [(describe(BANDS[0], order=order), values)])
    opened = services.open_survey(version, "isgri_17_35_significance")
    assert (opened.grid.tile_order, opened.grid.tile_width) == (3, 8)
    fine = np.repeat(values, 4 ** (6 - order))
    for start, stop in ((0, 64), (100, 101), (63, 65), (0, fine.size)):
        np.testing.assert_array_equal(opened.pixels.read(start, stop), fine[start:stop])
    body = services.make_document(opened, services.TileAddress(3, 0, "fits")).body
    with fits.open(io.BytesIO(body)) as file:
        assert file[0].data.shape == (8, 8)
        np.testing.assert_array_equal(np.sort(file[0].data.ravel()), np.sort(fine[:64]))


def test_colour_of_another_version_is_not_found(maps):
    with pytest.raises(NotFoundError, match="isgri-rgb"):
        open_colour(maps, "isgri-rgb")
    assert colour.is_colour("isgri-rgb")
