"""The history of epochs: built from released mosaics, asked over HTTP."""

import csv
import html
import io
import json
import math
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table
from django.core.management import call_command

from archive.errors import StorageError, UnavailableError
from archive.models import Delivery, Product, ProductFile
from archive.services import open_publication
from archive.storage import store_file
from ingestion.services import run_ingestion
from tests.support import fits_files
from tests.support.sky_images import write_image
from upper_limits import epoch_services
from upper_limits.flux import PowerLaw, energy_flux, photon_flux
from upper_limits.jobs import build_epochs
from upper_limits.statistics import bayesian_upper_limit

pytestmark = pytest.mark.django_db

URL = "/api/v1/upper-limits"
CRAB = (83.633, 22.0145)
FLUXES = {53000.0: 50.0, 53100.0: 50.5, 53200.0: 80.0}
QUIET = {"ra": 84.5, "dec": 20.5}


def publish_mosaics(folder, fluxes, delivery="mosaics"):
    """Publish one mosaic for each epoch, named by its start, as the ingestion does."""
    products, files = [], []
    for number, (start, flux) in enumerate(fluxes.items()):
        path = folder / f"isgri_{start:.0f}.fits"
        write_image(
            path, source=CRAB, center=(83.0 + 0.3 * number, 21.5), flux=flux, start_mjd=start, noise=1.2,
            angle=10.0 * number,
        )  # fmt: skip
        stored = store_file(path)
        products.append(
            {"product_id": path.stem, "kind": "mosaic", "title": path.stem, "instrument": "isgri",
             "epoch": f"{number:04d}_{start:.0f}"}
        )  # fmt: skip
        files.append(
            {"product_id": path.stem, "role": "science", "file_name": path.name, "media_type": "application/fits",
             "sha256": stored.sha256, "size_bytes": stored.size_bytes}
        )  # fmt: skip
    row = Delivery(
        delivery_id=delivery, title="mosaics", team="test", digest_sha256=f"{len(fluxes):064d}", simulated=True,
        received_at=datetime.now(UTC),
    )  # fmt: skip
    with open_publication(delivery=row, description="test") as publication:
        publication.merge(Product, products)
        publication.merge(ProductFile, files)


@pytest.fixture
def archive(limits, roots, tmp_path):
    roots.FILES_ROOT = tmp_path / "files"
    (tmp_path / "images").mkdir()
    publish_mosaics(tmp_path / "images", FLUXES)
    return tmp_path


@pytest.fixture
def history(archive):
    return epoch_services.build_current_history()


def ask(client, **parameters):
    response = client.get(URL, parameters)
    return response, json.loads(response.getvalue() if response.streaming else response.content)


def test_every_epoch_is_listed_with_what_it_was_computed_from(client, history):
    response, answer = ask(client, name="Crab", history=1, confidence=0.95)
    assert response.status_code == 200
    assert response["X-Map-Version"] == answer["history_version"] == history.name
    assert [row["tstart_mjd_tt"] for row in answer["results"]] == list(FLUXES)
    for row, flux in zip(answer["results"], FLUXES.values(), strict=True):
        error = math.sqrt(row["variance"]) * row["noise_factor"] * row["k_sys"]
        assert row["flux_error"] == pytest.approx(error)
        assert row["flux"] == pytest.approx(flux, abs=5 * error + 0.02 * flux)
        assert row["upper_limit"] == pytest.approx(float(bayesian_upper_limit(row["flux"], error, confidence=0.95)))
        assert (row["status"], row["unit"], row["simulated"]) == ("detection", "ct/s", True)
        assert row["exposure_s"] > 0
        assert (row["crab_epoch"], row["crab_rate"]) == (row["epoch"], pytest.approx(row["flux"], rel=1e-3))
        assert row["upper_limit_mcrab"] == pytest.approx(1000 * row["upper_limit"] / row["crab_rate"])
        assert row["upper_limit_erg"] > 0
    assert "crab_rate" in answer["formula"]["mcrab"]
    (mean,) = answer["combined"]
    weights = [1 / row["flux_error"] ** 2 for row in answer["results"]]
    fluxes = [row["flux"] for row in answer["results"]]
    assert mean["flux"] == pytest.approx(np.average(fluxes, weights=weights))
    assert mean["flux_error"] == pytest.approx(sum(weights) ** -0.5)
    assert mean["chi2"] == pytest.approx(sum((f - mean["flux"]) ** 2 * w for f, w in zip(fluxes, weights, strict=True)))
    assert (mean["epoch_count"], mean["dof"]) == (3, 2)
    assert mean["constancy_probability"] < 1e-6


