"""Sky maps: noise follows exposure, planted sources are where and as bright as they should be."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import Angle, SkyCoord
from astropy.io import fits
from cdshealpix.nested import cone_search, healpix_to_skycoord
from scipy.optimize import curve_fit

from archive.healpix import pixels_nested
from ingestion.profiles.products import read_maps
from ingestion.simulation.exposure import fractions, jemx_fraction, pixel_vectors, sky_exposure
from ingestion.simulation.geometry import galactic, lonlat
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.pointing import make_plan
from ingestion.simulation.skymaps import (
    BANDS,
    make_noise,
    make_sky,
    noise_factor,
    psf_fwhm_arcmin,
    write_maps,
    write_year_maps,
)
from ingestion.simulation.sources import band_fluxes, crab_flux_erg, load_sources

OPTIONS = SimulationOptions(science_windows=2000, order=8)


@pytest.fixture(scope="module")
def sources():
    return load_sources()


@pytest.fixture(scope="module")
def plan(sources):
    return make_plan(OPTIONS, sources)


@pytest.fixture(scope="module")
def sky(plan, sources):
    return make_sky(plan, sources, OPTIONS.order)


@pytest.fixture(scope="module")
def written(plan, sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return folder, write_maps(folder, plan, sources, OPTIONS, print)


def test_exposure_is_the_sum_over_pointings_and_deeper_in_the_plane(plan):
    isgri, jemx = sky_exposure(plan)
    chosen = np.random.default_rng(1).integers(0, len(isgri), size=300)
    seen_ibis, seen_jemx = fractions(pixel_vectors(7, chosen), plan.x_axis, plan.z_axis)
    np.testing.assert_allclose(isgri[chosen], plan.good_s[:, 0] @ seen_ibis, rtol=1e-4, atol=1.0)
    np.testing.assert_allclose(jemx[chosen], (plan.good_s[:, 3] + plan.good_s[:, 4]) @ seen_jemx, rtol=1e-4, atol=1.0)
    lat = np.abs(lonlat(galactic(pixel_vectors(7, np.arange(len(isgri)))))[1])
    assert isgri[lat < 5.0].mean() > 2.0 * isgri[lat > 20.0].mean()
    assert 0.7 < np.mean(isgri > 100.0) < 1.0
    assert np.mean(jemx > 100.0) < np.mean(isgri > 100.0)


def test_field_of_view_has_the_size_of_the_instrument():
    # solid angle of a product of two trapezoids = product of their half-height widths
    angle = np.linspace(-20.0, 20.0, 801)
    y, z = np.meshgrid(angle, angle)
    from ingestion.simulation.exposure import ibis_fraction

    area = ibis_fraction(y, z).sum() * 0.05**2
    assert area == pytest.approx((8.33 + 29.1) / 2.0 * (8.0 + 29.4) / 2.0, rel=0.01)
    assert jemx_fraction(np.array([2.3, 4.5, 6.7]), np.zeros(3)).tolist() == pytest.approx([1.0, 0.5, 0.0])


def test_noise_is_the_statistical_error_times_its_factor(sky):
    flux, variance = make_noise(BANDS[0], sky, np.random.default_rng(3))
    observed = sky.exposure["IBIS"] > 0.0
    assert np.array_equal(np.isfinite(flux), observed)
    assert np.array_equal(np.isfinite(variance), observed)
    np.testing.assert_allclose(
        np.sqrt(variance[observed]), 0.154 * (sky.exposure["IBIS"][observed] / 1e6) ** -0.5, rtol=1e-4
    )
    quiet = observed & (sky.halo < 0.05)
    score = flux[quiet] / np.sqrt(variance[quiet]) / sky.factor[quiet]
    assert abs(score.mean()) < 0.02
    for part in np.array_split(score[np.argsort(sky.exposure["IBIS"][quiet])], 4):
        assert part.std() == pytest.approx(1.0, abs=0.03)


def test_noise_is_larger_beside_a_bright_source(sky):
    flux, variance = make_noise(BANDS[0], sky, np.random.default_rng(5))
    beside = (sky.halo > 2.0) & (sky.exposure["IBIS"] > 0.0)
    assert beside.sum() > 300
    assert 2.0 < np.std(flux[beside] / np.sqrt(variance[beside])) < 4.3


def test_noise_is_correlated_like_the_psf(sky):
    flux, variance = make_noise(BANDS[0], sky, np.random.default_rng(4))
    score = flux / np.sqrt(variance) / sky.factor
    # pixels 0 and 1 of each group of four share an edge; 13.7 arcmin apart on average, so exp(-d^2 / 4 sigma^2) = 0.16
    pair = score.reshape(-1, 4)[:, :2]
    pair = pair[np.isfinite(pair).all(axis=1) & (sky.halo.reshape(-1, 4)[:, 0] < 0.05)]
    assert np.corrcoef(pair.T)[0, 1] == pytest.approx(0.16, abs=0.03)


def test_noise_factor_peaks_at_the_galactic_centre(sky):
    everywhere = noise_factor(pixel_vectors(4, np.arange(12 * 4**4)))
    assert everywhere.max() == pytest.approx(1.5, abs=0.01)
    assert everywhere.min() == pytest.approx(1.03, abs=1e-6)


@pytest.mark.parametrize("name", ["Crab", "Cyg X-1", "GRS 1915+105", "Vela X-1"])
def test_independent_fit_finds_the_planted_source(written, sources, name):
    folder, _ = written
    source = next(source for source in sources if source.name == name)
    table = fits.getdata(folder / "isgri_17_60_maps.fits")
    centre = SkyCoord(source.ra * units.deg, source.dec * units.deg)
    radius = Angle(0.6 * units.deg)
    ipix = cone_search(centre.ra, centre.dec, radius, OPTIONS.order, flat=True)[0].astype(int)
    pixel = healpix_to_skycoord(ipix, OPTIONS.order)
    east, north = (offset.to_value("arcmin") for offset in centre.spherical_offsets_to(pixel))

    def gaussian(at, peak, x0, y0):
        return peak * np.exp(-4.0 * np.log(2.0) * ((at[0] - x0) ** 2 + (at[1] - y0) ** 2) / 12.0**2)

    error = np.sqrt(table["VARIANCE"][ipix])
    (peak, x0, y0), _ = curve_fit(gaussian, (east, north), table["FLUX"][ipix], p0=(100.0, 0.0, 0.0), sigma=error)
    planted = float(band_fluxes((source,), 17.0, 60.0)[0])
    assert peak == pytest.approx(planted, rel=0.04)
    assert np.hypot(x0, y0) < 0.6


def test_own_fit_is_unbiased_and_its_errors_are_honest(written, sources):
    _, measured = written
    for band in BANDS:
        fit = measured[f"{band.instrument}_{band.name}"]
        known = np.isfinite(fit.flux)
        assert known.sum() > 150
        pull = ((fit.flux - band_fluxes(sources, band.low_kev, band.high_kev)) / fit.error)[known]
        assert abs(np.median(pull)) < 0.25
        # robust width: statistical error times a noise factor between 1 and 1.5, more near bright sources
        assert 0.85 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.6


def test_file_is_standard_healpix(written):
    folder, _ = written
    for band, file in zip(
        BANDS,
        ("isgri_17_60", "isgri_20_40", "isgri_40_60", "isgri_60_100", "jemx_3_10", "jemx_10_25"),
        strict=True,
    ):
        with fits.open(folder / f"{file}_maps.fits") as hdus:
            header, data = hdus["SKY-MAPS"].header, hdus["SKY-MAPS"].data
            assert (header["PIXTYPE"], header["ORDERING"], header["COORDSYS"]) == ("HEALPIX", "NESTED", "C")
            assert len(data) == 12 * header["NSIDE"] ** 2 == header["LASTPIX"] + 1
            assert header["CRABFLUX"] == pytest.approx(crab_flux_erg(band.low_kev, band.high_kev))
            assert header["PSFFWHM"] == pytest.approx(psf_fwhm_arcmin(band.instrument, 8), abs=1e-3)
            nothing = data["EXPOSURE"] == 0.0
            assert np.array_equal(np.isnan(data["FLUX"]), nothing)
            assert np.array_equal(np.isnan(data["VARIANCE"]), nothing)
            assert np.all(data["EXPOSURE"][~nothing] >= 100.0)


def test_crab_unit_is_the_published_one():
    # 1 mCrab = 1.43e-11 erg cm-2 s-1 in 17-60 keV, Krivonos et al. 2007
    assert crab_flux_erg(17.0, 60.0) == pytest.approx(1.43e-11, rel=1e-3)


def test_maps_of_years_add_up_to_the_mission_and_are_taken_as_delivered(tmp_path, sources):
    options = SimulationOptions(science_windows=400, order=5, year_maps=True)
    small = make_plan(options, sources)
    write_year_maps(tmp_path, small, sources, options, print)
    contents = [read_maps(path) for path in sorted(tmp_path.glob("isgri_17_60_20??_maps.fits"))]
    assert len(contents) > 15
    total, crab = np.zeros(12 * 4**5), []
    place = int(pixels_nested(5, 83.633, 22.014))
    for content in contents:
        assert content.simulated
        assert not content.findings
        by_quantity = {part.sky_map.quantity: part for part in content.maps}
        sky_map = by_quantity["flux"].sky_map
        assert sky_map.map_id == f"isgri_17_60_flux_{sky_map.epoch}"
        assert sky_map.order == 5
        total += np.nan_to_num(by_quantity["exposure"].values)
        significance = by_quantity["flux"].values[place] / np.sqrt(by_quantity["variance"].values[place])
        crab += [significance] if np.isfinite(significance) else []
    assert len(crab) >= 3
    assert min(crab) > 5
    mission = make_sky(small, sources, 5).exposure["IBIS"]
    np.testing.assert_allclose(total, mission, rtol=1e-4, atol=100.0 * len(contents))  # less than 100 s in a year is 0


def test_pointings_of_an_observation_belong_to_one_year(plan):
    years = plan.years()
    assert set(years.tolist()) == set(range(2002, 2026))
    for observation in plan.observations:
        assert len(set(years[observation.first : observation.first + observation.count].tolist())) == 1
    begin = np.datetime64("2000-01-01") + plan.tstart.astype("timedelta64[D]")
    assert np.mean(begin.astype("datetime64[Y]").astype(int) + 1970 == years) > 0.99
