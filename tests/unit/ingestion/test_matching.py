"""Rows and products find their sources by identity, then by position within the errors; never by a silent choice."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from ingestion.cells import Findings
from ingestion.matching import SourceIndex, Subject, link_rows, match, match_radius_arcsec, note_match
from ingestion.rows import GrbRow, IbisRow, JemxRow, OmcRow, SourceRow
from ingestion.sources import KnownSource


def known(*sources):
    """Sources from (id, name, ra, dec[, error radius, further names])."""
    made = {}
    for source_id, name, ra, dec, *rest in sources:
        error = rest[0] if rest else None
        names = rest[1] if len(rest) > 1 else ()
        made[source_id] = KnownSource(SourceRow(source_id, name, ra, dec, error), 43, (name, *names))
    return SourceIndex(made)


def row(name="x", ra=10.0, dec=20.0, *, error=0.01, source_id="", kind=IbisRow):
    return kind(catalogue_version="1", name=name, ra=ra, dec=dec, error_radius_deg=error, source_id=source_id)


def link(rows, index):
    findings = Findings()
    linked, matches = link_rows(rows, index, findings)
    return [one.source_id for one in linked], {(one.rule, one.severity) for one in findings.finish()}, matches, findings


def test_the_radius_holds_99_per_cent_of_true_pairs():
    """Offsets drawn from the three errors, each a circular Gaussian that holds 90 per cent in its radius."""
    dice = np.random.default_rng(4)
    radii = (72.0, 36.0, 60.0)  # arcsec: row, source, ISGRI's systematic
    sigma = [radius / np.sqrt(2.0 * np.log(10.0)) for radius in radii]
    offset = sum(dice.standard_normal((200_000, 2)) * one for one in sigma)
    inside = np.hypot(*offset.T) <= match_radius_arcsec(0.02, 0.01, "isgri")
    assert inside.mean() == pytest.approx(0.99, abs=0.001)


def test_a_row_without_error_gets_half_the_width_of_the_point_spread():
    assert match_radius_arcsec(None, None, "jemx2") == pytest.approx(np.sqrt(2.0) * np.hypot(201.0 / 2.0, 60.0))


@pytest.mark.parametrize(
    ("ra", "dec", "source_ra", "source_dec"),
    [
        (359.9999, 0.0, 0.0001, 0.0),
        (0.0, 10.0, 360.0, 10.0),
        (0.002, -45.0, 359.998, -45.0),
        (10.0, 89.9999, 190.0, 89.9999),
        (77.0, 90.0, 0.0, 90.0),
        (123.0, -89.99, 303.0, -89.9999),
    ],
)
def test_the_sky_has_no_edges(ra, dec, source_ra, source_dec):
    index = known(("J1", "Edge", source_ra, source_dec))
    ids, codes, matches, _ = link([row(ra=ra, dec=dec)], index)
    assert (ids, codes) == (["J1"], {("SOURCE-POSITION", "warning")})
    there = SkyCoord(source_ra * units.deg, source_dec * units.deg)
    expected = SkyCoord(ra * units.deg, dec * units.deg).separation(there).arcsec
    assert matches[0].separation_arcsec == pytest.approx(expected, abs=1e-4)


def test_matches_are_those_of_astropy():
    """Every pair within its own radius, over the whole sky, against astropy's search around positions."""
    dice = np.random.default_rng(44)
    count = 400
    ra, dec = dice.uniform(0.0, 360.0, count), np.degrees(np.arcsin(dice.uniform(-1.0, 1.0, count)))
    error = dice.uniform(0.0, 3.0, count)
    index = known(*((f"J{at}", f"S{at}", ra[at], dec[at], error[at]) for at in range(count)))
    here_ra, here_dec = dice.uniform(0.0, 360.0, 40), np.degrees(np.arcsin(dice.uniform(-1.0, 1.0, 40)))
    theirs = SkyCoord(ra * units.deg, dec * units.deg)
    for at in range(40):
        subject = Subject("", "", here_ra[at], here_dec[at], 1.0, "isgri")
        apart = SkyCoord(here_ra[at] * units.deg, here_dec[at] * units.deg).separation(theirs).arcsec
        expected = {f"J{k}" for k in range(count) if apart[k] <= match_radius_arcsec(1.0, error[k], "isgri")}
        found = match(subject, index)
        assert {one[0] for one in found.candidates} == expected or (found.how == "none" and not expected)


def test_an_id_then_a_name_then_an_alias_decides():
    index = known(("J1", "Crab", 10.0, 20.0, None, ("M 1",)), ("J2", "Other", 10.001, 20.0))
    rows = [row("Other", source_id="J1"), row("CRAB"), row("m1"), row("Other")]
    ids, codes, matches, _ = link(rows, index)
    assert (ids, codes) == (["J1", "J1", "J1", "J2"], set())
    assert [one.how for one in matches] == ["id", "name", "name", "name"]


