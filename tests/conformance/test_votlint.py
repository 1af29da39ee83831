"""STILTS reads what we write: votlint has nothing to say of any VOTable, and other formats hold the same values."""

import gzip
import shutil
import subprocess

import pytest

from tests.support.archive_rows import deliver, random_sources

pytestmark = [
    pytest.mark.skipif(
        shutil.which("stilts") is None, reason="STILTS is not installed (Debian: apt-get install stilts)"
    ),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("vo.urls"),
]

QUERY = (
    "SELECT a.source_id, a.ra, a.dec, b.dec AS missing, b.isdc_class, b.simulated, POINT(a.ra, a.dec) AS p, "
    "POINT(b.ra, b.dec) AS nowhere, '<Å&' AS letter, CAST(3 AS SMALLINT) AS three FROM integral.sources AS a "
    "LEFT OUTER JOIN integral.sources AS b ON a.source_id = b.source_id AND b.dec > 0 ORDER BY a.source_id"
)


@pytest.fixture(autouse=True)
def sources():
    from archive.models import Source

    deliver("random", Source, random_sources(50))


def fetch(client, form, **parameters):
    response = client.post("/tap/sync", {"QUERY": QUERY, "RESPONSEFORMAT": form, **parameters})
    content = response.getvalue()
    assert response.status_code == 200, content
    return content


def stilts(*words):
    done = subprocess.run(["stilts", *words], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_votlint_is_content_with_every_serialization(client, tmp_path):
    documents = {form: fetch(client, form) for form in ("votable", "votable/td", "votable/b", "text/xml")}
    documents["packed"] = gzip.decompress(fetch(client, "votable_gzip"))
    documents["overflow"] = fetch(client, "votable", MAXREC="3")
    documents["empty"] = fetch(client, "votable/b", MAXREC="0")
    documents["error"] = client.post("/tap/sync", {"QUERY": "SELECT"}).content
    for name, document in documents.items():
        path = tmp_path / f"{name.replace('/', '_')}.vot"
        path.write_bytes(document)
        assert stilts("votlint", f"votable={path}") == "", name


def test_stilts_reads_the_same_values_from_every_format(client, tmp_path):
    read = {}
    formats = {"votable": "votable", "votable/b": "votable", "fits": "fits", "ecsv": "ecsv"}
    for form, name in formats.items():
        path = tmp_path / f"{form.replace('/', '_')}.data"
        path.write_bytes(fetch(client, form))
        # FITS has no NULL among truth values of its own in STILTS, and no letters beyond ASCII anywhere.
        words = ("tpipe", f"in={path}", f"ifmt={name}", "ofmt=csv", "cmd=delcols 'simulated letter p nowhere'")
        read[form] = stilts(*words)
    assert len(read["votable"].splitlines()) == 51
    assert set(read.values()) == {read["votable"]}
