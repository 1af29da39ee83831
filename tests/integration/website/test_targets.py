"""Lists of targets: every line is answered, rubbish too; the same list as a page, CSV and VOTable."""

import csv
import io
import time

import pytest
from astropy.io.votable import parse_single_table
from django.core.files.uploadedfile import SimpleUploadedFile

from archive.website.views.targets import STATUSES
from tests.support.web_archive import CRAB

# The archive of the tests has a source whose name is a script.
LIST = "# mine\nCrab\n\nngc 1952\n83.633 22.0145\n10.0 -80.0\n83 99\n<script>alert(1)</script>\nrev 46\nIGR J05345+2200\n\x01x\n"


def ask(client, **form):
    response = client.post("/targets", {"radius": "0.5", **form})
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, body.decode()


def test_every_line_is_answered(archive, client):
    status, text = ask(client, targets=LIST, format="csv")
    rows = {int(row["line"]): row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert status == 200
    assert sorted(rows) == [2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert {rows[n]["source_id"] for n in (2, 4, 5, 10)} == {CRAB}
    assert [rows[n]["status"] for n in (2, 6, 7, 8, 9, 11)] == [
        "found", "no source", "unreadable", "found", "unreadable", "unreadable",
    ]  # fmt: skip
    assert float(rows[5]["separation_arcmin"]) < 1.0
    assert "digits taken as a position" in rows[10]["note"]
    assert int(rows[2]["product_count"]) > 0


def test_votable_is_read_by_astropy(archive, client):
    _, text = ask(client, file=SimpleUploadedFile("t.txt", LIST.encode()), format="votable")
    table = parse_single_table(io.BytesIO(text.encode())).to_table()
    assert len(table) == 9
    assert str(table["ra"].unit) == "deg"
    assert table["source_id"][0] == CRAB


def test_page_shows_rubbish_harmlessly_and_offers_the_basket(archive, client):
    status, text = ask(client, targets=LIST)
    assert status == 200
    assert "<script>alert(1)" not in text
    assert "into the basket" in text
    assert "unreadable <strong>3</strong>" in text


def test_statuses_are_translated_on_the_page_only(archive, client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    assert "illisible <strong>3</strong>" in ask(client, targets=LIST)[1]
    rows = csv.DictReader(io.StringIO(ask(client, targets=LIST, format="csv")[1], newline=""))
    assert {row["status"] for row in rows} <= set(STATUSES)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"targets": "# nothing\n"}, "list is empty"),
        ({"targets": "x\n" * 100_001}, "at most 100,000"),
        ({"targets": "Crab", "radius": "99"}, "radius is"),
        ({"targets": "Crab", "format": "exe"}, "format is"),
        ({"file": SimpleUploadedFile("t.txt", b"\xff\xfe\x00")}, "UTF-8"),
    ],
)
def test_a_bad_list_gets_a_sentence(archive, client, form, words):
    status, text = ask(client, **form)
    assert status == 400
    assert words in text


def test_a_hundred_thousand_targets_take_seconds(archive, client):
    lines = [f"{n % 360}.{n % 997:03d} {n % 170 - 85}.5" if n % 3 else f"Name {n}" for n in range(100_000)]
    begin = time.process_time()
    status, text = ask(client, targets="\n".join(lines), format="csv")
    assert status == 200
    assert text.count("\n") == 100_001
    assert time.process_time() - begin < 30
