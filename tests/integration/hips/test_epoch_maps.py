"""Maps of years and revolutions: delivered as files, published beside the total, each a HiPS of its own."""

import io

import numpy as np
import pytest
from astropy.io import fits

from archive import selectors
from archive.errors import ArchiveError
from archive.times import mjd_tt_from_utc
from hips import services
from hips.colour import find_colours
from hips.properties import parse_properties
from hips.surveys import find_sequence, find_surveys, get_survey
from hips.tiles import tile_positions
from ingestion.services import run_ingestion
from tests.support.fits_files import table, write
from upper_limits.store import build_version

ORDER = 6
SPANS = {
    "MISSION": ("2003-01-01", "2006-01-01"),
    "YEAR-2003": ("2003-01-01", "2003-12-31"),
    "YEAR-2004": ("2003-12-31", "2005-01-01"),
    "REV-0200": ("2004-06-01", "2004-06-03"),
    "REV-0201": ("2004-06-04", "2004-06-06"),
}
BANDS = ((20.0, 40.0), (40.0, 60.0), (60.0, 100.0))


def write_maps(folder, epoch, band=BANDS[0], *, flux=1.0):
    """One file of flux, variance and exposure; each epoch saw another part of the sky."""
    number, size = list(SPANS).index(epoch), 12 << (2 * ORDER)
    seen = np.zeros(size, dtype=bool)
    seen[number * 1000 : number * 1000 + 1000 if number else size] = True
    values = np.where(seen, np.arange(size) % 997 * flux, np.nan)
    columns = {
        "FLUX": ("E", "mCrab", values), "VARIANCE": ("E", "mCrab**2", np.where(seen, 4.0, np.nan)),
        "EXPOSURE": ("E", "s", np.where(seen, 1e5, 0.0)),
    }  # fmt: skip
    start, stop = (float(mjd_tt_from_utc(date)) - 51544.0 for date in SPANS[epoch])
    hdu = table(
        "SKY-MAPS", columns, PIXTYPE="HEALPIX", ORDERING="NESTED", COORDSYS="C", INDXSCHM="IMPLICIT", NSIDE=1 << ORDER,
        INSTRUME="IBIS", DETNAM="ISGRI", E_MIN=band[0], E_MAX=band[1], MJDREF=51544.0, TIMESYS="TT", TIMEUNIT="d",
        TSTART=start, TSTOP=stop, MAPEPOCH=epoch, PSFFWHM=60.0, CRABFLUX=1e-11, CRABCONV="test",
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    write(folder / f"isgri_{band[0]:g}_{epoch.lower()}_maps.fits", hdu)
    return values.astype(np.float32)


@pytest.fixture
def roots(settings, tmp_path):
    settings.FILES_ROOT, settings.MAPS_ROOT, settings.DATA_ROOT = (
        tmp_path / "files",
        tmp_path / "maps",
        tmp_path / "data",
    )
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is absent
    services.forget_everything()
    yield tmp_path
    services.forget_everything()


@pytest.mark.django_db
def test_epochs_are_delivered_published_and_served(roots, client):
    folder = roots / "first"
    values = {epoch: write_maps(folder, epoch) for epoch in SPANS}
    for band in BANDS[1:]:
        write_maps(folder, "MISSION", band)
    assert run_ingestion(folder).state == "published"
    version = selectors.current_map_version()
    names = {"MISSION": "", "YEAR-2003": "_2003", "YEAR-2004": "_2004", "REV-0200": "_r0200", "REV-0201": "_r0201"}

    # each is a HiPS of every quantity, with its own pixels, times and place in the list
    listed = {
        record["hips_service_url"].rsplit("/", 1)[1]: record
        for record in map(parse_properties, client.get("/hips/list").content.decode().split("\n\n"))
    }
    for epoch, ending in names.items():
        for quantity in ("flux", "significance", "exposure", "sensitivity"):
            survey_id = f"isgri_20_40_{quantity}{ending}"
            properties = parse_properties(client.get(f"/hips/{survey_id}/properties").content.decode())
            record = listed[survey_id]
            for one in (properties, record):
                start, stop = (float(mjd_tt_from_utc(date)) for date in SPANS[epoch])
                assert (float(one["t_min"]), float(one["t_max"])) == pytest.approx((start, stop), abs=1e-4)
                assert one["creator_did"].endswith(f"/{survey_id}")
        cell = 3 if epoch == "MISSION" else list(SPANS).index(epoch) * 1000 // 64
        body = client.get(f"/hips/isgri_20_40_flux{ending}/Norder3/Dir0/Npix{cell}.fits").content
        with fits.open(io.BytesIO(body)) as file:
            np.testing.assert_array_equal(file[0].data[::-1], values[epoch][cell * 64 + tile_positions(8)])
    assert client.get("/hips/isgri_20_40_flux_r0200/Norder3/Dir0/Npix700.fits").status_code == 404
    assert listed["isgri_20_40_flux_2003"]["client_category"].endswith("/years")
    assert ", revolution 0200" in listed["isgri_20_40_flux_r0200"]["obs_title"]
    assert [one.survey_id for one in find_colours(version)] == ["isgri-rgb"]

    # the sequence in time: years for the total and for a year, revolutions for a revolution
    surveys = find_surveys(version)
    for shown, epochs in (
        ("isgri_20_40_flux", ["2003", "2004"]),
        ("isgri_20_40_significance_2004", ["2003", "2004"]),
        ("isgri_20_40_exposure_r0201", ["revolution 0200", "revolution 0201"]),
        ("isgri_40_60_flux", []),
    ):
        assert [one.epoch for one in find_sequence(surveys, get_survey(version, shown))] == epochs
    page = client.get("/hips/").content.decode()
    assert '"survey": {"id": "isgri_20_40_significance"' in page
    assert '"id": "isgri_20_40_significance_2004"' in page
    assert "isgri_20_40_exposure_r0201" not in page, "single revolutions would drown the list"
    assert "isgri_20_40_exposure_r0201" in client.get("/hips/isgri_20_40_flux_r0201/").content.decode()

    # a cut-out of a time is made of the map of the shortest span that has all of it
    for query, survey_id in (
        ("TIME=53158", "isgri_20_40_flux_r0200"),
        ("TIME=53100 53200", "isgri_20_40_flux_2004"),
        ("TIME=52800 53200", "isgri_20_40_flux"),
        ("", "isgri_20_40_flux"),
    ):
        response = client.get(f"/api/v1/cutout?BAND=3.1e-11 6.1e-11&{query}&ra=45&dec=5&size=5")
        assert fits.getheader(io.BytesIO(response.content))["SURVEY"] == survey_id

    # the upper limits stay those of the mission
    store = build_version(roots / "limits", version)
    assert [band.band for band in store.totals[0].bands] == ["20_40", "40_60", "60_100"]
    assert store.notes == ()
    np.testing.assert_array_equal(store.totals[0].values[:, 0], values["MISSION"])


@pytest.mark.django_db
def test_an_epoch_delivered_again_replaces_that_epoch_alone(roots):
    for epoch in ("MISSION", "YEAR-2003"):
        write_maps(roots / "first", epoch)
    run_ingestion(roots / "first")
    before = selectors.current_map_version()
    write_maps(roots / "second", "YEAR-2003", flux=2.0)
    assert run_ingestion(roots / "second").state == "published"
    after = selectors.current_map_version()
    changed = {name for name, digest in after.sha256.items() if before.sha256[name] != digest}
    assert changed == {"isgri_20_40_flux_2003"}
    assert set(after.sha256) == set(before.sha256)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("claimed", "span"),
    [("", "YEAR-2003"), ("YEAR-2003", "YEAR-2004"), ("REV-0200", "YEAR-2004"), ("2004", "YEAR-2004")],
)
def test_maps_of_a_year_never_pass_for_the_total(roots, claimed, span, capsys):
    write_maps(roots / "first", "MISSION")
    run_ingestion(roots / "first")
    before = selectors.current_map_version().name
    write_maps(roots / "second", span)
    (path,) = (roots / "second").iterdir()
    fits.setval(path, "MAPEPOCH", value=claimed, ext=1)
    try:
        report = run_ingestion(roots / "second")
    except ArchiveError as error:
        told = str(error)
    else:
        told = str(report)
    assert "MAP-EPOCH" in told
    assert selectors.current_map_version().name == before
