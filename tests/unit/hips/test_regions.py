"""Square fields, localisations and space-time coverages, against mocpy and the files of LIGO/Virgo/KAGRA."""

import io
import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time, TimeDelta
from mocpy import MOC, STMOC

from archive.errors import UsageError
from archive.healpix import unit_vector
from hips.footprints import cover_squares
from hips.localisations import decode_localisation
from hips.moc import Coverage, intersection
from hips.moc_files import encode_ascii
from hips.st_moc import encode_space_time, make_space_time, microseconds_tcb


def to_mocpy(coverage):
    return MOC.from_string(encode_ascii(coverage))


@pytest.mark.parametrize(("ra", "dec", "roll", "half"), [(10.0, 5.0, 30.0, 14.55), (200.0, 80.0, 77.0, 2.5),
                                                          (0.0, -89.0, 10.0, 14.55)])  # fmt: skip
def test_square_field_is_the_polygon_of_its_corners(ra, dec, roll, half):
    centre = SkyCoord(ra, dec, unit="deg")
    upright = centre.directional_offset_by(roll * u.deg, 90 * u.deg)
    found = cover_squares(
        np.stack(unit_vector([ra], [dec]), axis=1),
        np.stack(unit_vector([upright.ra.deg], [upright.dec.deg]), axis=1),
        half,
    )
    reach = np.degrees(np.arctan(np.sqrt(2) * np.tan(np.radians(half))))
    corners = [centre.directional_offset_by((roll + turn) * u.deg, reach * u.deg) for turn in (45, 135, 225, 315)]
    exact = MOC.from_polygon_skycoord(SkyCoord(corners), max_depth=8)
    inner = MOC.from_string(encode_ascii(found))
    assert inner.difference(exact).sky_fraction == 0  # mocpy's holds every pixel that is touched
    cell = 41252.96 / (12 * 4**8)
    assert (exact.sky_fraction - inner.sky_fraction) * 41252.96 < 4.5 * 2 * half * cell**0.5
    tangent = 4 * np.degrees(np.degrees(np.arcsin(np.sin(np.radians(half)) ** 2)))
    assert found.sky_fraction * 41252.96 == pytest.approx(tangent, rel=0.02)


def test_union_of_squares_is_that_of_each():
    random = np.random.default_rng(2)
    ra, dec, roll = random.uniform(0, 40, 30), random.uniform(-60, -40, 30), random.uniform(0, 360, 30)
    upright = SkyCoord(ra, dec, unit="deg").directional_offset_by(roll * u.deg, 90 * u.deg)
    axis = np.stack(unit_vector(ra, dec), axis=1)
    side = np.stack(unit_vector(upright.ra.deg, upright.dec.deg), axis=1)
    whole = to_mocpy(cover_squares(axis, side, 5.0))
    parts = [to_mocpy(cover_squares(axis[one : one + 1], side[one : one + 1], 5.0)) for one in range(30)]
    assert whole == parts[0].union(*parts[1:])


def write_skymap(**columns):
    content = io.BytesIO()
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, "K" if name == "UNIQ" else "D", array=values) for name, values in columns.items()]
    )
    table.header["ORDERING"] = "RING"
    table.writeto(content)
    return content.getvalue()


def test_credible_region_takes_the_densest_pixels_first():
    density = np.array([6.0, 2.0, 1.0]) / (4 * np.pi) * 12 / 8.25
    found = decode_localisation(write_skymap(UNIQ=np.array([4 + 3, 4 + 5, 16 + 0]), PROBDENSITY=density))
    assert found.probability.sum() == pytest.approx(1)
    first = found.credible_region(0.5)
    assert first.sky_fraction == pytest.approx(1 / 12)
    assert found.probability_within(first) == pytest.approx(6 / 8.25)
    half = Coverage(1, np.array([[12, 14]]))  # half of base pixel 3
    assert found.probability_within(half) == pytest.approx(3 / 8.25)
    assert found.probability_within(Coverage(3, np.empty((0, 2), np.int64))) == 0
    assert found.credible_region(1.0).sky_fraction == pytest.approx((2 + 1 / 4) / 12)


