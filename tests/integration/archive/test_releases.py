from datetime import UTC, datetime

import pytest
from django.db import connection

from archive.errors import BusyError, NotFoundError, UsageError
from archive.models import Delivery, ReferenceCatalogueEntry, Release, Source
from archive.selectors import current_release, current_rows, rows_of_release, within_cone
from archive.services import MergeCounts, open_publication, roll_back_to

pytestmark = pytest.mark.django_db(transaction=True)

CRAB = {"source_id": "J053432.0+220052", "name": "Crab", "ra": 83.633, "dec": 22.0145}
VELA = {"source_id": "J083520.7-451035", "name": "Vela", "ra": 128.836, "dec": -45.176}


def deliver(name, rows, *, simulated=False, model=Source):
    delivery = Delivery(
        delivery_id=name,
        title=name,
        team="test",
        digest_sha256=name.ljust(64, "0"),
        simulated=simulated,
        received_at=datetime.now(UTC),
    )
    with open_publication(delivery=delivery, description=f"test {name}") as publication:
        return publication.merge(model, rows)


def names(release=None):
    rows = rows_of_release(Source, release) if release else current_rows(Source)
    return sorted(rows.values_list("name", flat=True))


def test_a_second_run_changes_nothing():
    assert deliver("d1", [CRAB, VELA]) == MergeCounts(new=2)
    before = current_release()
    assert deliver("d1", [CRAB, VELA]) == MergeCounts(unchanged=2)
    assert current_release() == before
    assert Release.objects.count() == 1


def test_a_changed_row_replaces_the_old_one_which_stays_readable():
    deliver("d1", [CRAB, VELA])
    first = current_release()
    counts = deliver("d2", [{**CRAB, "name": "Crab Nebula"}])
    assert counts == MergeCounts(changed=1)
    assert names() == ["Crab Nebula", "Vela"]
    assert names(first) == ["Crab", "Vela"]


def test_nothing_is_visible_when_a_delivery_fails_half_way():
    deliver("d1", [CRAB])

    def rows():
        yield VELA
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        deliver("d2", rows())
    assert names() == ["Crab"]
    assert not Delivery.objects.filter(pk="d2").exists()


def test_a_simulated_row_never_replaces_a_real_one_and_a_real_one_replaces_it():
    deliver("real", [CRAB])
    assert deliver("sim", [{**CRAB, "name": "SIM Crab"}, VELA], simulated=True) == MergeCounts(new=1, kept_real=1)
    assert names() == ["Crab", "Vela"]
    assert deliver("real2", [VELA]) == MergeCounts(changed=1)
    assert not current_rows(Source).filter(simulated=True).exists()


def test_duplicate_keys_are_named():
    with pytest.raises(UsageError, match=r"1 keys \(source_id\) come more than once, for example J053432.0\+220052"):
        deliver("d1", [CRAB, CRAB])
    assert current_release() is None


def test_an_unknown_column_is_refused():
    with pytest.raises(UsageError, match="no column flux"):
        deliver("d1", [{**CRAB, "flux": 1}])


def test_the_same_delivery_id_with_other_content_is_refused():
    deliver("d1", [CRAB])
    delivery = Delivery.objects.get(pk="d1")
    delivery.digest_sha256 = "f" * 64
    with (
        pytest.raises(UsageError, match="a changed delivery needs a new delivery_id"),
        open_publication(delivery=delivery, description="again"),
    ):
        pass


def test_rolling_back_and_publishing_from_there():
    deliver("d1", [CRAB])
    deliver("d2", [{**CRAB, "name": "wrong"}, VELA])
    wrong = current_release()
    roll_back_to(Release.objects.get(number=1).name)
    assert names() == ["Crab"]
    # what the abandoned release brought is gone, what it ended goes on
    sgr = {"source_id": "J174540.0-290028", "name": "Sgr A*", "ra": 266.417, "dec": -29.008}
    assert deliver("d3", [sgr]) == MergeCounts(new=1)
    assert names() == ["Crab", "Sgr A*"]
    assert names(wrong) == ["Vela", "wrong"]
    roll_back_to(wrong.name)
    assert names() == ["Vela", "wrong"]
    deliver("d4", [{**sgr, "name": "Sgr A star"}])
    assert names() == ["Sgr A star", "Vela", "wrong"]


