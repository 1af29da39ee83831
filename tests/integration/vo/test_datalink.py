"""DataLink 1.1: links of products, errors per identifier, and products as one tar."""

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from urllib.parse import unquote

import pytest
import pyvo
from astropy.io.votable import parse_single_table
from PIL import Image

from tests.support.archive_rows import deliver
from tests.support.isla_archive import DID, EPOCH, SCW, SMC_X_1

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("vo.urls"),
    pytest.mark.usefixtures("isla_products"),
]


def links(client, *ids, method="post"):
    response = getattr(client, method)("/datalink/links", {"ID": list(ids)})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/x-votable+xml;content=datalink"
    return parse_single_table(io.BytesIO(response.getvalue())).to_table()


def test_a_spectrum_is_linked_with_its_responses(client):
    table = links(client, DID + "smc_spectrum", method="get")
    assert list(table["semantics"]) == [
        "#this", "#calibration", "#calibration", "#this", "#preview", "#documentation", "#package", "#documentation",
        "#coderived",
    ]  # fmt: skip
    assert list(table["local_semantics"])[1:6] == ["#arf", "#rmf", "#votable", "", "#provenance"]
    assert [word.rpartition("#")[2] for word in table["content_qualifier"][1:3]] == ["arf", "rmf"]
    assert table["content_type"][3] == "application/x-votable+xml"
    assert table["content_qualifier"][0] == "#spectrum"
    assert table["content_length"][0] > 2000
    assert str(table["content_length"].unit) == "byte"


def related(table, product_id):
    """Links of a product to others: semantics and the id of the other."""
    rows = table[table["ID"] == DID + product_id]
    leads = [(row["semantics"], unquote(row["access_url"]).partition(f"/datalink/links?ID={DID}")[2]) for row in rows]
    return [(word, other) for word, other in leads if other]


def test_products_made_of_one_another_or_of_the_same_data_are_linked(client):
    from archive.models import Product

    place = {"instrument": "isgri", "epoch": EPOCH}
    deliver("another mosaic", Product, [{"product_id": "mosaic.smc", "title": "m", "kind": "mosaic", **place}])
    series = {"kind": "long_timeseries", "source_id": SMC_X_1[0], "title": "Long", **place, "epoch": ""}
    inputs = {"metadata": {"inputs": ["SMC_series.fits", "not_here.fits.gz"]}}
    deliver("long", Product, [{"product_id": "smc_long", **series, **inputs}])
    table = links(client, *(DID + name for name in ("scw_events", "scw_image", "smc_series", "smc_long", "mosaic.smc")))
    assert related(table, "scw_events") == [("#derivation", "scw_image")]
    assert related(table, "scw_image") == [("#progenitor", "scw_events")]
    assert related(table, "smc_series") == [
        ("#coderived", "mosaic.smc"), ("#coderived", "smc_spectrum"), ("#derivation", "smc_long")
    ]  # fmt: skip
    assert related(table, "smc_long") == [("#progenitor", "smc_series")]
    assert related(table, "mosaic.smc") == []  # its field has many sources


def test_many_related_products_are_counted_not_listed(client, monkeypatch):
    from archive.models import Product

    monkeypatch.setattr("vo.datalink.relations.MOST_OF_A_KIND", 2)
    made = {"title": "Image", "kind": "scw_image", "instrument": "isgri", "metadata": {"scw_id": SCW}}
    deliver("images", Product, [{"product_id": f"scw_image_{i}", **made} for i in range(4)])
    table = links(client, DID + "scw_events")
    assert [other for _, other in related(table, "scw_events")] == ["scw_image", "scw_image_0"]
    assert "3 more are not listed" in list(table["description"])[-1]


def test_products_of_one_epoch_are_counted_in_the_database(client, monkeypatch):
    from archive.models import Product

    monkeypatch.setattr("vo.datalink.relations.MOST_OF_A_KIND", 2)
    made = {"title": "x", "instrument": "isgri", "epoch": "0082_00820020001"}
    spectra = [{"product_id": f"spectrum_{i}", "kind": "spectrum", "source_id": "A", **made} for i in range(5)]
    others = [{"product_id": "other", "kind": "spectrum", "source_id": "B", **made}]
    mosaics = [{"product_id": f"mosaic_{i}", "kind": "mosaic", "source_id": "C", **made} for i in range(3)]
    deliver("epoch", Product, [*spectra, *others, *mosaics])
    for name, listed, more in (
        ("spectrum_0", ["mosaic_0", "mosaic_1", "spectrum_1", "spectrum_2"], [1, 2]),
        ("spectrum_4", ["mosaic_0", "mosaic_1", "spectrum_0", "spectrum_1"], [1, 2]),
        ("other", ["mosaic_0", "mosaic_1"], [1]),
        ("mosaic_0", ["mosaic_1", "mosaic_2"], []),
    ):
        table = links(client, DID + name)
        assert related(table, name) == [("#coderived", one) for one in listed]
        words = [text for text in table["description"] if "more are not listed" in text]
        assert [int(text.split("; ")[1].split()[0]) for text in words] == more


