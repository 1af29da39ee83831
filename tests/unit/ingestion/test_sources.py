from archive.identifiers import normalize_name
from ingestion.profiles import reference_catalogue
from ingestion.rows import ReferenceRow, SourceRow
from ingestion.sources import KnownSource, aliases_of, identify_sources


def entry(name, ra, dec, version="43", source_id="", comments=""):
    return ReferenceRow(catalogue_version=version, source_id=source_id, name=name, ra=ra, dec=dec, comments=comments)


CRAB = entry("Crab", 83.633, 22.0145, source_id="J053432.0+220052", comments="PSR B0531+21, Tau X-1")
CYG = entry("V404 Cyg", 306.016, 33.867, source_id="J202403.8+335201")


def ids(identification):
    return {(row.catalogue_version, row.name): row.source_id for row in identification.entries}


def rules(identification):
    return [finding.rule for finding in identification.findings]


def test_the_same_name_is_the_same_source_wherever_the_older_list_put_it():
    found = identify_sources([CRAB, entry("CRAB", 83.7, 22.1, "40")], {})
    assert ids(found)["40", "CRAB"] == "J053432.0+220052"
    (source,) = found.sources
    assert (source.name, source.ra) == ("Crab", 83.633), "the newest version decides on the position"


def test_an_alias_is_the_same_source_unless_the_list_has_both_names():
    renamed = identify_sources([CRAB, entry("Tau X-1", 83.63, 22.01, "40")], {})
    assert ids(renamed)["40", "Tau X-1"] == "J053432.0+220052"
    both = identify_sources([CRAB, entry("Crab", 83.63, 22.01, "40"), entry("Tau X-1", 83.65, 22.02, "40")], {})
    assert ids(both)["40", "Tau X-1"] != "J053432.0+220052"
    names = {row.name: row.source_id for row in both.names}
    assert names["Tau X-1"] == ids(both)["40", "Tau X-1"], "a main name wins over an alias, so that both can be found"
    assert "SOURCE-ALIAS-TAKEN" in rules(both)


def test_the_same_place_is_the_same_source_only_when_neither_name_is_elsewhere():
    near = CYG.ra + 1.4 / 3600
    found = identify_sources([CYG, entry("Ginga 2023+338", near, CYG.dec, "40")], {})
    assert ids(found)["40", "Ginga 2023+338"] == "J202403.8+335201"
    assert "SOURCE-POSITION" in rules(found)
    apart = identify_sources(
        [CYG, entry("V404 Cyg", near, CYG.dec, "40"), entry("Ginga 2023+338", near, CYG.dec, "40")], {}
    )
    assert ids(apart)["40", "Ginga 2023+338"] not in {"J202403.8+335201", ""}


def test_far_away_is_another_source():
    found = identify_sources([CYG, entry("Ginga 2023+338", CYG.ra, CYG.dec + 11 / 3600, "40")], {})
    assert len(found.sources) == 2
    assert "SOURCE-CLOSE" in rules(found)


def test_two_new_sources_at_one_place_get_different_ids():
    found = identify_sources([entry("A 1", 10.0, 20.0, "40"), entry("B 2", 10.0, 20.0, "40")], {})
    assert sorted(row.source_id for row in found.sources) == ["J004000.0+200000", "J004000.0+200000b"]
    assert "SOURCE-SAME-PLACE" in rules(found)


def test_an_older_version_adds_names_but_does_not_move_a_source():
    known = {"J053432.0+220052": KnownSource(SourceRow("J053432.0+220052", "Crab", 83.633, 22.0145), 43, ("Crab",))}
    old = entry("Crab Nebula", 83.0, 22.0, "42", "J053432.0+220052")
    found = identify_sources([old], known)
    assert found.sources[0] == known["J053432.0+220052"].source
    assert {row.normalized_name for row in found.names} == {"CRAB", "CRABNEBULA"}


def test_remarks_are_no_aliases():
    assert aliases_of("AX J1747.4-3000, too close SLX 1744-300 to be resolved") == ("AX J1747.4-3000",)
    assert aliases_of("-") == ()
    cut = (
        "V* CM Tau, SNR 184.6-05.8, PSR B0531+21, 1H 0531+219, 2EG J0534+2158, 3A 0531+219, "
        "3EG J0534+2200, 4U 0531+21, Crab Nebula, Tau"
    )
    assert aliases_of(cut)[-1] == "Crab Nebula", "the column is cut at 128 characters"


def test_real_versions_40_and_43(shared_data):
    union = reference_catalogue.read_csv(shared_data / "catalogues/derived/isdc_grc43_union.csv").rows
    old = reference_catalogue.read_list(shared_data / "catalogues/ra_dec_name_gnrl_refr_cat_0040.txt").rows
    found = identify_sources([*union, *old], {})
    given = ids(found)
    names43, names40 = ({normalize_name(row.name) for row in rows} for rows in (union, old))
    assert len([key for key in given if key[0] == "40"]) == 2086
    assert len({value for (version, _), value in given.items() if version == "40"}) == 2086
    merged = len(names40 - names43) - (len(found.sources) - 947)
    assert merged == 1, "Ginga 2023+338 is V404 Cyg"
    named = {}
    for name in found.names:
        named.setdefault(name.source_id, []).append(name.name)
    known = {row.source_id: KnownSource(row, 43, tuple(named[row.source_id])) for row in found.sources}
    again = identify_sources([*union, *old], known)
    assert ids(again) == given, "a second run decides the same"
    assert {"Crab", "PSR B0531+21"} <= set(named["J053432.0+220052"])
