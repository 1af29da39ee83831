"""The properties file: complete, honest about simulation, and readable again."""

import datetime as dt

import numpy as np
import pytest

from archive.errors import NotFoundError, UsageError
from archive.skymaps import SkyMap, write_version
from hips import cuts, properties, surveys, tiles

# HiPS 1.0 table 8: what must and what should be there for an image.
REQUIRED = {
    "creator_did", "obs_title", "dataproduct_type", "hips_version", "hips_release_date", "hips_status",
    "hips_tile_format", "hips_order", "hips_frame",
}  # fmt: skip
RECOMMENDED = {
    "obs_description", "prov_progenitor", "obs_regime", "hips_creation_date", "hips_initial_ra", "hips_initial_dec",
    "hips_initial_fov", "t_min", "t_max", "em_min", "em_max", "hips_tile_width", "hips_pixel_cut",
    "hips_pixel_bitpix", "hips_builder", "moc_sky_fraction", "hips_estsize", "hips_pixel_scale", "hips_data_range",
}  # fmt: skip


def make_map(quantity: str = "flux", **changes: object) -> SkyMap:
    facts = {
        "map_id": f"isgri-20-40-{quantity}", "instrument": "isgri", "band": "20-40", "energy_min_kev": 20.0,
        "energy_max_kev": 40.0, "quantity": quantity, "order": 3, "unit": "mCrab", "tstart_mjd_tt": 52600.0,
        "tstop_mjd_tt": 60000.0, "simulated": False, "title": "Total of the mission",
    }  # fmt: skip
    return SkyMap(**{**facts, **changes})


def make_facts(sky_map: SkyMap) -> properties.HipsFacts:
    values = np.random.default_rng(2).normal(size=sky_map.pixel_count).astype(np.float32)
    summary = cuts.summarize(tiles.pixels_from_array(values))
    survey = surveys.Survey(sky_map.map_id, sky_map.quantity, sky_map.unit, (sky_map,))
    return properties.HipsFacts(
        survey, "2026.1", dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), "Archipelago 1", tiles.grid_of_order(3),
        cuts.choose_cuts(summary, "flux"), summary, 1.0, properties.View(266.4, -29.0, 180.0),
    )  # fmt: skip


def test_properties_hold_all_required_and_recommended_keys():
    values = properties.make_properties(make_facts(make_map()), authority="a.example")
    assert values.keys() >= REQUIRED | RECOMMENDED
    assert values["hips_release_date"] == "2026-01-02T03:04Z"
    # 20-40 keV in metres; the short wavelength belongs to the high energy
    assert float(values["em_min"]) == pytest.approx(3.0996e-11, rel=1e-4)
    assert float(values["em_max"]) == pytest.approx(6.1992e-11, rel=1e-4)
    assert " " not in values["creator_did"]


def test_properties_read_back():
    values = properties.make_properties(make_facts(make_map()), authority="a.example")
    assert properties.parse_properties(properties.format_properties(values)) == values


@pytest.mark.parametrize("key", ["obs_title", "obs_description", "obs_collection"])
def test_simulated_maps_say_so(key):
    real = properties.make_properties(make_facts(make_map()), authority="a.example")
    made = properties.make_properties(make_facts(make_map(simulated=True)), authority="a.example")
    assert "simulated" in made[key].lower()
    assert "simulated" not in real[key].lower()


def test_hostile_title_cannot_add_a_line():
    values = properties.make_properties(make_facts(make_map(title="x\nhips_order = 99\r\n")), authority="a")
    text = properties.format_properties(values)
    assert properties.parse_properties(text)["hips_order"] == "0"
    assert len(text.splitlines()) == len(values)


def test_broken_properties_are_refused_with_their_line():
    with pytest.raises(UsageError, match="Line 2"):
        properties.parse_properties("a = b\nnonsense\n")


def test_surveys_of_a_version(tmp_path):
    order = 2
    size = 12 * 4**order
    maps = [make_map(quantity, order=order) for quantity in ("flux", "variance", "exposure")]
    late = make_map("flux", order=order, map_id="late-flux", tstart_mjd_tt=59000.0)
    values = [np.full(size, value, np.float32) for value in (6, 4, 100)]
    version = write_version(tmp_path, "v1", [*zip(maps, values, strict=True), (late, values[0])])
    found = {survey.survey_id: survey for survey in surveys.find_surveys(version)}
    assert list(found) == [
        "isgri-20-40-flux", "isgri-20-40-significance", "isgri-20-40-sensitivity", "isgri-20-40-exposure", "late-flux",
    ]  # fmt: skip
    for name, value in {"flux": 6, "significance": 3, "sensitivity": 10, "exposure": 100}.items():
        survey = surveys.get_survey(version, f"isgri-20-40-{name}")
        assert surveys.open_pixels(version, survey).read(0, 1)[0] == value
        assert survey.title.startswith("INTEGRAL IBIS/ISGRI 20-40 keV")
    with pytest.raises(NotFoundError, match="no HiPS 'nothing'"):
        surveys.get_survey(version, "nothing")


def test_stored_significance_goes_before_a_computed_one(tmp_path):
    maps = [make_map(quantity, order=0) for quantity in ("flux", "variance", "significance")]
    version = write_version(tmp_path, "v1", [(sky_map, np.full(12, 9, np.float32)) for sky_map in maps])
    ids = [survey.survey_id for survey in surveys.find_surveys(version)]
    assert ids.count("isgri-20-40-significance") == 1
    survey = surveys.get_survey(version, "isgri-20-40-significance")
    assert surveys.open_pixels(version, survey).read(0, 1)[0] == 9


def test_list_separates_records_by_an_empty_line():
    survey = surveys.Survey("a", "flux", "", (make_map(simulated=True),))
    record = properties.make_list_record(
        survey, authority="a.example", released=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), url="https://a.example/hips/a"
    )
    assert record.keys() >= {"creator_did", "hips_release_date", "hips_service_url", "hips_status"}
    parts = properties.format_list([record, record]).split("\n\n")
    assert [properties.parse_properties(part) for part in parts] == [record, record]
