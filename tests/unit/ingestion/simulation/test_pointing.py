"""The pointing plan: number of windows, the Sun, the frame, revolutions."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord, get_sun
from astropy.time import Time

from ingestion.simulation.geometry import galactic, lonlat, position_angle, separation, sun_vector, vector
from ingestion.simulation.options import SimulationOptions
from ingestion.simulation.orbit import altitude_km, make_revolutions
from ingestion.simulation.pointing import make_plan
from ingestion.simulation.sources import load_sources


@pytest.fixture(scope="module")
def sources():
    return load_sources()


@pytest.mark.parametrize("windows", [200, 777, 2000, 2001, 30000])
def test_plan_has_exactly_the_windows_asked_for(sources, windows):
    plan = make_plan(SimulationOptions(science_windows=windows), sources)
    assert plan.science_windows == windows
    assert len({observation.obs_id for observation in plan.observations}) == len(plan.observations)


def test_plan_keeps_away_from_the_sun_and_its_axes_are_square(sources):
    plan = make_plan(SimulationOptions(science_windows=5000), sources)
    angle = separation(plan.x_axis, sun_vector(plan.tstart))
    # targets keep 58 to 122 deg; a scan reaches 18 deg to either side
    assert angle.min() > 39.0
    assert angle.max() < 141.0
    np.testing.assert_allclose(np.sum(plan.x_axis * plan.z_axis, axis=1), 0.0, atol=1e-9)
    assert np.all(np.sum(plan.z_axis * sun_vector(plan.tstart), axis=1) > 0.0)


def test_crab_is_calibrated_in_most_years(sources):
    plan = make_plan(SimulationOptions(science_windows=20000), sources)
    years = {int(plan.tstart[row.first] / 365.25) for row in plan.observations if row.category == "Calibration"}
    assert len(years) >= 20


def test_galactic_frame_and_position_angle_agree_with_astropy():
    ra, dec = np.array([266.4, 83.63, 10.0, 200.0]), np.array([-28.9, 22.01, 80.0, -60.0])
    sky = SkyCoord(ra * units.deg, dec * units.deg)
    lon, lat = lonlat(galactic(vector(ra, dec)))
    np.testing.assert_allclose(lon, sky.galactic.l.deg, atol=1e-5)
    np.testing.assert_allclose(lat, sky.galactic.b.deg, atol=1e-5)
    other = SkyCoord((ra + 30.0) * units.deg, (dec * 0.5) * units.deg)
    x, z = vector(ra, dec), vector(ra + 30.0, dec * 0.5)
    z -= np.sum(x * z, axis=1, keepdims=True) * x
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(position_angle(x, z), sky.position_angle(other).deg, atol=1e-6)


def test_sun_agrees_with_astropy():
    ijd = np.linspace(1100.0, 9000.0, 40)
    sun = get_sun(Time(ijd + 51544.0, format="mjd", scale="tt"))
    true = vector(sun.ra.deg, sun.dec.deg)
    # astropy's is of date (GCRS, aberration included), a hundredth of a degree from ours; the frame is the same
    assert separation(sun_vector(ijd), true).max() < 0.03


def test_revolutions_are_close_to_the_real_ones():
    revolutions = make_revolutions()
    assert np.all(revolutions.tstop[:-1] == revolutions.tstart[1:])
    # perigee passages of revolutions 600, 1200, 1800 and 2100 in the mission's IREM records, IJD
    for number, perigee in ((600, 2810.8427), (1200, 4605.6693), (1800, 6300.7724), (2100, 7098.5161)):
        assert revolutions.tstart[revolutions.number == number][0] == pytest.approx(perigee, abs=0.5)
    assert revolutions.number[-1] in range(2880, 2892)
    height = altitude_km(revolutions, np.linspace(1100.0, 9000.0, 5000))
    assert 1000.0 < height.min() < 12000.0
    assert 130_000.0 < height.max() < 160_000.0


def test_source_list_is_complete_and_unique(sources):
    assert len(sources) == 300
    assert len({source.source_id for source in sources}) == 300
    assert len({source.slug for source in sources}) == 300
    assert (sources[0].name, sources[0].flux_20_60_mcrab) == ("Crab", 1000.0)
    positions = vector([s.ra for s in sources], [s.dec for s in sources])
    names = SkyCoord([f"{s.source_id[1:3]}h{s.source_id[3:5]}m{s.source_id[5:9]}s" for s in sources],
                     [f"{s.source_id[9:12]}d{s.source_id[12:14]}m{s.source_id[14:16]}s" for s in sources])  # fmt: skip
    # the J-name of a source is made from an older position of it, so they agree to some arcminutes only
    assert np.percentile(separation(positions, vector(names.ra.deg, names.dec.deg)), 95) < 0.1
