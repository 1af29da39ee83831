"""Absorption by cold gas: published cross section, and conversions against scipy's quadrature."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

from archive.errors import UsageError
from upper_limits.absorption import EDGES_KEV, TABLE, cross_section, transmission
from upper_limits.flux import (
    Band,
    BlackBody,
    BrokenPowerLaw,
    CutoffPowerLaw,
    PowerLaw,
    absorbed_flux,
    energy_flux,
    energy_flux_per_photon_flux,
    photon_density,
    photon_flux,
)
from upper_limits.params import read_options

MODELS = (
    PowerLaw(1.8),
    BrokenPowerLaw(1.5, 6.0, 2.4),
    CutoffPowerLaw(1.2, 40.0),
    BlackBody(1.1),
    Band(-0.8, -2.3, 9.0),
)


def test_the_pieces_of_the_cross_section_meet_but_at_the_edges_of_elements():
    """Morrison & McCammon 1983, table 2: it jumps up at C, N, O, Fe-L, Ne, Mg, Si, S, Ar, Ca, Fe, Ni, never down."""
    rising = []
    for below, above in itertools.pairwise(TABLE):
        edge = below[0]
        before, after = (sum(c * edge**n for n, c in enumerate(piece[1:])) for piece in (below, above))
        assert after > 0.985 * before
        if after > 1.02 * before:
            rising.append(edge)
    assert {0.284, 0.532, 0.867, 1.303, 1.84, 2.471, 7.111} <= set(rising)


def test_beyond_ten_kev_it_falls_as_the_cube():
    assert cross_section(20.0) == pytest.approx(cross_section(10.0) / 8)
    assert cross_section(list(EDGES_KEV)).shape == (14,)
    with pytest.raises(ValueError, match=r"known from 0\.03 keV on"):
        cross_section([0.01, 1.0])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize(("low", "high"), [(3.0, 10.0), (10.0, 25.0), (3.0, 35.0)])
def test_absorbed_fluxes_agree_with_scipy(model, low, high):
    for power in (0, 1):
        pieces = [low, *(edge for edge in (4.038, 6.0, 7.111, 8.331, 10.0, 10.5) if low < edge < high), high]
        expected = 0.0
        for start, stop in itertools.pairwise(sorted({*pieces, *([8.4] if low < 8.4 < high else [])})):

            def density(energy, power=power):
                point = np.array([energy])
                return float((point**power * photon_density(model, point) * transmission(point, 5e22))[0])

            expected += quad(density, start, stop, epsabs=0, epsrel=1e-9, limit=200)[0]
        assert absorbed_flux(model, low, high, 5e22, power=power) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_without_gas_it_is_the_photon_flux(model):
    assert absorbed_flux(model, 3.0, 35.0, 0.0, power=0) == pytest.approx(photon_flux(model, 3.0, 35.0), rel=1e-9)


def test_gas_raises_the_unabsorbed_flux_of_jemx_and_hardly_that_of_ibis():
    model = PowerLaw(2.0)
    for native, low, high in (((3.0, 10.0), 1.05, 1.07), ((20.0, 40.0), 1.0, 1.002)):
        clear = energy_flux_per_photon_flux(model, native, native)
        assert low < energy_flux_per_photon_flux(model, native, native, 1e22) / clear < high
    seen = absorbed_flux(model, 3.0, 10.0, 1e22, power=0)
    wanted = energy_flux(model, 0.5, 10.0) / seen
    assert energy_flux_per_photon_flux(model, (3.0, 10.0), (0.5, 10.0), 1e22) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="nothing of powerlaw comes through"):
        absorbed_flux(model, 0.1, 0.2, 1e24, power=0)


@pytest.mark.parametrize("nh", ["-1", "1e25", "nan", "inf", "much"])
def test_an_impossible_column_is_refused(nh):
    with pytest.raises(UsageError, match="nh is"):
        read_options({"nh": [nh]})


def test_the_column_is_read():
    assert math.isclose(read_options({"nh": ["3e20"]}).nh_cm2, 3e20)
