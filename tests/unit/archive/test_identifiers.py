import pytest

from archive.errors import UsageError
from archive.identifiers import normalize_name, parse_obs_id, parse_scw_id, source_id_from_position


@pytest.mark.parametrize(
    ("text", "kind"), [("008200200010", "pointing"), ("008200200021", "slew"), ("008200200002", "engineering")]
)
def test_science_window_ids_round_trip(text, kind):
    scw_id = parse_scw_id(text)
    assert (scw_id.revolution, scw_id.pointing, scw_id.kind) == (82, 20, kind)
    assert str(scw_id) == text


@pytest.mark.parametrize("text", ["8200200010", "0082002000100", "00820020001x", "008200200019", ""])
def test_other_science_window_ids_are_refused(text):
    with pytest.raises(UsageError, match="RRRRPPPPSSSF"):
        parse_scw_id(text)


@pytest.mark.parametrize("text", ["6340000001", "063400000011", "abc"])
def test_observation_ids_keep_their_leading_zeros(text):
    assert parse_obs_id(" 06340000001 ") == "06340000001"
    with pytest.raises(UsageError, match="11 digits"):
        parse_obs_id(text)


@pytest.mark.parametrize("name", ["GRS 1915+105", "grs1915+105", "GRS_1915+105", "  Grs 1915 + 105", "GRS 1915＋105"])
def test_spellings_of_one_name_are_one(name):
    assert normalize_name(name) == "GRS1915+105"


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        (19.2756938934326, -73.450927734375, "J011706.1-732703"),
        (0.0, 0.0, "J000000.0+000000"),
        (359.999999999, -0.0001, "J235959.9-000000"),
        (83.63322, 90.0, "J053431.9+900000"),
    ],
)
def test_position_names_are_truncated_never_rounded(ra, dec, expected):
    assert source_id_from_position(ra, dec) == expected