def test_flat_ring_map_is_reordered():
    values = np.zeros(12 * 16**2)
    values[0:4] = 0.25  # the ring around the north pole
    region = decode_localisation(write_skymap(PROB=values)).credible_region(0.99)
    assert to_mocpy(region).contains_lonlat(10 * u.deg, 89 * u.deg)[0]
    assert region.sky_fraction == pytest.approx(4 / values.size)


@pytest.mark.parametrize(("columns", "words"), [
    ({"UNIQ": np.array([4, 4]), "PROBDENSITY": np.full(2, 0.5 * 12 / (4 * np.pi))}, "overlap"),
    ({"UNIQ": np.array([3]), "PROBDENSITY": np.ones(1)}, "below 4"),
    ({"PROB": np.ones(12)}, "sum to 12"), ({"PROB": np.ones(13) / 13}, "no HEALPix"),
])  # fmt: skip
def test_what_is_no_localisation_is_refused(columns, words):
    with pytest.raises(UsageError, match=words):
        decode_localisation(write_skymap(**columns))
    whole = write_skymap(PROB=np.ones(12) / 12)
    with pytest.raises(UsageError, match="damaged"):
        decode_localisation(whole[:5800])
    assert decode_localisation(b"3/1") is None


def test_real_localisation_agrees_with_mocpy():
    shared = Path(os.environ.get("ARCHIPELAGO_SHARED") or Path(__file__).parents[4] / "shared")
    path = shared / "data" / "notices" / "lvk" / "bayestar.multiorder.fits"
    if not path.exists():
        pytest.skip(f"the shared file {path.name} is absent")
    found = decode_localisation(path.read_bytes())
    for level in (0.5, 0.9):
        region = found.credible_region(level)
        exact = MOC.from_multiordermap_fits_file(path, cumul_from=0.0, cumul_to=level)
        assert region.sky_fraction == pytest.approx(exact.sky_fraction, rel=0.01)
        assert found.probability_within(region) == pytest.approx(level, abs=0.002)
    assert found.probability_within(intersection(region, Coverage(0, np.array([[0, 12]])))) >= 0.9


def test_space_time_coverage_is_read_by_mocpy(tmp_path):
    mjd = np.array([53000.0, 53000.04, 53010.0])
    start, stop = microseconds_tcb(mjd), microseconds_tcb(mjd + 0.03)
    made = make_space_time(
        start, stop, np.array([10.0, 12.0, 200.0]), np.array([0.0, 1.0, -40.0]), radius_deg=5, time_order=32,
        space_order=6,
    )  # fmt: skip
    (tmp_path / "st.fits").write_bytes(encode_space_time(made, simulated=True))
    loaded = STMOC.load(tmp_path / "st.fits")
    assert loaded.max_depth == (32, 6)

    def seen(day, ra, dec):
        return bool(loaded.contains(Time([day], format="mjd", scale="tt"), [ra] * u.deg, [dec] * u.deg)[0])

    assert seen(53000.01, 10.0, 0.0)
    assert seen(53010.02, 200.0, -40.0)
    assert not seen(53000.01, 200.0, -40.0)
    assert not seen(53005.0, 10.0, 0.0)
    assert not seen(53010.02, 10.0, 0.0)
    sky = loaded.query_by_time(_whole_time())
    assert sky.sky_fraction * 41252.96 == pytest.approx(2 * 78.5, rel=0.35)


def _whole_time():
    from mocpy import TimeMOC

    return TimeMOC.from_time_ranges(
        Time([52000.0], format="mjd", scale="tt"),
        Time([54000.0], format="mjd", scale="tt"),
        delta_t=TimeDelta(1, format="jd"),
    )


def test_time_is_counted_as_mocpy_counts_it():
    from mocpy.tmoc.tmoc import times_to_microseconds

    mjd = np.array([52700.123, 60000.0])
    theirs = times_to_microseconds(Time(mjd, format="mjd", scale="tt")).astype(np.int64)
    assert np.abs(microseconds_tcb(mjd) - theirs).max() < 60_000_000  # they leave TT as it is; TCB is some 20 s ahead
