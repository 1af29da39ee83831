"""Display ranges against numpy and the stretches of astropy.visualization."""

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LinearStretch, LogStretch, SqrtStretch

from archive.errors import UsageError
from hips import cuts, tiles

STRETCHES = {"linear": LinearStretch(), "asinh": AsinhStretch(a=0.1), "log": LogStretch(a=1000), "sqrt": SqrtStretch()}


def summarize(values: np.ndarray) -> cuts.Summary:
    return cuts.summarize(tiles.pixels_from_array(values.astype(np.float32)))


def test_summary_counts_the_observed_pixels():
    values = np.random.default_rng(5).normal(size=12 * 4**7)
    values[:1000] = np.nan
    summary = summarize(values)
    assert summary.n_valid == values.size - 1000
    assert summary.minimum == np.float32(np.nanmin(values))
    assert summary.maximum == np.float32(np.nanmax(values))
    for percent in (0, 0.1, 10, 50, 99.8, 100):
        assert summary.percentile(percent) == pytest.approx(np.nanpercentile(values, percent), abs=0.02)


def test_map_in_which_nothing_was_observed_has_a_display_range():
    summary = summarize(np.full(12, np.nan))
    assert summary.n_valid == 0
    assert cuts.choose_cuts(summary, "flux") == cuts.Cuts(0, 1, "asinh")


@pytest.mark.parametrize("quantity", ["flux", "significance", "exposure", "sensitivity"])
def test_constant_map_has_a_display_range(quantity):
    chosen = cuts.choose_cuts(summarize(np.full(12, 3.0)), quantity)
    assert chosen.low < chosen.high


@pytest.mark.parametrize(("value", "words"), [(-1.6375e30, "UNSEEN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_marks_that_are_no_values_are_refused(value, words):
    values = np.zeros(48)
    values[7] = value
    with pytest.raises(UsageError, match=words):
        summarize(values)


@pytest.mark.parametrize("stretch", cuts.STRETCHES)
def test_stretch_is_the_one_of_astropy(stretch):
    position = np.linspace(0, 1, 1001, dtype=np.float32)
    np.testing.assert_allclose(cuts.stretch_unit(position, stretch), STRETCHES[stretch](position), atol=2e-6)


@pytest.mark.parametrize("stretch", cuts.STRETCHES)
def test_colours_rise_from_1_to_255_and_0_is_no_data(stretch):
    values = np.array([[np.nan, -9, 2, 3, 4, 5, 6, 99]], dtype=np.float32)
    index = cuts.colour_indices(values, cuts.Cuts(2, 6, stretch))[0]
    assert index[0] == 0
    assert list(index[[1, 2, 6, 7]]) == [1, 1, 255, 255]
    assert (np.diff(index[2:7].astype(int)) > 0).all()


@pytest.mark.parametrize(("low", "high", "stretch"), [
    (1, 1, "linear"), (2, 1, "linear"), (np.nan, 1, "linear"), (0, np.inf, "linear"), (0, 1, "gamma"),
])  # fmt: skip
def test_impossible_display_range_is_refused(low, high, stretch):
    with pytest.raises(UsageError):
        cuts.Cuts(low, high, stretch)


def test_palettes_have_256_colours_and_get_lighter():
    assert cuts.make_palette("grey") is None
    for name in ("cubehelix", "heat", "ember"):
        colours = np.frombuffer(cuts.make_palette(name), np.uint8).reshape(256, 3).astype(float)
        light = colours @ [0.2126, 0.7152, 0.0722]
        assert light[255] > 200
        assert light[1] < 40
        assert (np.diff(light[1:]) > -1.5).all(), name


def test_unknown_colour_map_is_refused():
    with pytest.raises(UsageError, match="choose one of grey"):
        cuts.make_palette("jet")
