"""Speed of the store against reading the FITS map at each request, in one run: pytest -m benchmark -s."""

import resource
import time

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from cdshealpix.nested import lonlat_to_healpix

from upper_limits.limits import Options, compute_rows
from upper_limits.readout import plan_readout
from upper_limits.statistics import bayesian_upper_limit, bayesian_upper_limits
from upper_limits.store import BandTotals, Totals

ORDER, N_BAND = 10, 5


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def totals(tmp_path_factory):
    rng = np.random.default_rng(1)
    block = np.concatenate(
        [rng.normal(size=(2**16, N_BAND)), rng.uniform(0.5, 2, (2**16, N_BAND)), np.full((2**16, N_BAND), 1e6)], axis=1
    ).astype(np.float32)
    path = tmp_path_factory.mktemp("totals") / "total.npy"
    np.save(path, np.tile(block, (12 * 4**ORDER // 2**16, 1)))
    bands = tuple(
        BandTotals(
            f"{low}-{low + 10}", low, low + 10.0, "mCrab", "10*E**-2.1", 0.0, 1.0, simulated=True, has_exposure=True
        )
        for low in (20.0, 30.0, 40.0, 50.0, 60.0)
    )
    k_sys = np.full((12 * 4**5, N_BAND), 1.2, dtype=np.float32)
    return Totals("isgri", plan_readout(ORDER, 0.2), 5, bands, np.load(path, mmap_mode="r"), k_sys, 0 * k_sys)


@pytest.fixture(scope="module")
def fits_map(totals, tmp_path_factory):
    path = tmp_path_factory.mktemp("naive") / "map.fits"
    columns = [
        fits.Column(name, "E", array=totals.values[:, number]) for number, name in ((0, "FLUX"), (5, "VARIANCE"))
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return path


def read_naively(path, ra, dec):
    with fits.open(path, memmap=True) as hdus:
        ipix = lonlat_to_healpix(Longitude(ra, units.deg), Latitude(dec, units.deg), ORDER)[0]
        flux, variance = float(hdus[1].data["FLUX"][ipix]), float(hdus[1].data["VARIANCE"][ipix])
    return float(bayesian_upper_limit(flux, variance**0.5, confidence=0.95))


def positions(n):
    rng = np.random.default_rng(2)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.benchmark
@pytest.mark.timeout(600)
def test_speed(totals, fits_map):
    ra, dec = positions(2000)
    for row in range(200):
        totals.read_one(ra[row], dec[row])
    began = cpu()
    for row in range(2000):
        readings = totals.read_one(ra[row], dec[row])
        bayesian_upper_limit(readings.flux, readings.error, confidence=0.95)
    single = (cpu() - began) / 2000
    began = cpu()
    for row in range(50):
        read_naively(fits_map, ra[row], dec[row])
    naive = (cpu() - began) / 50
    print(f"\none position, {N_BAND} bands, one limit each: {single * 1e6:.0f} us CPU")
    print(f"naive: open the FITS map, one band, one limit: {naive * 1e3:.2f} ms CPU = {naive / single:.0f} times")
    options = Options(0.95, 0.95, "one")
    for n in (100_000, 1_000_000):
        ra, dec = positions(n)
        totals.read(ra[:1000], dec[:1000])
        began, wall = cpu(), time.perf_counter()
        for start in range(0, n, 10_000):
            readings = totals.read(ra[start : start + 10_000], dec[start : start + 10_000])
            bayesian_upper_limits(readings.flux, readings.error, confidence=0.95)
        print(
            f"{n} positions x {N_BAND} bands, one limit each: {cpu() - began:.3f} s CPU, {time.perf_counter() - wall:.3f} s"
        )
        began = cpu()
        for start in range(0, n, 10_000):
            compute_rows(totals, list(range(N_BAND)), ra[start : start + 10_000], dec[start : start + 10_000], options)
        print(f"{n} positions, every column of the table: {cpu() - began:.3f} s CPU")
    assert single < 1e-3
    assert single < naive
