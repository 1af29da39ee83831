import re

import pytest
from astropy import units
from astropy.io.votable.ucd import check_ucd

from archive.published import POSTGRES_TYPES, SCHEMAS, Column, Table, load_optional_tables, load_tables

COLUMNS = [
    (table, column) for table in (*load_tables().values(), *load_optional_tables().values()) for column in table.columns
]


def ids(pair: tuple[Table, Column]) -> str:
    return f"{pair[0].name}.{pair[1].name}"


def test_every_schema_has_tables_and_every_key_resolves():
    tables = {**load_tables(), **load_optional_tables()}
    assert {table.schema for table in tables.values()} == set(SCHEMAS)
    for table in tables.values():
        for key in table.keys:
            for own, target in key.columns:
                assert table.column(own), f"{table.name}: key column {own}"
                assert tables[key.target].column(target), f"{table.name}: key target {key.target}.{target}"


@pytest.mark.filterwarnings("ignore:The unit 'erg' has been deprecated in the VOUnit standard")
@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=map(ids, COLUMNS))
def test_columns_follow_the_standards(table, column):
    assert column.datatype in POSTGRES_TYPES
    assert column.description[0].isupper()
    if column.ucd:
        assert check_ucd(column.ucd, check_controlled_vocabulary=True), column.ucd
    if column.unit and column.unit not in {"mCrab", "kbyte"}:
        units.Unit(column.unit, format="vounit")
    if column.name.endswith(("_kev", "_s", "_deg", "_km", "_arcmin", "_mcrab", "_cps", "_mjd_tt", "_bytes")):
        assert column.unit, "a column whose name carries a unit says it in its metadata"


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.name)
def test_a_position_names_two_degree_columns(table):
    if table.position:
        for name in (table.position.ra, table.position.dec):
            column = table.column(name)
            assert column is not None
            assert (column.unit, column.datatype) == ("deg", "double")


def test_obscore_has_every_mandatory_column_of_the_standard():
    # ObsCore 1.1, table 1 and the mandatory ones of table 5
    mandatory = (
        "dataproduct_type calib_level obs_collection obs_id obs_publisher_did access_url access_format access_estsize "
        "target_name s_ra s_dec s_fov s_region s_xel1 s_xel2 s_resolution t_min t_max t_exptime t_resolution t_xel "
        "em_min em_max em_res_power em_xel o_ucd pol_states pol_xel facility_name instrument_name"
    )
    names = {column.name for column in load_tables()["ivoa.obscore"].columns}
    assert set(mandatory.split()) <= names


def test_descriptions_are_sentences_without_markup():
    for table in load_tables().values():
        assert not re.search(r"[<>]", table.description)
