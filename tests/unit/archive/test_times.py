import numpy as np
import pytest
from astropy.time import Time

from archive.errors import UsageError
from archive.times import (
    ijd_from_mjd_tt,
    mjd_tt_from_ijd,
    mjd_tt_from_mjd_utc,
    mjd_tt_from_utc,
    mjd_utc_from_mjd_tt,
    utc_iso_from_mjd_tt,
)


def test_tt_minus_utc_steps_with_the_leap_seconds():
    # IERS: TAI - UTC = 32 s in 2002, 34 s from 2009, 35 s from 2012-07, 37 s from 2017; TT = TAI + 32.184 s
    mjd_utc = np.array([52600.0, 55000.0, 55972.0, 56200.0, 58000.0])
    seconds = (mjd_tt_from_mjd_utc(mjd_utc) - mjd_utc) * 86400
    assert np.allclose(seconds, [64.184, 66.184, 66.184, 67.184, 69.184], atol=1e-4)


def test_utc_and_tt_round_trip():
    mjd_tt = np.linspace(52564, 61000, 50)
    assert np.allclose(mjd_tt_from_mjd_utc(mjd_utc_from_mjd_tt(mjd_tt)), mjd_tt, atol=1e-9)
    assert np.allclose(mjd_tt_from_ijd(ijd_from_mjd_tt(mjd_tt)), mjd_tt)


def test_iso_text_round_trips():
    assert utc_iso_from_mjd_tt(mjd_tt_from_utc("2002-11-15T10:49:24")) == "2002-11-15T10:49:24"
    assert mjd_tt_from_utc("2002-11-15 10:49:24Z") == mjd_tt_from_utc("2002-11-15T10:49:24")


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2002-13-01", "2002-02-30T00:00:00", "2002-11-15T25:00:00", "15/11/2002"]
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(UsageError, match="expected for example 2012-02-15T06:30:00"):
        mjd_tt_from_utc(text)


def test_conversions_agree_with_astropy_through_every_leap_second():
    mjd_utc = np.sort(np.r_[np.linspace(52564, 60000, 2000), 53736 + np.array([-1e-5, 0, 1e-5]), 57204 - 1e-6])
    expected = Time(mjd_utc, format="mjd", scale="utc").tt
    assert np.max(np.abs(mjd_tt_from_mjd_utc(mjd_utc) - expected.mjd)) * 86400 < 1e-5
    assert np.max(np.abs(mjd_utc_from_mjd_tt(expected.mjd) - mjd_utc)) * 86400 < 1e-5


def test_a_leap_second_has_its_own_name():
    assert utc_iso_from_mjd_tt(mjd_tt_from_utc("2016-12-31T23:59:60.5"), precision=1) == "2016-12-31T23:59:60.5"