def test_times_choose_the_epochs_that_lie_wholly_between_them(client, history):
    _, answer = ask(client, **QUIET, t_min=53050)
    (row,) = answer["results"]
    assert "combined" not in answer
    assert (row["epoch_count"], row["status"]) == (2, "limit")
    assert (row["tstart_mjd_tt"], row["tstop_mjd_tt"]) == (53100.0, 53202.0)
    assert row["constancy_probability"] > 1e-4
    _, one = ask(client, **QUIET, t_min="2004-04-01", t_max="2004-05-01T00:00:00")
    assert one["results"][0]["epoch_count"] == 1
    assert one["results"][0]["upper_limit"] > row["upper_limit"] / 2
    _, none = ask(client, **QUIET, t_min=53001, t_max=53090)
    (nothing,) = none["results"]
    assert nothing["status"] == "outside coverage"
    assert nothing["message"] == ("no epoch lies wholly within these times; 3 saw the position, 1 overlap them")
    assert nothing["flux"] is None


def test_a_list_of_places_keeps_its_order_in_every_format(client, history):
    body = {"positions": [[200.0, -40.0], [91.0, 99.0], list(CRAB)], "history": 1}
    answer = json.loads(client.post(URL, body, content_type="application/json").getvalue())
    assert [row["status"] for row in answer["results"]] == ["outside coverage", "bad position", *["detection"] * 3]
    assert [row["index"] for row in answer["results"]] == [0, 1, 2, 2, 2]
    rows = list(
        csv.DictReader(
            io.StringIO(client.post(f"{URL}?format=csv", body, content_type="application/json").getvalue().decode())
        )
    )
    assert [float(row["flux"]) for row in rows[2:]] == [row["flux"] for row in answer["results"][2:]]
    votable = client.post(f"{URL}?format=votable", body, content_type="application/json").getvalue()
    table = parse_single_table(io.BytesIO(votable)).to_table()
    assert list(table["epoch"]) == ["", "", "0000_53000", "0001_53100", "0002_53200"]


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"t_min": "53100", "t_max": "53000"}, 400, "t_min, MJD 53100.00000, is not before t_max"),
        ({"t_min": "yesterday"}, 400, "expected an MJD (TT) or a UTC date"),
        ({"t_max": "5"}, 400, "between 30000 and 100000"),
        ({"t_max": "nan"}, 400, "between 30000 and 100000"),
        ({"history": "maybe"}, 400, "history is 'maybe'"),
        ({"history": "1", "band": "1-2"}, 400, "there are 20-40 keV"),
        ({"history": "1", "version": "h-none"}, 404, "no version 'h-none'"),
    ],
)
def test_bad_requests_are_told_in_a_sentence(client, history, parameters, status, words):
    response, answer = ask(client, **QUIET, **parameters)
    assert response.status_code == status
    assert words in json.dumps(answer)


def test_too_many_places_for_epochs_are_refused(client, history):
    body = {"positions": [[1.0, 2.0]] * 1001, "history": 1}
    response = client.post(URL, body, content_type="application/json")
    assert response.status_code == 413
    assert b"at most 1000" in response.content


def test_without_a_history_the_answer_says_so(client, limits):
    response, answer = ask(client, **QUIET, history=1)
    assert response.status_code == 503
    assert "history of epochs is not built" in json.dumps(answer)
    with pytest.raises(UnavailableError, match="no image to build a history"):
        epoch_services.build_current_history()


