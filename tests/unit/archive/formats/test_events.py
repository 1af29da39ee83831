import numpy as np
import pytest

from archive.formats import FormatError, read_event_list
from tests.support.fits_files import IJD_KEYWORDS, table, write


def event_hdu(times, **keywords):
    columns = {"TIME": ("D", "d", times), "ENERGY": ("E", "keV", np.linspace(20, 60, len(times)))}
    header = {**IJD_KEYWORDS, "HDUCLAS1": "EVENTS", "INSTRUME": "IBIS", "DETNAM": "ISGRI", **keywords}
    return table("GNRL-EVTS-LST", columns, **header)


def test_summary(tmp_path):
    gti = table(
        "GNRL-EVTS-GTI", {"START": ("D", "d", [3000.0]), "STOP": ("D", "d", [3000.5])}, HDUCLAS1="GTI", **IJD_KEYWORDS
    )
    events = read_event_list(write(tmp_path / "e.fits", event_hdu([3000.0, 3000.2, 3000.4]), gti))
    assert (events.event_count, events.tstart_mjd_tt, events.tstop_mjd_tt) == (3, 54544.0, 54544.4)
    assert (events.energy_min_kev, events.energy_max_kev, events.good_time_s) == (20.0, 60.0, 43200.0)
    assert events.instrument == "isgri"


@pytest.mark.parametrize(
    ("hdu", "rule"),
    [
        pytest.param(event_hdu([]), "EVENTS-EMPTY", id="empty"),
        pytest.param(event_hdu([3000.0, np.nan]), "TIME-NAN", id="NaN time"),
        pytest.param(event_hdu([3000.0], TIMESYS="UTC"), "TIME-SYSTEM", id="UTC"),
        pytest.param(event_hdu([3000.0], HDUCLAS1="OTHER"), "EVENTS-NONE", id="other table"),
    ],
)
def test_impossible_event_lists_are_refused(tmp_path, hdu, rule):
    with pytest.raises(FormatError, match=rule):
        read_event_list(write(tmp_path / "e.fits", hdu))


def test_real_list_names_no_detector(shared_data):
    events = read_event_list(shared_data / "products/events/evlist_H_0614+091.fits.gz")
    assert events.event_count == 45572
    assert events.instrument == "isgri"
    assert [finding.rule for finding in events.findings] == ["INSTRUMENT-GUESSED"]
