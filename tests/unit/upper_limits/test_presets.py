"""The presets against limits that the services themselves publish."""

import pytest

from archive.errors import UsageError
from upper_limits.flux import PowerLaw
from upper_limits.params import PRESETS, read_options
from upper_limits.statistics import poisson_upper_limit


@pytest.mark.parametrize(
    ("preset", "counts", "background", "rate_per_count", "published", "precision"),
    [
        # N, B, t = 449.3 s, EEF = 0.58
        ("hiligt", 5, 5.525, 1 / (449.3 * 0.58), 0.023794615, 2e-3),
        # N, B, correction 1.327, image exposure 55396 s
        ("lsxps", 17, 22.10, 1.327 / 55396, 3.21e-4, 5e-3),
    ],
    ids=["hiligt", "lsxps"],
)
def test_a_preset_gives_the_published_limit(preset, counts, background, rate_per_count, published, precision):
    options = read_options({"preset": [preset]})
    limit = float(poisson_upper_limit(counts, background, confidence=options.confidence)) * rate_per_count
    assert limit == pytest.approx(published, rel=precision)


def test_presets_say_what_they_are():
    assert {name: read_options({"preset": [name.upper()]}).confidence for name in PRESETS} == {
        "hiligt": 0.9540, "rapidxmm": 0.9986, "lsxps": 0.9973, "erosita": 0.9987,
    }  # fmt: skip
    options = read_options({"preset": ["erosita"]})
    assert (options.preset, options.model, options.sides) == ("erosita", PowerLaw(2.0), "one")
    assert read_options({"preset": ["erosita"], "index": ["1.7"]}).model == PowerLaw(1.7)
    assert read_options({}).preset == ""


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"preset": ["xmm"]}, "expected one of hiligt, rapidxmm, lsxps, erosita"),
        ({"preset": ["lsxps"], "confidence": ["0.9"]}, "confidence cannot be given with it"),
        ({"preset": ["lsxps"], "sigma": ["2"]}, "sigma cannot be given with it"),
        ({"preset": ["lsxps"], "sides": ["two"]}, "sides cannot be given with it"),
    ],
)
def test_a_preset_that_cannot_be_used_is_told(parameters, words):
    with pytest.raises(UsageError, match=words):
        read_options(parameters)
