"""The timeline of the mission, on the sample archive and on made-up windows."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from archive import models, services
from archive.website import timeline
from archive.website.timeline import Span
from tests.support.web_archive import OBS, SCW


@pytest.fixture
def year(db):
    """Publish 100 simulated revolutions of 3 days with 20 pointings each; the last of them after a year of nothing."""
    services.sync_reference_rows()
    starts = [53000.0 + 3.0 * revolution for revolution in range(99)] + [53000.0 + 3.0 * 99 + 365.0]
    windows = [
        {
            "scw_id": f"{revolution:04d}{number:04d}0010",
            "revolution": revolution,
            "kind": "pointing",
            "tstart_mjd_tt": start + number * 0.1,
            "tstop_mjd_tt": start + number * 0.1 + 0.1,
            "good_isgri_s": 4320.0,
            "good_spi_s": None,
        }
        for revolution, start in enumerate(starts)
        for number in range(20)
    ]
    delivery = models.Delivery(
        delivery_id="windows",
        title="Windows",
        team="t",
        simulated=True,
        digest_sha256="2" * 64,
        received_at=datetime.now(UTC),
    )
    with services.open_publication(delivery=delivery, description="Windows") as publication:
        publication.merge(models.ScienceWindow, windows)
    return timeline.read_orbits()


def test_bins_hold_what_their_revolutions_hold(year):
    view = timeline.read_timeline(Span(53000.0, 53700.0), year)
    assert view.unit == "bin"
    assert sum(item.windows for item in view.slices) == pytest.approx(2000.0)
    assert sum(item.good_s[0] for item in view.slices) == pytest.approx(2000 * 4320.0)
    assert sum(item.good_s[2] for item in view.slices) == 0.0
    assert view.slices[0].start == 53000.0
    assert view.slices[-1].stop == 53700.0
    assert all(item.simulated for item in view.slices if item.windows)


def test_half_a_revolution_counts_half(year):
    half = timeline.bin_orbits(year, Span(53000.0, 53001.0))
    assert sum(item.windows for item in half) == pytest.approx(10.0)


def test_a_year_without_pointings_is_a_gap_and_perigees_are_not(year):
    assert [round(gap.length_d) for gap in year.gaps] == [366]
    view = timeline.read_timeline(Span(53000.0, 53100.0), year)
    assert view.unit == "revolution"
    assert len(view.slices) == 34
    assert view.gaps == ()


def test_some_days_show_every_window_and_say_what_is_cut(year, monkeypatch):
    view = timeline.read_timeline(Span(53003.0, 53006.0), year)
    assert [view.unit, len(view.slices), view.cut] == ["science window", 20, 0]
    assert view.slices[0].share[0] == pytest.approx(0.5)
    monkeypatch.setattr(timeline, "MAX_WINDOWS", 5)
    view = timeline.read_timeline(Span(53003.0, 53006.0), year)
    assert [len(view.slices), view.cut] == [5, 15]


def test_the_page_shows_the_whole_mission_and_zooms(text):
    page = text("/timeline")
    assert "Mission timeline" in page
    assert 'role="img"' in page
    close = text("/timeline?from=rev+46&to=rev+46")
    assert f'href="/scw/{SCW}"' in close
    assert f'href="/observations/{OBS}"' in close
    shown = re.search(r'data-first="([\d.]+)" data-last="([\d.]+)"', close)
    assert shown
    assert np.diff([float(shown[1]), float(shown[2])])[0] > 0
    assert text(f"/timeline?from={SCW}&to={SCW}")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2004-01-01&to=2003-01-01", "at least a minute after"),
        ("from=Crab", "expected a time"),
        ("from=rev+9999", "no science window"),
        ("from=2003-13-45", "2003-13-45"),
        ("page=zz", "page"),
        ("from=%00", "printable"),
    ],
)
def test_a_span_that_cannot_be_gets_a_sentence(text, query, words):
    assert words in text(f"/timeline?{query}", 400)


@pytest.mark.parametrize("year", [2005, 2008, 2016])
def test_a_year_that_ends_with_a_leap_second_is_drawn(text, year):
    assert "Mission timeline" in text(f"/timeline?from={year}-01-01&to={year}-12-31")
    assert "Mission timeline" in text(f"/timeline?from={year}-12-31T23:59:60&to={year + 1}-01-02")


def test_an_empty_archive_has_an_empty_timeline(db, client):
    assert b"no science window yet" in client.get("/timeline").content
