"""Light curves and spectra as VOTable: the same numbers as in the files, and what a reader must know about them."""

import io
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import votable

from tests.support import fits_files, isla_archive
from tests.support.archive_rows import deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("vo.urls")]

OMC_COLUMNS = {
    "TIME": ("D", "d", 3000.0 + np.arange(4) * 0.5),
    "EXPOSURE": ("E", "s", np.full(4, 100.0)),
    "MAG_V": ("E", "mag", [11.5, 11.6, np.nan, 11.4]),
    "ERRMAG_V": ("E", "mag", np.full(4, 0.02)),
    "PROBLEMS": ("J", None, [0, 1, 6, 0]),
}
OMC_KEYWORDS = {**fits_files.IJD_KEYWORDS, "INSTRUME": "OMC", "TSTART": 3000.0, "TSTOP": 3002.0, "NAME": "Cyg X-1",
                "RA_OBJ": 299.59, "DEC_OBJ": 35.2, "TCOMM5": "bits: 1 edge 2 centroid 4 saturated"}  # fmt: skip


@pytest.fixture(autouse=True)
def archive(tmp_path, request):
    request.getfixturevalue("transactional_db")
    from archive import models

    isla_archive.fill(tmp_path)
    local = fits_files.table("OMC-SRC-LCR", OMC_COLUMNS, **OMC_KEYWORDS)
    barycentric = fits_files.table("OMC-SRC-LCR", OMC_COLUMNS, **{**OMC_KEYWORDS, "TIMEREF": "SOLARSYSTEM"})
    unsaid = fits_files.table("OMC-SRC-LCR", OMC_COLUMNS, **{**OMC_KEYWORDS, "TIMEREF": ""})
    made = {"omc": [local], "omc_barycentric": [barycentric], "omc_unsaid": [unsaid],
            "two_bands": [fits_files.series_hdu(), fits_files.series_hdu(E_MIN=40.0, E_MAX=100.0)]}  # fmt: skip
    kind = {"kind": "light_curve", "instrument": "omc", "target_name": "Cyg X-1", "ra": 299.59, "dec": 35.2}
    deliver("omc", models.Product, [{"product_id": key, "title": f"<{key}> & more", **kind} for key in made])
    deliver("omc files", models.ProductFile, [file_row(tmp_path, key, hdus) for key, hdus in made.items()])


def file_row(directory, product_id, hdus):
    from archive.storage import store_file

    stored = store_file(fits_files.write(directory / f"{product_id}.fits", *hdus))
    return {"product_id": product_id, "role": "science", "file_name": f"{product_id}.fits",
            "media_type": "application/fits", "sha256": stored.sha256, "size_bytes": stored.size_bytes}  # fmt: skip


def document(client, product_id):
    response = client.get(f"/votable/{product_id}")
    content = response.getvalue()
    assert response.status_code == 200, content
    assert response["Content-Type"] == "application/x-votable+xml"
    return votable.parse(io.BytesIO(content), verify="exception"), content.decode()


