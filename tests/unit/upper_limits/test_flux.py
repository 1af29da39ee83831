"""Bands, models and Crab units against the table of the upper-limit contract and against scipy's quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad

from upper_limits.flux import (
    CRABS,
    ERG_PER_KEV,
    Band,
    BlackBody,
    BrokenPowerLaw,
    CutoffPowerLaw,
    PowerLaw,
    check_model,
    crab_photon_flux,
    energy_flux,
    energy_flux_per_photon_flux,
    mcrab_energy_flux,
    photon_flux,
)

# 1 mCrab in 1e-12 erg cm-2 s-1 for the three conventions, computed with scipy before this module existed;
# 14.3 in 17-60 keV is the published value of Krivonos et al. 2007, A&A 475, 775.
MCRAB = [
    (17, 60, 14.30, 13.87, 14.45),
    (20, 40, 7.95, 7.71, 8.01),
    (40, 100, 9.70, 9.41, 10.01),
    (17, 35, 8.41, 8.16, 8.43),
    (35, 80, 8.91, 8.64, 9.14),
    (18, 60, 13.61, 13.20, 13.77),
    (20, 60, 12.35, 11.98, 12.52),
    (30, 60, 7.64, 7.41, 7.78),
    (20, 100, 17.65, 17.12, 18.01),
    (60, 100, 5.30, 5.14, 5.50),
    (100, 150, 4.02, 3.90, 4.09),
    (150, 300, 6.50, 6.31, 6.13),
    (14, 195, 28.50, 27.64, 28.81),
    (15, 50, 13.86, 13.45, 13.94),
    (3, 10, 16.28, 15.79, 15.61),
    (10, 25, 11.14, 10.81, 11.03),
]


@pytest.mark.parametrize(("low", "high", "ten", "nine_seven", "broken"), MCRAB)
def test_one_mcrab_in_every_convention(low, high, ten, nine_seven, broken):
    found = [mcrab_energy_flux(CRABS[name], low, high) * 1e12 for name in ("10*E**-2.1", "9.7*E**-2.1", "spi-broken")]
    assert found == pytest.approx([ten, nine_seven, broken], abs=0.0055)


@pytest.mark.parametrize(
    ("native", "wanted", "values"),
    [
        ((17, 60), (17, 60), (15.46, 14.87, 14.48, 14.30, 13.60, 12.83)),
        ((17, 60), (20, 100), (23.60, 20.33, 18.49, 17.65, 14.82, 12.17)),
        ((20, 40), (40, 100), (16.16, 12.50, 10.55, 9.70, 6.95, 4.61)),
    ],
)
def test_conversion_between_bands_for_any_index(native, wanted, values):
    photons = 1e-3 * crab_photon_flux(CRABS["10*E**-2.1"], *native)
    for index, value in zip((1.5, 1.8, 2.0, 2.1, 2.5, 3.0), values, strict=True):
        found = photons * energy_flux_per_photon_flux(PowerLaw(index), native, wanted) * 1e12
        assert found == pytest.approx(value, abs=0.0055)


def band_density(energy, model):
    folding = model.epeak_kev / (2 + model.alpha)
    if energy < (model.alpha - model.beta) * folding:
        return (energy / 100) ** model.alpha * np.exp(-energy / folding)
    edge = (model.alpha - model.beta) * folding / 100
    return edge ** (model.alpha - model.beta) * np.exp(model.beta - model.alpha) * (energy / 100) ** model.beta


DENSITIES = [
    (PowerLaw(2.0), lambda e, m: e**-m.index),
    (PowerLaw(1.0), lambda e, m: e**-m.index),
    (PowerLaw(1.0 + 1e-13), lambda e, m: e**-m.index),
    (PowerLaw(-1.5), lambda e, m: e**-m.index),
    (BrokenPowerLaw(1.7, 55.0, 2.9), lambda e, m: e**-m.index if e < 55 else 55 ** (2.9 - 1.7) * e**-m.index2),
    (CutoffPowerLaw(1.3, 25.0), lambda e, m: e**-m.index * np.exp(-e / m.cutoff_kev)),
    (BlackBody(3.0), lambda e, m: e**2 / np.expm1(e / m.kt_kev)),
    (Band(-1.0, -2.3, 90.0), band_density),
]


@pytest.mark.parametrize(("model", "density"), DENSITIES, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("band", [(3.0, 10.0), (17.0, 60.0), (20.0, 300.0), (150.0, 290.0)])
def test_integrals_equal_adaptive_quadrature(model, density, band):
    low, high = band
    points = [edge for edge in (55.0, 117.0) if low < edge < high]
    options = {"epsabs": 0.0, "epsrel": 1e-11, "limit": 400, "points": points or None}
    photons = quad(lambda e: density(e, model), low, high, **options)[0]
    energy = quad(lambda e: e * density(e, model), low, high, **options)[0]
    assert photon_flux(model, low, high) == pytest.approx(photons, rel=1e-9)
    assert energy_flux(model, low, high) == pytest.approx(ERG_PER_KEV * energy, rel=1e-9)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (PowerLaw(np.nan), "index is nan"),
        (CutoffPowerLaw(1.0, 0.0), "cutoff_kev"),
        (BlackBody(-1.0), "kt_kev"),
        (Band(-2.5, -3.0, 100.0), "alpha"),
        (Band(-1.0, -0.5, 100.0), "not greater than beta"),
    ],
)
def test_impossible_models_are_named(model, words):
    with pytest.raises(ValueError, match=words):
        check_model(model)


@pytest.mark.parametrize("band", [(0.0, 10.0), (20.0, 20.0), (40.0, 20.0), (np.nan, 3.0), (-1.0, 2.0), (1e-300, 1e10)])
def test_impossible_bands_are_named(band):
    with pytest.raises(ValueError, match="lower edge < upper edge"):
        photon_flux(PowerLaw(2.0), *band)


@pytest.mark.parametrize("model", [PowerLaw(900.0), PowerLaw(-900.0), BlackBody(0.001), CutoffPowerLaw(1.0, 1e-3)])
def test_no_number_is_an_error_not_zero_or_infinity(model):
    with pytest.raises(ValueError, match=r"no number|no measurable flux"):
        energy_flux(model, 17.0, 60.0)