def test_a_build_goes_on_where_it_was_and_leaves_out_what_it_cannot_use(client, archive, monkeypatch):
    made = []
    resample = epoch_services.resample_image

    def stop_after_two(mosaic, order):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(mosaic)
        return resample(mosaic, order)

    monkeypatch.setattr(epoch_services, "resample_image", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        epoch_services.build_current_history()
    made.clear()
    result = build_epochs()  # as the job does
    assert (len(made), result["epoch_count"], result["notes"]) == (1, 3, [])
    made.clear()
    monkeypatch.setattr(epoch_services, "resample_image", resample)
    # one whose file is gone
    lost = ProductFile.objects.get(file_name="isgri_53100.fits")
    path = epoch_services.file_path(lost.sha256)
    path.chmod(0o644)
    path.unlink()
    for epoch in (epoch_services.history_root() / "epochs" / "isgri").glob("0001*"):
        for file in epoch.iterdir():
            file.unlink()
        epoch.rmdir()
    result = build_epochs()
    assert result["epoch_count"] == 2
    assert result["notes"][0].startswith("epoch 0001_53100 of isgri left out")
    _, answer = ask(client, name="Crab", history=1)
    assert any("left out" in notice for notice in answer["notices"])


def test_an_older_history_is_served_with_a_word_about_it(client, history, tmp_path):
    (tmp_path / "later").mkdir()
    publish_mosaics(tmp_path / "later", {53400.0: 50.0}, "later")
    _, answer = ask(client, name="Crab", history=1)
    assert any("the history of epochs holds the images of release" in notice for notice in answer["notices"])


def test_a_damaged_history_is_refused_and_the_previous_one_served(client, history, tmp_path):
    (tmp_path / "later").mkdir()
    publish_mosaics(tmp_path / "later", {53400.0: 50.0}, "later")
    newer = epoch_services.build_current_history()
    assert newer.name != history.name
    for name, words in ((newer.name, f"from version {history.name}"), (history.name, "")):
        records = next((epoch_services.history_root() / name).glob("records-*"))
        content = records.read_bytes()
        records.unlink()  # the other version may share it
        records.write_bytes(content[:-8])
        epoch_services._opened.clear()
        response, answer = ask(client, name="Crab", history=1)
        if words:
            assert response.status_code == 200
            assert len(answer["results"]) == 3
            assert any(words in notice and "damaged" in notice for notice in answer["notices"])
        else:
            assert response.status_code == 503
            assert "is damaged" in json.dumps(answer)


def test_the_command_builds_lists_and_verifies(archive):
    out = io.StringIO()
    call_command("upper-limits", "history", stdout=out)
    assert "is ready: 3 epochs" in out.getvalue()
    name = epoch_services.find_history()[0].name
    out = io.StringIO()
    call_command("upper-limits", "list", stdout=out)
    assert name in out.getvalue()
    records = epoch_services.history_root() / name / "records-0-0.npy"
    records.write_bytes(records.read_bytes()[:-8])
    with pytest.raises(StorageError, match="1 versions of the store are damaged"):
        call_command("upper-limits", "verify", stdout=io.StringIO())


def test_the_page_plots_the_epochs_and_links_their_numbers(client, history):
    text = html.unescape(client.get("/upper-limits/", {"position": "Crab"}).content.decode())
    assert "Epoch by epoch" in text
    assert text.count("epoch 000") == 3
    assert ", simulated</title>" in text
    assert "3 epochs: mean" in text
    assert ">mCrab</text>" in text
    link = re.search(r'href="([^"]*history=1[^"]*)">JSON', text)[1]
    answer = json.loads(client.get(link).getvalue())
    assert len(answer["results"]) == 3
    quiet = client.get("/upper-limits/", {"position": "84.5 20.5"}).content.decode()
    assert 'class="limit"' in quiet


def test_the_page_has_no_epochs_where_there_is_no_history(client, limits):
    assert "Epoch by epoch" not in client.get("/upper-limits/", {"position": "Crab"}).content.decode()


def test_the_page_has_no_epochs_in_a_band_without_them(client, history):
    page = client.get("/upper-limits/", {"position": "Crab", "band": "40-100"})
    assert page.status_code == 200
    assert "Epoch by epoch" not in page.content.decode()


@pytest.mark.parametrize("parameters", [{"history": 1}, {"t_min": 53050}], ids=["every epoch", "mean"])
def test_epochs_come_as_parquet_too(client, history, parameters):
    expected = ask(client, **QUIET, **parameters)[1]["results"]
    content = client.get(URL, {**QUIET, **parameters, "format": "parquet"}).getvalue()
    got = pq.read_table(io.BytesIO(content)).to_pylist()
    assert [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in got
    ] == expected


def publish_spectrum(folder, instrument="isgri", roles=("science", "arf", "rmf")):
    """Publish a spectrum with the response of `tests.support.fits_files`: 10 cm2, each row half into two channels."""
    content = {"science": [fits_files.arf_hdu()], "arf": [fits_files.arf_hdu()], "rmf": fits_files.rmf_hdus()}
    files = []
    for role in roles:
        path = folder / f"{instrument}_{role}.fits"
        fits_files.write(path, *content[role])
        stored = store_file(path)
        files.append(
            {"product_id": f"spectrum-{instrument}", "role": role, "file_name": path.name,
             "media_type": "application/fits", "sha256": stored.sha256, "size_bytes": stored.size_bytes}
        )  # fmt: skip
    row = Delivery(
        delivery_id=f"spectrum-{instrument}", title="spectrum", team="test", digest_sha256=f"{len(instrument):064d}",
        simulated=True, received_at=datetime.now(UTC),
    )  # fmt: skip
    with open_publication(delivery=row, description="test") as publication:
        product = {"product_id": f"spectrum-{instrument}", "kind": "spectrum", "title": "x", "instrument": instrument}
        publication.merge(Product, [product])
        publication.merge(ProductFile, files)


def test_a_response_of_the_archive_says_what_a_count_is_worth(client, history, tmp_path):
    for instrument, roles in (
        ("isgri", ("science", "arf", "rmf")),
        ("jemx1", ("science", "arf", "rmf")),
        ("spi", ("science",)),
    ):
        publish_spectrum(tmp_path, instrument, roles)
    _, answer = ask(client, **QUIET, history=1, response="spectrum-isgri", index=1.7)
    assert "results" in answer, answer
    first, second = (photon_flux(PowerLaw(2.1), low, low + 10) for low in (20.0, 30.0))
    crab = 10.0 * 10.0 * (first + 0.5 * second)
    erg = energy_flux(PowerLaw(1.7), 20, 40) / (
        10.0 * (photon_flux(PowerLaw(1.7), 20, 30) + 0.5 * photon_flux(PowerLaw(1.7), 30, 40))
    )
    for row in answer["results"]:
        assert row["crab_rate"] == pytest.approx(crab, rel=1e-6)
        assert row["crab_epoch"] == "spectrum-isgri"
        assert row["upper_limit_mcrab"] == pytest.approx(1000 * row["upper_limit"] / crab, rel=1e-6)
        assert row["upper_limit_erg"] == pytest.approx(row["upper_limit"] * erg, rel=1e-6)
    assert answer["response"] == "spectrum-isgri"
    _, answer = ask(client, **QUIET, t_min=53050, response="spectrum-isgri")
    assert answer["results"][0]["crab_rate"] == pytest.approx(crab, rel=1e-6)
    for parameters, status, words in (
        ({"history": 1, "response": "nothing"}, 404, "there is no product 'nothing'"),
        ({"history": 1, "response": "spectrum-spi"}, 400, "has no RMF"),
        ({"history": 1, "response": "spectrum-jemx1"}, 400, "is for jemx1, not isgri"),
        ({"response": "spectrum-isgri"}, 400, "ask with history=1"),
    ):
        response, answer = ask(client, **QUIET, **parameters)
        assert response.status_code == status
        assert words in json.dumps(answer)


def test_the_real_crab_mosaic_of_isla_becomes_an_epoch(client, limits, roots, tmp_path):
    shared = Path(os.environ.get("ARCHIPELAGO_SHARED", Path(__file__).parents[4] / "shared"))
    path = shared / "data" / "products" / "isla" / "ISGRI_0727_88601650001_28_40_mosaic_original.fits.gz"
    if not path.is_file():
        pytest.skip("the real mosaics are not on this machine; set ARCHIPELAGO_SHARED")
    roots.FILES_ROOT = tmp_path / "files"
    content = tmp_path / "content"
    content.mkdir()
    (content / path.name).write_bytes(path.read_bytes())
    report = run_ingestion(content)
    assert not report.is_error
    store = epoch_services.build_current_history()
    assert [epoch.name for epoch in store.histories[0].epochs] == ["0727_88601650001"]
    _, answer = ask(client, name="Crab", history=1, threshold=5)
    (row,) = answer["results"]
    # the brightest pixel of the mosaic has 69.76 ct/s and 1280.8 sigma (statistical); the peak lies beside its centre
    assert row["flux"] == pytest.approx(71.5, rel=0.03)
    assert row["flux"] / math.sqrt(row["variance"]) == pytest.approx(1310, rel=0.03)
    assert row["exposure_s"] == pytest.approx(51.3e3, rel=0.01)
    assert row["k_sys"] == pytest.approx(1.26, abs=0.02)
    assert (row["status"], row["simulated"], row["unit"]) == ("detection", False, "ct/s")
