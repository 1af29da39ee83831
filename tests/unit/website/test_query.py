"""The search box understands what astronomers write."""

import pytest

from archive.errors import UsageError
from archive.website.query import (
    NameQuery,
    ObservationQuery,
    PositionQuery,
    ProposalQuery,
    RevolutionQuery,
    ScienceWindowQuery,
    TimeQuery,
    parse_query,
)

CRAB = (83.6331, 22.0145)


@pytest.mark.parametrize(
    "text",
    [
        "83.6331 22.0145",
        "83.6331, +22.0145",
        "83.6331+22.0145",
        "ra=83.6331 dec=22.0145",
        "RA 83.6331, Dec 22.0145",
        "J2000 83.6331 22.0145",
        "05 34 31.94 +22 00 52.2",
        "05:34:31.94 +22:00:52.2",
        "05h34m31.94s +22d00m52.2s",
        "05h 34m 31.94s, +22° 00′ 52.2″",
        "5:34:31.94+22:00:52.2",
        "gal 184.5575 -5.7844",
        "184.5575 -5.7844 gal",
        "galactic 184.5575, -5.7844",
        "l=184.5575 b=-5.7844",
        "l 184.5575 b −5.7844",
        "G184.5575-5.7844",
    ],
)
def test_every_notation_of_the_crab_is_the_crab(text):
    query = parse_query(text)
    assert isinstance(query, PositionQuery)
    assert query.ra == pytest.approx(CRAB[0], abs=2e-3)
    assert query.dec == pytest.approx(CRAB[1], abs=2e-3)


def test_southern_sexagesimal_near_zero_keeps_its_sign():
    query = parse_query("00 10 00 -00 30 00")
    assert (query.ra, query.dec) == (2.5, -0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("745", RevolutionQuery(745)),
        ("0745", RevolutionQuery(745)),
        ("Rev. 745", RevolutionQuery(745)),
        ("revolution 12", RevolutionQuery(12)),
        ("008200200010", ScienceWindowQuery("008200200010")),
        ("008200200010.001", ScienceWindowQuery("008200200010")),
        ("scw 008200200010", ScienceWindowQuery("008200200010")),
        ("06340000001", ObservationQuery("06340000001")),
        ("0634000", ProposalQuery("0634000")),
        ("4U 1700-377", NameQuery("4U 1700-377")),
        ("  Cyg   X-1 ", NameQuery("Cyg X-1")),
        ("<script>", NameQuery("<script>")),
    ],
)
def test_identifiers_and_names(text, expected):
    assert parse_query(text) == expected


def test_a_date_is_a_whole_day_and_a_moment_is_a_moment():
    day = parse_query("2012-02-15")
    assert isinstance(day, TimeQuery)
    assert day.tstop_mjd_tt - day.tstart_mjd_tt == pytest.approx(1.0)
    assert day.tstart_mjd_tt == pytest.approx(55972 + 66.184 / 86400, abs=1e-9)
    moment = parse_query("2012-02-15T06:30Z")
    assert moment.tstart_mjd_tt == moment.tstop_mjd_tt


def test_a_day_with_a_leap_second_ends_with_it():
    for text in ("2005-12-31", "MJD 53735"):
        day = parse_query(text)
        assert (day.tstop_mjd_tt - day.tstart_mjd_tt) * 86400 == pytest.approx(86401, abs=1e-4)
        assert day.tstop_mjd_tt == parse_query("2006-01-01").tstart_mjd_tt


def test_mjd_is_utc_and_ijd_is_tt():
    assert parse_query("MJD 55972.0").tstart_mjd_tt == pytest.approx(55972 + 66.184 / 86400, abs=1e-9)
    assert parse_query("ijd=4428.5").tstart_mjd_tt == 55972.5


@pytest.mark.parametrize(
    ("name", "ra", "dec"),
    [
        ("IGR J17544-2619", 268.6125, -26.325),
        ("J053431.9+220052", 83.6331, 22.0146),
        ("2MASX J00040192+7019185", 1.0081, 70.3218),
        ("SWIFT J1658.2-4242", 254.5625, -42.7083),
    ],
)
def test_a_j_name_says_where_it_is(name, ra, dec):
    query = parse_query(name)
    assert isinstance(query, NameQuery)
    assert query.position is not None
    assert query.position.ra == pytest.approx(ra, abs=0.01)
    assert query.position.dec == pytest.approx(dec, abs=0.01)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Nothing to search for"),
        ("   ", "Nothing to search for"),
        ("x" * 401, "at most 400"),
        ("Cyg\x00X-1", "printable"),
        ("400 10", "not on the sky"),
        ("10 95", "not on the sky"),
        ("gal 10 95", "not on the sky"),
        ("25 00 00 +10 00 00", "hours above 23"),
        ("05 61 00 +10 00 00", "above 59"),
        ("2012-02-30", "not a date of the calendar"),
    ],
)
def test_nonsense_gets_one_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse_query(text)