@pytest.mark.parametrize(
    ("product_id", "place", "words"),
    [("omc", "TOPOCENTER", "not corrected"), ("omc_barycentric", "BARYCENTER", "corrected to the barycentre"),
     ("omc_unsaid", "UNKNOWN", "does not say")],
)  # fmt: skip
def test_an_omc_light_curve_says_where_its_times_hold_what_its_magnitudes_are_and_what_went_wrong(
    client, product_id, place, words
):
    parsed, text = document(client, product_id)
    (resource,) = parsed.resources
    (timesys,) = resource.time_systems
    assert (timesys.timescale, timesys.refposition, timesys.timeorigin) == ("TT", place, "MJD-origin")
    assert [system.system for system in resource.coordinate_systems] == ["ICRS"]
    (table,) = resource.tables
    fields = {field.name: field for field in table.fields}
    assert (fields["time"].ref, fields["time"].unit) == (timesys.ID, "d")
    assert words in next(param.value for param in table.params if param.name == "time_reference")
    group = next(group for group in table.groups if group.name == "photcal")
    facts = {entry.utype: entry.value for entry in group.entries if hasattr(entry, "value")}
    assert facts["photDM:PhotCal.magnitudeSystem.type"] == "Vega"
    assert facts["photDM:PhotCal.zeroPoint.flux.value"] == 3636.0
    assert {entry.ref for entry in group.entries if not hasattr(entry, "value")} == {"magnitude", "error"}
    assert (fields["magnitude"].unit, fields["magnitude"].ucd) == ("mag", "phot.mag;em.opt.V")
    assert "saturated" in fields["problems"].description
    rows = table.to_table()
    np.testing.assert_array_equal(rows["time"], 54544.0 + np.arange(4) * 0.5)
    np.testing.assert_allclose(rows["magnitude"].filled(np.nan), np.float32([11.5, 11.6, np.nan, 11.4]))
    assert list(rows["problems"]) == [0, 1, 6, 0]
    assert f"&lt;{product_id}&gt; &amp; more" in text


def test_every_band_of_a_light_curve_is_a_table(client):
    parsed, _ = document(client, "two_bands")
    bands = [{p.name: p.value for p in table.params} for table in parsed.iter_tables()]
    assert [(band["energy_min"], band["energy_max"]) for band in bands] == [(20.0, 40.0), (40.0, 100.0)]
    assert all(band["em_min"] < band["em_max"] for band in bands)
    assert bands[0]["em_max"] == pytest.approx(6.19920992e-11)


def test_a_spectrum_is_in_the_spectrum_data_model(client):
    parsed, text = document(client, "smc_spectrum")
    assert 'utype="spec:Spectrum"' in text
    table = parsed.get_first_table()
    columns = {field.utype: table.to_table()[field.name] for field in table.fields}
    low, high = (columns[f"spec:Data.SpectralAxis.Accuracy.Bin{end}"] for end in ("Low", "High"))
    np.testing.assert_allclose(columns["spec:Data.SpectralAxis.Value"], [25, 35, 45, 55])
    np.testing.assert_allclose(columns["spec:Data.FluxAxis.Value"] * (high - low), np.linspace(4, 1, 4))
    np.testing.assert_allclose(columns["spec:Data.FluxAxis.Accuracy.StatError"] * (high - low), 0.1, rtol=1e-6)
    facts = {param.utype: param.value for param in table.params if param.utype}
    assert facts["spec:Dataset.DataModel"] == "Spectrum-1.2"
    assert facts["spec:Curation.PublisherDID"] == "ivo://archipelago.invalid/integral?smc_spectrum"
    assert facts["spec:Char.SpectralAxis.Coverage.Bounds.Start"] == pytest.approx(1.239841984e-9 / 60)


@pytest.mark.parametrize(
    ("product_id", "status", "words"),
    [("nope<>", 404, "no product"), ("mosaic.28", 400, "of the kind mosaic")],
)
def test_what_has_no_votable_says_so_in_one(client, product_id, status, words):
    response = client.get(f"/votable/{product_id}")
    assert response.status_code == status
    assert b'<INFO name="QUERY_STATUS" value="ERROR">' in response.content
    assert words in response.content.decode()


def test_a_document_is_sent_again_only_if_it_changed(client):
    etag = client.get("/votable/omc")["ETag"]
    assert client.get("/votable/omc", headers={"If-None-Match": etag}).status_code == 304


def test_stilts_finds_nothing_wrong(client, tmp_path):
    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    for product_id in ("omc", "two_bands", "smc_spectrum"):
        path = tmp_path / f"{product_id}.vot"
        path.write_bytes(client.get(f"/votable/{product_id}").getvalue())
        run = subprocess.run([stilts, "votlint", f"votable={path}"], capture_output=True, text=True, check=False)
        assert not run.stdout.strip(), run.stdout
