"""Folding through responses: closed forms, gammapy, and the real Crab."""

import numpy as np
import pytest

from archive.formats.response import EffectiveArea, Response, read_effective_area, read_response
from tests.unit.upper_limits.test_stacking import SHARED
from upper_limits.flux import CRABS, PowerLaw, absorbed_flux, energy_flux, photon_flux
from upper_limits.folding import count_rate, fold_band

EDGES = np.geomspace(5.0, 200.0, 400)
CRAB = CRABS["10*E**-2.1"]
GAMMAPY_CHANNELS, GAMMAPY_RATE = (16, 27), 0.11077430481273205


def simple(edges=EDGES, area=100.0):
    """Perfect resolution and a flat area."""
    count = len(edges) - 1
    matrix = np.eye(count, dtype=np.float32)
    response = Response(edges[:-1], edges[1:], matrix, np.arange(count), edges[:-1], edges[1:], ())
    return response, EffectiveArea(edges[:-1], edges[1:], np.full(count, area), ())


def test_a_perfect_detector_counts_the_photons_of_the_band():
    response, area = simple()
    model = PowerLaw(1.7)
    assert count_rate(response, area, (20.0, 60.0), model) == pytest.approx(100 * photon_flux(model, 20, 60), rel=1e-4)
    absorbed = count_rate(response, area, (5.5, 20.0), model, 1e23)
    assert absorbed == pytest.approx(100 * absorbed_flux(model, 5.5, 20.0, 1e23, power=0), rel=1e-3)
    folded = fold_band(response, area, (20.0, 60.0), model, CRAB, (20.0, 100.0))
    assert folded.crab_rate == pytest.approx(1000 * photon_flux(PowerLaw(2.1), 20, 60), rel=1e-4)
    expected = energy_flux(model, 20, 100) / (100 * photon_flux(model, 20, 60))
    assert folded.erg_per_count == pytest.approx(expected, rel=1e-4)


def test_a_matrix_that_holds_the_area_needs_no_arf():
    response, area = simple()
    whole = Response(*[getattr(response, name) * np.float32(100) if name == "matrix" else getattr(response, name)
                       for name in Response.__slots__])  # fmt: skip
    assert count_rate(whole, None, (20.0, 60.0), CRAB.model) == pytest.approx(
        count_rate(response, area, (20.0, 60.0), CRAB.model)
    )


def test_what_does_not_belong_together_or_is_not_covered_is_refused():
    response, area = simple()
    _, other = simple(np.geomspace(5.0, 300.0, 400))
    with pytest.raises(ValueError, match="do not belong together"):
        count_rate(response, other, (20.0, 60.0), CRAB.model)
    with pytest.raises(ValueError, match="which do not cover 3-10 keV"):
        count_rate(response, area, (3.0, 10.0), CRAB.model)
    with pytest.raises(ValueError, match="makes no counts"):
        count_rate(response, EffectiveArea(EDGES[:-1], EDGES[1:], np.zeros(399), ()), (20.0, 60.0), CRAB.model)


def test_the_real_responses_give_what_gammapy_gives():
    """As `tests/support/fold_spectrum.py` printed for 0.01 E^-2.1 through these files; it is too slow to be run here."""
    arf, rmf = (SHARED / "isla" / f"SMC_X-1_ISGRI_0745_06340000001_spectrum_{kind}.fits" for kind in ("arf", "rmf"))
    if not arf.is_file():
        pytest.skip("the real responses are not on this machine; set ARCHIPELAGO_SHARED")
    response, area = read_response(rmf), read_effective_area(arf)
    band = float(response.channel_min_kev[GAMMAPY_CHANNELS[0]]), float(response.channel_max_kev[GAMMAPY_CHANNELS[1]])
    assert 0.01 * count_rate(response, area, band, PowerLaw(2.1)) == pytest.approx(GAMMAPY_RATE, rel=1e-5)


def test_the_real_isgri_response_and_the_real_mosaic_differ_as_documented():
    folder = SHARED / "isla"
    arf = folder / "SMC_X-1_ISGRI_0745_06340000001_spectrum_arf.fits"
    if not arf.is_file():
        pytest.skip("the real responses are not on this machine; set ARCHIPELAGO_SHARED")
    response = read_response(folder / arf.name.replace("_arf", "_rmf"))
    folded = fold_band(response, read_effective_area(arf), (28.0, 40.0), PowerLaw(2.1), CRAB, (28.0, 40.0))
    assert folded.crab_rate == pytest.approx(81.87, rel=1e-3)
    assert 69.76 / folded.crab_rate == pytest.approx(0.852, abs=0.002)
