import pytest

from ingestion.discover import discover
from ingestion.products import PartFile, assemble_products
from ingestion.read import read_files
from tests.support.fits_files import arf_hdu, mosaic_hdus, rmf_hdus, series_hdu, spectrum_hdu, write

REGION = "global color=green\nfk5;circle(83.63, 22.01, 240')  # text={Crab}\n"


def assemble(path, known=None):
    read = list(read_files([file for file in discover(path).files if file.profile], str))
    assert not [str(finding) for file in read for finding in file.findings if finding.severity == "error"]
    parts = [PartFile(file.file.name, file.file.sha256, file.file.size_bytes, file.part) for file in read if file.part]
    return assemble_products(parts, lambda subject: (known or {}).get(subject.name, ""))


def rules(assembly):
    return [finding.rule for finding in assembly.findings]


def roles(assembly):
    return sorted((file.role, file.file_name) for file in assembly.files)


def test_a_spectrum_takes_the_responses_it_names(tmp_path):
    write(tmp_path / "spec.fits", spectrum_hdu())
    write(tmp_path / "rmf.fits.gz", *rmf_hdus())
    write(tmp_path / "arf.fits", arf_hdu())
    found = assemble(tmp_path, {"Crab": "J053432.0+220052"})
    assert roles(found) == [("arf", "arf.fits"), ("rmf", "rmf.fits.gz"), ("science", "spec.fits")]
    (product,) = found.products
    assert (product.kind, product.source_id, product.energy_min_kev, product.energy_max_kev) == (
        "spectrum",
        "J053432.0+220052",
        20.0,
        60.0,
    )
    assert rules(found) == []


def test_a_named_response_that_is_absent_is_an_error(tmp_path):
    write(tmp_path / "spec.fits", spectrum_hdu())
    assert rules(assemble(tmp_path)).count("RESPONSE-ABSENT") == 2


def test_responses_by_name_when_the_header_says_none(tmp_path):
    write(tmp_path / "x_spec.fits", spectrum_hdu(RESPFILE="NONE", ANCRFILE="NONE"))
    write(tmp_path / "x_rmf.fits", *rmf_hdus())
    write(tmp_path / "x_arf.fits", arf_hdu())
    found = assemble(tmp_path)
    assert len(found.files) == 3
    assert rules(found).count("RESPONSE-BY-NAME") == 2


def test_responses_that_do_not_fit_are_errors(tmp_path):
    write(tmp_path / "spec.fits", spectrum_hdu())
    write(tmp_path / "rmf.fits", *rmf_hdus(channels=6))
    write(tmp_path / "arf.fits", arf_hdu())
    assert "CHANNELS" in rules(assemble(tmp_path))
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "spec.fits", spectrum_hdu())
    write(tmp_path / "other" / "rmf.fits", *rmf_hdus())
    write(tmp_path / "other" / "arf.fits", arf_hdu(rows=5))
    assert "ENERGY-GRID" in rules(assemble(tmp_path / "other"))


def test_a_mosaic_takes_its_smoothed_image_and_regions(tmp_path):
    name = "ISGRI_0727_88601650001_20_40_mosaic"
    write(tmp_path / f"{name}_original.fits.gz", *mosaic_hdus())
    smooth = mosaic_hdus()[0]
    for keyword in ("IMATYPE", "E_MIN", "E_MAX", "INSTRUME", "DETNAM", "BUNIT"):
        del smooth.header[keyword]
    from astropy.io import fits

    fits.PrimaryHDU(smooth.data, smooth.header).writeto(tmp_path / f"{name}_smooth.fits.gz")
    (tmp_path / f"{name}_sources.reg").write_text(REGION)
    found = assemble(tmp_path)
    (product,) = found.products
    assert [role for role, _ in roles(found)] == ["region", "science", "smoothed"]
    assert (product.epoch, product.obs_id, product.revolution, product.band) == (
        "0727_88601650001",
        "88601650001",
        727,
        "20_40",
    )
    assert product.product_id == "isgri_0727_88601650001_20_40_mosaic"
    assert product.footprint.startswith("POLYGON ICRS ")
    assert product.field_of_view_deg == pytest.approx(2 * 1.05 * 2**0.5, rel=1e-2)
    assert found.aside == ()


def test_companions_without_a_main_file_are_left_aside(tmp_path):
    (tmp_path / "lonely.reg").write_text(REGION)
    write(tmp_path / "arf.fits", arf_hdu())
    assert assemble(tmp_path).aside == ("arf.fits", "lonely.reg")


def test_series_kinds_and_names(tmp_path):
    write(tmp_path / "a.fits", series_hdu())
    write(tmp_path / "b.fits", series_hdu(TSTART=3000.0, TSTOP=4000.0))
    write(tmp_path / "008200200010.001.fits", series_hdu("ISGR-SRC.-LCR", SWID="008200200010", REVOL=82))
    found = {product.product_id: product.kind for product in assemble(tmp_path).products}
    assert found == {
        "a": "short_timeseries",
        "b": "long_timeseries",
        "crab_isgri_20_40_008200200010.001": "light_curve",
    }


def test_one_id_for_two_files_is_an_error(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.fits", series_hdu())
    assert "PRODUCT-DUPLICATE" in rules(assemble(tmp_path))


def test_simulated_products_say_so_in_their_title(tmp_path):
    write(tmp_path / "a.fits", series_hdu(SIMULATD=True))
    (product,) = assemble(tmp_path).products
    assert product.title.startswith("Simulated: ")


def test_a_product_without_instrument_is_an_error(tmp_path):
    write(tmp_path / "a.fits", series_hdu(INSTRUME="WFC", DETNAM=""))
    assert "INSTRUMENT" in rules(assemble(tmp_path))


def test_isla_products(shared_data):
    found = assemble(shared_data / "products/isla", {"SMC X-1": "J011705.1-732636"})
    assert [(product.kind, product.product_id) for product in found.products] == [
        ("long_timeseries", "1a_1742-289_jemx1_allmission_timeseries"),
        ("long_timeseries", "1a_1742-289_jemx2_allmission_timeseries"),
        ("mosaic", "isgri_0727_88601650001_28_40_mosaic"),
        ("spectrum", "smc_x-1_isgri_0745_06340000001_spectrum"),
    ]
    assert len(found.files) == 8
    assert found.aside == ()
    spectrum = found.products[3]
    assert (spectrum.source_id, spectrum.epoch, spectrum.obs_id, spectrum.revolution) == (
        "J011705.1-732636",
        "0745_06340000001",
        "06340000001",
        745,
    )