def test_series_with_inputs_are_read_from_an_index_of_theirs(client):
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        links(client, DID + "smc_series")
    (statement,) = (one["sql"] for one in captured.captured_queries if "inputs" in one["sql"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + statement.replace("%", "%%"))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "archive_product_with_inputs" in plan  # not if the condition and the model's index differ


def test_a_set_of_a_science_window_is_a_tar_of_its_products(client):
    name = DID + f"scw:{SCW}:isgri"
    table = links(client, name)
    assert list(table["semantics"]) == ["#this", "#this", "#derivation", "#documentation"]
    assert related(table, f"scw:{SCW}:isgri") == [("#this", "scw_events"), ("#derivation", "scw_image")]
    response = client.get("/datalink/package", {"ID": name})
    with tarfile.open(fileobj=io.BytesIO(response.getvalue())) as tar:
        assert tar.getnames() == ["SHA256SUMS", "scw_events/same.fits", "scw_image/same.fits"]
    for other in (f"scw:{SCW}:spi", "scw:999999999990:isgri", "scw:1:isgri"):
        (error,) = links(client, DID + other)["error_message"]
        assert error.startswith("NotFoundFault: ")
        assert client.get("/datalink/package", {"ID": DID + other}).status_code == 404


def test_products_have_a_picture(client):
    from archive.models import Delivery, Product

    seen = {}
    for name in ("mosaic.28", "smc_series", "smc_spectrum"):
        response = client.get(f"/preview/{name}")
        assert (response.status_code, response["Content-Type"]) == (200, "image/png")
        picture = Image.open(io.BytesIO(response.content))
        picture.load()
        assert len(picture.convert("RGB").getcolors(1_000_000)) >= 3
        seen[name] = response.content
        again = client.get(f"/preview/{name}", headers={"If-None-Match": response["ETag"]})
        assert again.status_code == 304
    Delivery.objects.update(simulated=True)
    Product.objects.update(simulated=True)
    for name, real in seen.items():
        assert client.get(f"/preview/{name}").content != real
    assert client.get("/preview/scw_events").status_code == 400
    assert client.get("/preview/nope").status_code == 404


def test_rows_of_an_id_stand_together_in_the_order_asked_and_errors_are_rows(client):
    asked = [DID + "smc_series", "nope <&>", DID + "smc_spectrum", DID, "ivo://other.invalid/x?smc_series"]
    table = links(client, *asked, asked[0])
    assert list(dict.fromkeys(table["ID"])) == asked
    for row in table:
        assert [row["access_url"] != "", row["service_def"] != "", row["error_message"] != ""].count(True) == 1
    errors = {row["ID"]: row["error_message"] for row in table if row["error_message"]}
    assert set(errors) == {asked[1], asked[3], asked[4]}
    assert all(message.startswith("NotFoundFault: ") for message in errors.values())


def test_cut_outs_are_described_with_their_limits_for_one_product_and_without_for_many(client):
    from archive.models import Product

    Product.objects.filter(product_id="mosaic.28").update(field_of_view_deg=4.0, obs_id="03200490001")
    one = client.get("/datalink/links", {"ID": DID + "mosaic.28"}).getvalue().decode()
    assert '<MAX value="83.6 22.0 2"/>' in one
    assert f'value="{DID}mosaic.28"' in one
    assert "/observations/03200490001</TD>" in one
    table = links(client, DID + "mosaic.28", DID + "smc_series", DID + "smc_spectrum")
    services = [(row["ID"], row["service_def"]) for row in table if row["semantics"] == "#cutout"]
    assert services == [
        (DID + product, name + end)
        for product, name in (("mosaic.28", "cutout_image"), ("smc_series", "cutout_timeseries"))
        for end in ("", "_async")
    ]
    many = client.get("/datalink/links", {"ID": ["mosaic.28", "smc_series"]}).getvalue().decode()
    assert many.count('ref="ID"') == 4
    assert "<MAX" not in many


def test_a_withdrawn_product_says_so(client):
    from archive.models import Product, Release

    last = Release.objects.order_by("-number").first()
    row = Product.objects.get(product_id="smc_series")
    row.release_to = last
    row.save()
    (found,) = links(client, DID + "smc_series")
    assert found["error_message"] == f"NotFoundFault: withdrawn with release {last.name}"


def test_no_id_is_an_empty_table_and_a_wrong_format_an_error(client):
    assert len(links(client)) == 0
    response = client.get("/datalink/links?ID=x&RESPONSEFORMAT=text/html")
    assert response.status_code == 400
    assert b'name="QUERY_STATUS" value="ERROR"' in response.getvalue()
    assert client.get("/datalink/links?id=smc_series&responseformat=votable").status_code == 200


def test_more_ids_than_the_limit_overflow(client, monkeypatch):
    monkeypatch.setattr("vo.datalink.views.MAX_IDS", 3)
    content = client.post("/datalink/links", {"ID": [f"x{i}" for i in range(4)]}).getvalue()
    assert content.count(b"<TR>") == 3
    assert re.search(rb"</TABLE>\s*<INFO name=\"QUERY_STATUS\" value=\"OVERFLOW\"/>", content)


def test_a_selection_comes_as_one_tar_that_verifies(client, tmp_path):
    ids = [DID + "smc_spectrum", "scw_image"]
    response = client.post("/datalink/package", {"ID": ids})
    assert response["Content-Disposition"] == 'attachment; filename="archipelago_2_products.tar"'
    content = response.getvalue()
    assert len(content) == int(response["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert set(sums) == {*(f"smc_spectrum/{n}.fits" for n in ("spe", "arf", "rmf")), "scw_image/same.fits"}
    part = client.get("/datalink/package", {"ID": ids}, headers={"Range": "bytes=700-", "If-Range": response["ETag"]})
    assert (part.status_code, part.getvalue()) == (206, content[700:])


@pytest.mark.parametrize(
    ("ids", "status"), [([], 400), (["nope"], 404), (["x"] + [str(i) for i in range(10_000)], 413)]
)
def test_a_selection_that_cannot_be_sent_is_refused_whole(client, ids, status):
    response = client.post("/datalink/package", {"ID": ids})
    assert response.status_code == status
    assert b"QUERY_STATUS" in response.getvalue()


def test_obscore_leads_there_and_pyvo_follows(live_server, settings):
    from archive.services import publish_tables

    settings.PUBLIC_URL = live_server.url
    publish_tables_again(publish_tables)
    service = pyvo.dal.TAPService(f"{live_server.url}/tap")
    records = service.search("SELECT * FROM ivoa.obscore WHERE dataproduct_subtype = 'spectrum'")
    (document,) = records.iter_datalinks()
    # pyvo sorts the rows by their text.
    found = {link.semantics: link.access_url for link in reversed(list(document))}
    assert {"#this", "#calibration", "#package"} <= set(found)
    assert found["#this"].startswith(f"{live_server.url}/products/smc_spectrum/files/")


def publish_tables_again(publish_tables):
    from django.db import transaction

    from archive.services import drop_published_tables

    with transaction.atomic():
        drop_published_tables()
        publish_tables()


def test_stilts_finds_nothing_but_words_newer_than_its_list(live_server, settings):
    stilts = shutil.which("stilts")
    if stilts is None:
        pytest.skip("STILTS is not installed (Debian package stilts)")
    settings.PUBLIC_URL = live_server.url
    address = f"{live_server.url}/datalink/links?ID=smc_spectrum"
    newer = ("'package'", "'documentation'", "'coderived'")
    for other in (
        "mosaic.28",
        "smc_series",
        "scw_events",
        f"scw:{SCW}:isgri",
        "nope",
        "mosaic.28&ID=smc_series&ID=nope",
    ):
        lint = [stilts, "datalinklint", f"votable={live_server.url}/datalink/links?ID={other}"]
        report = subprocess.run(lint, capture_output=True, text=True, check=False).stdout
        errors = [line for line in report.splitlines() if line.startswith(("E-", "W-"))]
        assert all(any(word in line for word in newer) for line in errors), report
    run = subprocess.run([stilts, "datalinklint", f"votable={address}"], capture_output=True, text=True, check=False)
    found = [line for line in run.stdout.splitlines() if line.startswith(("E-", "W-"))]
    # STILTS 3.4 carries a copy of the vocabulary from before these terms (coderived: VEP-005 of the IVOA).
    assert all(any(f"Unknown predicate {word}" in line for word in newer) for line in found), run.stdout
    assert "rows checked: 9" in run.stdout
