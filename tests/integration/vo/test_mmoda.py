"""The unmodified `oda_api` against a live server, and what it cannot ask: bad requests, hostile names."""

import json
import time
import warnings

import numpy as np
import pytest
from astropy.io import fits

from tests.support import fits_files, isla_archive
from tests.support.archive_rows import deliver

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("vo.urls"),
    # What the client and its libraries warn of is not ours.
    pytest.mark.filterwarnings("default"),
]

BINS = 10_000
NULL_NAME = "Anullus X-1"
TIMES = {"T1": "2008-03-01T00:00:00", "T2": "2040-01-01T00:00:00", "T_format": "isot"}


def store(product_id, hdus, directory, **facts):
    """Publish a product of one file."""
    from archive import models
    from archive.storage import store_file

    stored = store_file(fits_files.write(directory / f"{product_id}.fits", *hdus))
    deliver(f"d_{product_id}", models.Product, [{"product_id": product_id, "title": product_id, **facts}])
    file = {"product_id": product_id, "role": "science", "file_name": f"{product_id}.fits"}
    file |= {"media_type": "application/fits", "sha256": stored.sha256, "size_bytes": stored.size_bytes}
    deliver(f"f_{product_id}", models.ProductFile, [file])


def crab(**more):
    return {"source_id": isla_archive.CRAB[0], "target_name": "Crab", "ra": 83.633, "dec": 22.014, **more}


@pytest.fixture
def archive(tmp_path, settings, transactional_db, live_server):
    from archive import models
    from archive.identifiers import normalize_name

    settings.PUBLIC_URL = live_server.url
    settings.FILES_ROOT = tmp_path / "files"
    isla_archive.fill(tmp_path)
    deliver("nul", models.Source, [{"source_id": "J000000.1+000000", "name": NULL_NAME, "ra": 0.1, "dec": 0.0}])
    names = {"name": NULL_NAME, "normalized_name": normalize_name(NULL_NAME), "is_main": True}
    deliver("nulname", models.SourceName, [{"source_id": "J000000.1+000000", **names}])
    band = {"energy_min_kev": 20.0, "energy_max_kev": 40.0, "band": "20_40"}
    long = {"kind": "long_timeseries", "tstart_mjd_tt": 54544.0, "tstop_mjd_tt": 54544.0 + BINS / 2}
    series = fits_files.series_hdu(rows=BINS)
    series.data["RATE"][7] = np.nan
    store("crab-lc", [series], tmp_path, instrument="isgri", **long, **band, **crab())
    store("null-lc", [fits_files.series_hdu(rows=5)], tmp_path, instrument="isgri", **long, **band,
          source_id="J000000.1+000000", target_name=NULL_NAME)  # fmt: skip
    acs = fits_files.series_hdu(rows=20, INSTRUME="SPI", DETNAM="ACS", E_MIN=75.0, E_MAX=2000.0)
    store("acs", [acs], tmp_path, kind="light_curve", instrument="spi_acs", tstart_mjd_tt=54544.0, tstop_mjd_tt=54554.0)
    mag = fits_files.table(
        "OMC.-SRC.-LCR",
        {"TIME": ("D", "d", 3000.0 + np.arange(4)), "MAG_V": ("E", "mag", [9.0, 9.1, 9.2, 9.3]),
         "ERRMAG_V": ("E", "mag", [0.1] * 4)},
        **fits_files.IJD_KEYWORDS, INSTRUME="OMC", TSTART=3000.0, TSTOP=3004.0,
    )  # fmt: skip
    store("omc", [mag], tmp_path, kind="light_curve", instrument="omc", **crab())
    store("irem", [fits_files.series_hdu(rows=6, INSTRUME="IREM")], tmp_path, kind="light_curve", instrument="irem")
    header = {"CRVAL1": 83.633, "CRVAL2": 22.014}
    planes = fits_files.mosaic_hdus(header=header)
    store("crab-mosaic", planes, tmp_path, kind="mosaic", instrument="isgri", exposure_s=9e4, field_of_view_deg=3.0, **band,
          ra=83.633, dec=22.014)  # fmt: skip
    store("jemx-mosaic", planes, tmp_path, kind="mosaic", instrument="jemx1", exposure_s=1.0, field_of_view_deg=3.0,
          energy_min_kev=3.0, energy_max_kev=20.0, ra=83.633, dec=22.014)  # fmt: skip