def test_several_sources_in_the_radius_are_all_named_and_none_is_taken():
    index = known(("J1", "A", 10.0, 20.0), ("J2", "B", 10.01, 20.0), ("J3", "C", 11.0, 20.0))
    ids, codes, matches, findings = link([row("new", 10.002)], index)
    assert (ids, codes) == ([""], {("SOURCE-AMBIGUOUS", "warning")})
    assert [name for _, name, _ in matches[0].candidates] == ["A", "B"]
    said = findings.finish()[0].found
    assert "A (J1), 6.8 arcsec" in said
    assert "B (J2), 27.1 arcsec" in said
    assert "C" not in said.replace("arcsec", "")


def test_an_alias_of_several_sources_is_decided_by_place_or_not_at_all():
    index = known(("J1", "A", 10.0, 20.0, None, ("X 1",)), ("J2", "B", 50.0, 20.0, None, ("X 1",)))
    ids, codes, *_ = link([row("X 1", 50.001), row("X 1", 100.0)], index)
    assert ids == ["J2", ""]
    assert codes == {("SOURCE-POSITION", "warning"), ("SOURCE-AMBIGUOUS", "warning")}


def test_two_rows_with_a_claim_on_one_source_by_place_get_it_neither():
    index = known(("J1", "A", 10.0, 20.0))
    ids, codes, _, findings = link([row("p", 10.001), row("q", 9.999)], index)
    assert (ids, codes) == (["", ""], {("SOURCE-AMBIGUOUS", "warning")})
    assert "p (so could q)" in findings.finish()[0].found


def test_a_row_by_name_keeps_its_source_against_a_row_by_place():
    ids, codes, *_ = link([row("A"), row("q", 9.999)], known(("J1", "A", 10.0, 20.0)))
    assert (ids, codes) == (["J1", ""], {("SOURCE-AMBIGUOUS", "warning")})


def test_a_name_that_is_somewhere_else_is_believed_and_said():
    ids, codes, *_ = link([row("A", 60.0)], known(("J1", "A", 10.0, 20.0)))
    assert (ids, codes) == (["J1"], {("SOURCE-FAR", "warning")})


def test_no_match_is_said_with_the_nearest():
    ids, codes, _, findings = link([row("new", 10.2), row("A")], known(("J1", "A", 10.0, 20.0)))
    assert (ids, codes) == (["", "J1"], {("SOURCE-NONE", "info")})
    finding = findings.finish()[0]
    assert finding.message.startswith("1 of 2 rows")
    assert "nearest: A, 676.6 arcsec" in finding.found


def test_an_id_that_the_archive_does_not_know_stays():
    ids, *_ = link([row("new", 100.0, source_id="J9")], known(("J1", "A", 10.0, 20.0)))
    assert ids == ["J9"]


def test_without_sources_nothing_is_claimed():
    ids, codes, *_ = link([row(source_id="J9"), row("y", kind=JemxRow)], known())
    assert (ids, codes) == (["J9", ""], {("SOURCE-UNCHECKED", "info")})


def test_bursts_are_no_sources_and_rows_keep_their_order():
    burst = GrbRow("1", "GRB 1", "spi", 10.0, 20.0, 55000.0)
    star = OmcRow("1", "IOMC 1", "star", 10.0, 20.0, 0.0)
    linked, _ = link_rows([burst, star], known(("J1", "A", 10.0, 20.0)), Findings())
    assert linked[0] is burst
    assert linked[1].source_id == "J1"


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        (Subject("unknown", "", 10.001, 20.0, 0.0, "isgri", "a.fits"), "SOURCE-POSITION"),
        (Subject("unknown", "", 40.0, 20.0, 0.0, "isgri", "a.fits"), "SOURCE-UNKNOWN"),
        (Subject("unknown", "", None, None, 0.0, "isgri", "a.fits"), "SOURCE-UNKNOWN"),
        (Subject("A", "", 40.0, 20.0, 0.0, "jemx1", "a.fits"), "SOURCE-FAR"),
    ],
)
def test_products_say_in_which_file(subject, rule):
    findings = Findings()
    note_match(match(subject, known(("J1", "A", 10.0, 20.0))), subject.instrument, findings, path=subject.path)
    assert [(one.rule, one.path) for one in findings.finish()] == [(rule, "a.fits")]


def test_a_product_without_name_and_place_says_nothing():
    findings = Findings()
    subject = Subject("", "", None, None, 0.0, "", "a.fits")
    note_match(match(subject, known()), "", findings, path="a.fits")
    assert findings.finish() == ()