def test_an_unknown_release_is_named_with_those_there_are():
    deliver("d1", [CRAB])
    with pytest.raises(NotFoundError, match=r"no release '1999.1'; known are \d{4}.1"):
        roll_back_to("1999.1")


def test_two_publications_at_once_are_refused(settings):
    import psycopg

    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(
        **{k: v for k, v in parameters.items() if k in {"host", "port", "dbname", "user", "password"}}
    ) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [settings.LOCK_PUBLISH])
        with pytest.raises(BusyError, match="another publication is running"):
            deliver("d1", [CRAB])


def test_rows_may_be_drawn_from_the_database_itself():
    deliver("d1", [CRAB])
    held = current_rows(Source).values("source_id", "name", "ra", "dec").iterator()
    deliver("d2", ({**row, "name": f"{row['name']} {Source.objects.count()}"} for row in held))
    assert names() == ["Crab 1"]


def test_arrays_and_missing_values_are_kept():
    row = {**CRAB, "catalogue_version": "43", "isgri_20_60_cps": 230.92, "spectral_parameters": [0.4, 2.1]}
    deliver("d1", [row], model=ReferenceCatalogueEntry)
    entry = current_rows(ReferenceCatalogueEntry).get()
    assert entry.isgri_20_60_cps == 230.92
    assert entry.spectral_parameters == [0.4, 2.1]
    assert entry.jemx_3_10_cps is None


@pytest.mark.parametrize("dec", [89.9, -89.9, 0.0])
@pytest.mark.parametrize("ra", [0.001, 359.999])
def test_cones_work_at_the_poles_and_across_zero(ra, dec):
    other = {"source_id": "b", "name": "b", "ra": (ra + 180) % 360 if abs(dec) > 80 else (ra - 0.01) % 360, "dec": dec}
    deliver("d1", [{"source_id": "a", "name": "a", "ra": ra, "dec": dec}, other, VELA])
    found = within_cone(current_rows(Source), ra, dec, 0.25)
    assert [source.source_id for source in found] == ["a", "b"]


def test_published_views_follow_the_pointer_and_the_role_reads_nothing_else():
    deliver("d1", [CRAB])
    deliver("d2", [VELA])
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM integral.sources ORDER BY name")
        assert cursor.fetchall() == [("Crab",), ("Vela",)]
        cursor.execute("SET ROLE archipelago_tap")
        try:
            privilege = "has_table_privilege('{}', '{}')".format
            wanted = [("archive_delivery", "SELECT"), ("integral.sources", "SELECT"), ("integral.sources", "INSERT")]
            cursor.execute("SELECT " + ", ".join(privilege(*pair) for pair in wanted))
            assert cursor.fetchone() == (False, True, False)
        finally:
            cursor.execute("RESET ROLE")
    roll_back_to(Release.objects.get(number=1).name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM integral.sources")
        assert cursor.fetchall() == [("Crab",)]


def test_tap_schema_says_what_the_yaml_says():
    from archive.published import load_tables

    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM tap_schema.columns ORDER BY table_name, column_index")
        found = cursor.fetchall()
        expected = sorted(
            # TAP_SCHEMA gives names as ADQL writes them: "size" is a reserved word (TAP 1.1 section 4.3)
            (table.name, '"size"' if column.name == "size" else column.name)
            for table in load_tables().values()
            for column in table.columns
        )
        assert sorted(found) == sorted(expected)
        for table in load_tables().values():
            cursor.execute(f"SELECT * FROM {table.name} LIMIT 0")