@pytest.fixture
def client_of(archive, live_server, monkeypatch, tmp_path):
    """The real client, kept in its own directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oda_api.api import DispatcherAPI
    return DispatcherAPI(url=f"{live_server.url}/mmoda", instrument="mock")


def test_instruments_and_descriptions(client_of):
    assert client_of.get_instruments_list() == ["isgri", "jemx", "spi_acs", "omc", "irem"]
    (described,) = client_of.get_instrument_description("isgri")
    assert described[0] == {"instrumet": "isgri"}
    assert set(described[1]["prod_dict"]) == {"isgri_image", "isgri_lc", "isgri_spectrum", "isgri_ul"}
    (described,) = client_of.get_product_description("isgri", "isgri_lc")
    assert [block[0]["query_name"] for block in described[2:]] == ["src_query", "isgri_parameters", "isgri_lc_query"]
    band = next(one for one in described[3] if one.get("name") == "E1_keV")
    assert (band["value"], band["units"], band["restrictions"]["min_value"]) == (20.0, "keV", 15.0)


def test_a_light_curve_of_ten_thousand_bins_plots_and_writes_fits(client_of, tmp_path):
    from oda_api.plot_tools import OdaLightCurve

    ask = {"product": "isgri_lc", "instrument": "isgri", "src_name": "crab nebula", "E1_keV": 20, "E2_keV": 40, **TIMES}
    found = client_of.get_product(**ask)
    began = time.perf_counter()
    client_of.get_product(**ask)
    taken = time.perf_counter() - began
    print(f"light curve of {BINS} bins by oda_api: {taken * 1000:.0f} ms")
    assert taken < 3.0  # a loose ceiling: the figure is in docs/performance.md
    curve = found.isgri_lc_0_Crab
    assert curve.meta_data["src_name"] == "Crab"
    unit = curve.data_unit[1]
    assert len(unit.data) == BINS
    assert np.isnan(unit.data["RATE"][7])
    assert unit.data["TIME"][0] == pytest.approx(3000.0)
    assert (unit.header["MJDREF"], unit.header["TIMESYS"], unit.header["E_MIN"]) == (51544.0, "TT", 20.0)
    name, start, stop, _ = OdaLightCurve(found).write_fits("Crab", output_dir=str(tmp_path))
    with fits.open(name) as file:
        assert len(file[1].data) == BINS
        assert file[1].header["INSTRUME"] == "IBIS"
    assert start == pytest.approx(54544.0 - 0.02 / 2)
    assert stop > start
    assert OdaLightCurve(found).get_lc("Crab")[4:] == (20.0, 40.0)


def test_times_are_utc_and_cut_the_curve(client_of):
    found = client_of.get_product(
        product="isgri_lc", instrument="isgri", src_name="Crab", T1=54544.9, T2=54546.1, T_format="mjd"
    )
    assert found.isgri_lc_0_Crab.data_unit[1].data["TIME"].tolist() == [3001.0, 3001.5, 3002.0]


def test_coarser_bins_are_averaged_and_finer_ones_are_said_not_to_be(client_of, live_server, client):
    ask = {"product": "isgri_lc", "instrument": "isgri", "product_id": "crab-lc", "T1": 54544.9, "T2": 54549.1,
           "T_format": "mjd"}  # fmt: skip
    coarse = client_of.get_product(**ask, time_bin=86400)
    data = coarse.isgri_lc_0_Crab.data_unit[1].data
    assert len(data) == 5
    assert data["XAX_E"][0] == pytest.approx(0.5)
    assert data["FRACEXP"][0] == pytest.approx(0.04, rel=0.01)  # two bins of 0.02 d
    assert data["ERROR"][0] == pytest.approx(0.1 / 2**0.5, rel=1e-5)
    asked = {"instrument": "isgri", "product_type": "isgri_lc", "src_name": "Crab", "time_bin": "10"}
    comment = client.get("/mmoda/run_analysis", asked).json()["exit_status"]["comment"]
    assert "narrower than the stored ones" in comment


def test_jemx_curves_have_a_gti_before_them(client_of, tmp_path):
    from oda_api.plot_tools import OdaLightCurve

    found = client_of.get_product(product="jemx_lc", instrument="jemx", src_name="1A 1742-289", jemx_num=1)
    (curve,) = found._p_list
    assert [unit.name for unit in curve.data_unit] == ["PRIMARY", "JMX1-GNRL-GTI", "JMX1-SRC.-LCR"]
    name, *_ = OdaLightCurve(found).write_fits(curve.meta_data["src_name"], output_dir=str(tmp_path))
    assert len(fits.getdata(name, 1)) == 50


def test_a_spectrum_comes_with_its_responses(client_of, tmp_path):
    from oda_api.plot_tools import OdaSpectrum

    found = client_of.get_product(product="isgri_spectrum", instrument="isgri", src_name="SMC X-1")
    assert found._n_list == [
        "isgri_spectrum_0_SMCXm1_isgri_spectrum",
        "isgri_spectrum_1_SMCXm1_isgri_arf",
        "isgri_spectrum_2_SMCXm1_isgri_rmf",
    ]
    spectrum = found.isgri_spectrum_0_SMCXm1_isgri_spectrum.data_unit[1]
    assert spectrum.header["RESPFILE"] == "rmf.fits"
    assert spectrum.data["RATE"].tolist() == [4.0, 3.0, 2.0, 1.0]
    spectrum.header |= {"TSTART": 3000.0, "TSTOP": 3001.0}  # the product of the test has no times
    name, *_ = OdaSpectrum(found).write_fits("SMC X-1", output_dir=str(tmp_path))
    from archive.formats import read_response, read_spectrum

    assert len(read_spectrum(tmp_path / name)) == 4
    response = read_response(tmp_path / "IBIS_rmf_SMC_X-1.fits")
    assert response.matrix.tolist() == [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]]
    with fits.open(tmp_path / "IBIS_arf_SMC_X-1.fits") as file:
        assert file["SPECRESP"].data["SPECRESP"].tolist() == [10.0] * 3


REAL = {
    "isgri": (("isla/SMC_X-1_ISGRI_0745_06340000001_spectrum_{}.fits",) * 3, (2466, 256)),
    "jemx": (("spectra/JMX1_spectrum_GRB221009A.fits", "spectra/JMX1_arf_GRB221009A.fits",
              "spectra/JMX1_rmf_GRB221009A.fits"), None),
}  # fmt: skip


@pytest.mark.parametrize("instrument", REAL)
def test_real_spectra_and_responses_arrive_number_by_number(client_of, shared_data, tmp_path, instrument):
    from oda_api.plot_tools import OdaSpectrum

    from archive import models
    from archive.formats import read_effective_area, read_response, read_spectrum
    from archive.storage import store_file

    names, shape = REAL[instrument]
    roles = ("spe", "arf", "rmf")
    paths = [shared_data / "products" / name.format(role) for name, role in zip(names, roles, strict=True)]
    detector = {"isgri": "isgri", "jemx": "jemx1"}[instrument]
    facts = {"kind": "spectrum", "instrument": detector, "title": "Real", "source_id": isla_archive.GALACTIC[0]}
    deliver("real", models.Product, [{"product_id": "real", "target_name": "1A 1742-289", **facts}])
    files = [
        {"product_id": "real", "role": role.replace("spe", "science"), "file_name": f"{role}.fits",
         "media_type": "application/fits", "sha256": stored.sha256, "size_bytes": stored.size_bytes}
        for role, stored in zip(roles, map(store_file, paths), strict=True)
    ]  # fmt: skip
    deliver("real files", models.ProductFile, files)
    found = client_of.get_product(product=f"{instrument}_spectrum", instrument=instrument, src_name="1A 1742-289")
    assert [name.rpartition("_")[2] for name in found._n_list] == ["spectrum", "arf", "rmf"]
    for unit in found._p_list[0].data_unit:
        unit.header = {**unit.header, "TSTART": 3000.0, "TSTOP": 3001.0} if unit.name == "SPECTRUM" else unit.header
    written = OdaSpectrum(found).write_fits("1A 1742-289", output_dir=str(tmp_path))
    whole, part = read_spectrum(paths[0]), read_spectrum(tmp_path / written[0])
    good = (whole.quality == 0) & np.isfinite(whole.rate)
    np.testing.assert_allclose(part.rate[good], whole.rate[good], rtol=1e-6)
    one, other = read_response(paths[2]), read_response(next(tmp_path.glob("*_rmf_*.fits")))
    assert shape is None or one.matrix.shape == shape
    np.testing.assert_array_equal(other.matrix, one.matrix)
    np.testing.assert_allclose(other.energy_low_kev, one.energy_low_kev, rtol=1e-6)
    area = read_effective_area(next(tmp_path.glob("*_arf_*.fits")))
    np.testing.assert_allclose(area.area_cm2, read_effective_area(paths[1]).area_cm2, rtol=1e-6)


def test_too_many_queries_at_once_are_told_to_come_back_and_not_retried(client_of, monkeypatch):
    import threading

    from oda_api.api import UnexpectedDispatcherStatusCode

    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr("vo.mmoda.services._slots", slots)
    slots.acquire()
    with pytest.raises(UnexpectedDispatcherStatusCode, match="429"):
        client_of.get_product(product="isgri_lc", instrument="isgri", src_name="Crab")
    slots.release()
    assert client_of.get_product(product="isgri_lc", instrument="isgri", src_name="Crab")._n_list
    assert slots.acquire(blocking=False)  # given back


@pytest.mark.parametrize(("instrument", "threshold"), [("isgri", 7), ("jemx", 11)])
def test_an_image_with_its_catalogue(client_of, instrument, threshold, tmp_path):
    from oda_api.plot_tools import OdaImage

    found = client_of.get_product(
        product=f"{instrument}_image", instrument=instrument, src_name="Crab", detection_threshold=threshold
    )
    image = found.mosaic_image_0_mosaic
    significance = image.data_unit[4]
    assert significance.header["IMATYPE"] == "SIGNIFICANCE"
    assert np.nanmax(significance.data) == 10.0
    assert np.isnan(significance.data[0]).all()  # outside the field
    names = found.dispatcher_catalog_1.table["src_names"].tolist()
    assert names == (["Crab"] if threshold < 10 else [])
    OdaImage(found).build_fig(sliders=False)
    found.save_all_data(str(tmp_path / "all"))
    assert len(list(tmp_path.glob("all_mosaic_image*.fits"))) == 1


def test_further_instruments(client_of):
    acs = client_of.get_product(product="spi_acs_lc", instrument="spi_acs", **TIMES).spi_acs_lc_0_query
    assert acs.data_unit[1].header["INSTRUME"] == "SPI-ACS"
    assert acs.data_unit[1].header["TIMEZERO"] == pytest.approx(3000.0 * 86400)
    assert acs.data_unit[1].data["TIME"][1] == pytest.approx(43200.0)
    omc = client_of.get_product(product="omc_lc", instrument="omc", src_name="Crab").omc_lc_0_Crab
    assert omc.data_unit[1].data["RATE"] == pytest.approx([9.0, 9.1, 9.2, 9.3])
    assert omc.data_unit[1].header["TUNIT2"] == "mag" if "TUNIT2" in omc.data_unit[1].header else True
    irem = client_of.get_product(product="irem_lc", instrument="irem")
    assert len(irem._p_list[0].data_unit[1].data) == 6


def test_the_word_null_survives(client_of, live_server, client):
    found = client_of.get_product(product="isgri_lc", instrument="isgri", src_name=NULL_NAME)
    (curve,) = found._p_list
    assert curve.meta_data["src_name"] == NULL_NAME
    assert "None" not in curve.data_unit[1].header["NAME"]
    content = client.get(
        "/mmoda/run_analysis", {"instrument": "isgri", "product_type": "isgri_lc", "src_name": NULL_NAME}
    ).json()
    assert "null" not in str(content)


def test_each_failure_is_the_clients_own_class(client_of):
    from oda_api.api import FailedToFindAnyUsefulResults, RequestNotUnderstood, Unauthorized

    with pytest.raises(FailedToFindAnyUsefulResults):
        client_of.get_product(product="isgri_lc", instrument="isgri", src_name="nobody knows this")
    with pytest.raises(FailedToFindAnyUsefulResults):
        client_of.get_product(product="isgri_lc", instrument="isgri", src_name="Crab", T1=40000, T2=40001, T_format="mjd")  # fmt: skip
    with pytest.raises(RequestNotUnderstood):
        client_of.get_product(product="isgri_lc", instrument="isgri", src_name="Crab", T1="2010-01-02", T2="2010-01-01")
    with pytest.raises(RequestNotUnderstood):
        client_of.get_product(product="nothing", instrument="isgri", src_name="Crab")
    with pytest.raises(RequestNotUnderstood):
        client_of.get_product(product="isgri_lc", instrument="isgri", product_type="Dummy", src_name="Crab")
    with pytest.raises(Unauthorized, match="public data only"):
        client_of.get_product(
            product="isgri_lc", instrument="isgri", src_name="Crab", integral_data_rights="all-private"
        )


def test_without_waiting_a_slash_too_many_and_a_long_request(client_of, live_server):
    from oda_api.api import DispatcherAPI

    patient = DispatcherAPI(url=f"{live_server.url}/mmoda/", instrument="mock", wait=False)
    first = patient.get_product(product="isgri_lc", instrument="isgri", src_name="Crab")
    assert first.isgri_lc_0_Crab.data_unit[1].name == "ISGR-SRC.-LCR"
    scws = [f"00820043{number:03d}0.001" for number in range(200)]
    with pytest.raises(Exception, match="get dataserver products"):
        client_of.get_product(product="isgri_image", instrument="isgri", src_name="Crab", scw_list=scws)
    assert client_of.selected_request_method == "POST"


def test_upper_limits_are_a_table(client_of, live_server, client, tmp_path, settings):
    from archive import services
    from tests.support.web_archive import _delivery, _maps
    from upper_limits.services import build_current_store

    settings.MAPS_ROOT, settings.LIMITS_ROOT = tmp_path / "maps", tmp_path / "limits"
    with services.open_publication(delivery=_delivery("maps", simulated=True), description="maps") as publication:
        publication.publish_maps(_maps(4))
    build_current_store()
    found = client_of.get_product(product="isgri_ul", instrument="isgri", RA=83.6, DEC=22.0)
    (limits,) = found._p_list
    table = limits.table
    assert table["upper_limit"][0] > 0
    assert table["ra"].unit == "deg"
    assert bool(table["simulated"][0])


BAD = [
    ({}, "instrument is missing"),
    ({"instrument": "xmm"}, "there is no instrument 'xmm'"),
    ({"instrument": "isgri"}, "product_type is missing"),
    ({"product_type": "isgri_lc"}, "give src_name, or RA and DEC"),
    ({"product_type": "isgri_lc", "RA": "x"}, "RA is 'x'"),
    ({"product_type": "isgri_lc", "RA": "nan"}, "RA is 'nan'"),
    ({"product_type": "isgri_lc", "E1_keV": "50", "E2_keV": "40"}, "expected E1_keV < E2_keV"),
    ({"product_type": "isgri_lc", "T1": "53000", "T_format": "unix"}, "T_format is 'unix'"),
    ({"product_type": "isgri_lc", "T1": "1e9", "T_format": "mjd"}, "expected a day as mjd"),
    ({"product_type": "isgri_lc", "time_bin": "-5"}, "time_bin is '-5'"),
    ({"product_type": "isgri_lc", "src_name": "x" * 300}, "at most 200"),
    ({"product_type": "isgri_image", "scw_list": "../../etc"}, "scw_list holds '../../etc'"),
    ({"product_type": "isgri_lc", "product_id": "smc_spectrum"}, "is a spectrum of isgri, not isgri_lc"),
    ({"product_type": "isgri_lc", "session_id": "<b>"}, "session_id must be"),
]


def test_bad_requests_get_a_sentence(archive, client):
    for parameters, words in BAD:
        asked = {"instrument": "isgri", **parameters} if "product_type" in parameters else parameters
        response = client.get("/mmoda/run_analysis", asked)
        assert response.status_code == 400, parameters
        assert words in response.json()["error"]
        assert response["Access-Control-Allow-Origin"] == "*"


def test_none_is_sent_as_nul_and_a_token_stays_unread(archive, client):
    response = client.get(
        "/mmoda/run_analysis",
        {"instrument": "isgri", "product_type": "isgri_lc", "src_name": "Crab", "E1_keV": "\0", "token": "secret",
         "radius": "3", "nonsense": "1"},
    )  # fmt: skip
    reply = response.json()
    assert reply["query_status"] == "done"
    assert "secret" not in json.dumps(reply)
    assert "not used by this archive: nonsense, radius" in reply["exit_status"]["comment"]
    again = client.post("/mmoda/run_analysis", {"instrument": "isgri", "product_type": "isgri_lc", "src_name": "Crab", "radius": "3", "nonsense": "1", "session_id": "B" * 16})  # fmt: skip
    assert again.json()["job_monitor"]["job_id"] == reply["job_monitor"]["job_id"]


def test_the_nearest_band_is_said(archive, client):
    asked = {"instrument": "isgri", "product_type": "isgri_lc", "src_name": "Crab", "E1_keV": "20", "E2_keV": "60"}
    comment = client.get("/mmoda/run_analysis", asked).json()["exit_status"]["comment"]
    assert "crab-lc is in 20-40 keV, the nearest stored to 20-60 keV" in comment
    reply = client.get("/mmoda/run_analysis", {**asked, "E1_keV": "500", "E2_keV": "900"}).json()
    assert reply["query_status"] == "failed"
    assert "bands (keV): 20-40" in reply["exit_status"]["error_message"]
