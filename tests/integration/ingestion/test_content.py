"""What comes out of the archive after ingestion: counts, known answers, idempotence."""

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings, tmp_path_factory):
    settings.FILES_ROOT = tmp_path_factory.mktemp("files")
    settings.MAPS_ROOT = tmp_path_factory.mktemp("maps")
    settings.DATA_ROOT = tmp_path_factory.mktemp("data")


@pytest.mark.slow
@pytest.mark.shared
def test_shared_folder(shared_data, capsys):
    from archive import models
    from archive.selectors import current_rows, resolve_name
    from ingestion.services import run_ingestion

    report = run_ingestion(shared_data)
    assert report.state == "published"
    by_file = {dataset.path: dataset.rows for dataset in report.datasets}
    assert by_file["observations/observations.dat"] == {"observations": 4168}
    assert by_file["observations/derived/scw_with_times.csv"] == {"science_windows": 10625}
    assert by_file["observations/heasarc_intscwpub_jupiter_subset_no_pi.csv"] == {"science_windows": 915}
    assert by_file["catalogues/derived/isdc_grc43_union.csv"] == {"isdc_reference_catalogue": 947}
    assert by_file["catalogues/ra_dec_name_gnrl_refr_cat_0040.txt"] == {"isdc_reference_catalogue": 2086}
    assert by_file["catalogues/jmx_cat_0043.fits.gz"]["jemx_catalogue"] == 233
    assert by_file["catalogues/spi_cat_0043.fits.gz"]["spi_catalogue"] == 277
    assert by_file["catalogues/derived/ibas_grb_gcn_2014_2019.csv"] == {"spi_grb_catalogue": 31}
    assert by_file["spacecraft_radiation/derived/revolutions_iremTC3.csv"] == {"revolutions": 2130}
    assert len(report.aside) + len(report.datasets) == sum(path.is_file() for path in shared_data.rglob("*")) + 1, (
        "one smoothed image is read and left aside"
    )

    reference = current_rows(models.ReferenceCatalogueEntry)
    assert {version: reference.filter(catalogue_version=version).count() for version in ("40", "42", "43")} == {
        "40": 2086,
        "42": 721,
        "43": 947,
    }
    assert current_rows(models.ScienceWindow).count() == 10625, "HEASARC's rows are the same windows"
    window = current_rows(models.ScienceWindow).get(scw_id="026700060010")
    assert (window.obs_id, window.good_isgri_s, window.good_jemx2_s, window.size_bytes) == (
        "02201460001",
        1943.0,
        0.0,
        75165696,
    )
    assert current_rows(models.ScienceWindow).filter(ra=None).count() == 10625 - 2238, (
        "unknown pointings are null, not 0"
    )

    crab = resolve_name("crab")
    assert crab.source_id == "J053432.0+220052"
    entry = reference.get(catalogue_version="43", source_id=crab.source_id)
    assert entry.isgri_20_60_cps == pytest.approx(230.92, abs=0.005)
    assert entry.spectral_parameters, "filled in from the FITS extracts"
    assert resolve_name("Ginga 2023+338").name == "V404 Cyg"

    products = current_rows(models.Product)
    files = current_rows(models.ProductFile)
    mosaic = products.get(product_id="isgri_0727_88601650001_28_40_mosaic")
    assert sorted(files.filter(product_id=mosaic.product_id).values_list("role", flat=True)) == [
        "region",
        "science",
        "smoothed",
    ]
    spectrum = products.get(product_id="smc_x-1_isgri_0745_06340000001_spectrum")
    assert spectrum.source_id == resolve_name("SMC X-1").source_id
    assert sorted(files.filter(product_id=spectrum.product_id).values_list("role", flat=True)) == [
        "arf",
        "rmf",
        "science",
    ]
    assert products.filter(source_id=resolve_name("1A 1742-289").source_id, kind="long_timeseries").count() == 2

    again = run_ingestion(shared_data)
    assert (again.state, again.release) == ("unchanged", "")
    assert models.Release.objects.count() == 1


def test_crab_is_read_back_from_the_store(shared_data):
    from archive import models
    from archive.formats import read_image
    from archive.selectors import current_rows
    from archive.storage import file_path
    from ingestion.services import run_ingestion

    run_ingestion(shared_data / "products/isla")
    stored = current_rows(models.ProductFile).get(role="science", product_id="isgri_0727_88601650001_28_40_mosaic")
    (image,) = read_image(file_path(stored.sha256))
    values = image.value_at(83.6331, 22.0145)
    assert float(values["intensity"]) == pytest.approx(69.76, abs=0.005)
    assert float(values["significance"]) == pytest.approx(1280.8, abs=0.05)


def test_products_of_the_astroquery_package(capsys, tmp_path):
    from archive import models
    from archive.selectors import current_rows

    call_command("demo_products")
    assert "Published as release" in capsys.readouterr().out
    assert current_rows(models.Product).count() == 4
    assert current_rows(models.ProductFile).count() == 8
    call_command("demo_products")
    assert "Nothing new" in capsys.readouterr().out
    call_command("demo_products", str(tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) == 9


@pytest.fixture(scope="module")
def mission(tmp_path_factory):
    from ingestion.simulation import SimulationOptions, write_mission

    directory = tmp_path_factory.mktemp("simulation") / "mission"
    write_mission(directory, SimulationOptions(science_windows=1000, order=5, products=3), str)
    return directory


@pytest.mark.slow
def test_simulated_mission(mission, capsys):
    from archive import models
    from archive.selectors import current_map_version, current_rows, resolve_name

    call_command("ingest", str(mission))
    out = capsys.readouterr().out
    assert out.count("Published as release") == 4
    assert "Left aside beside the deliveries: simulation.json." in out
    assert current_rows(models.ScienceWindow).count() == 1000
    assert not current_rows(models.ScienceWindow).filter(simulated=False).exists()
    assert len(current_map_version().maps) == 18
    crab = resolve_name("Crab")
    assert current_rows(models.Product).filter(source_id=crab.source_id).exists()
    call_command("ingest", str(mission))
    out = capsys.readouterr().out
    assert out.count("Nothing new") == 4, out


@pytest.mark.slow
def test_real_rows_win_over_simulated_ones(mission, shared_data):
    from archive import models
    from archive.selectors import current_rows, resolve_name
    from ingestion.services import run_ingestion

    run_ingestion(mission / "catalogues")
    assert resolve_name("Crab").simulated
    run_ingestion(shared_data / "catalogues")
    crab = resolve_name("Crab")
    assert (crab.source_id, crab.simulated) == ("J053432.0+220052", False)
    run_ingestion(mission / "mission")
    assert not resolve_name("Crab").simulated
    assert current_rows(models.ReferenceCatalogueEntry).filter(simulated=True, source_id=crab.source_id).count() == 1
