"""The basket: from buttons to a verified tar; shared, hostile and forged ones."""

import io
import re
import subprocess
import tarfile

import pytest

from archive.website.basket import share_text
from tests.support.web_archive import CRAB, SERIES, SPECTRUM


@pytest.fixture
def filled(archive, client):
    """A client with two products in its basket."""
    assert client.post("/basket/change", {"add": [SERIES, SPECTRUM]}).status_code == 302
    return client


def body(response):
    assert response.status_code == 200
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_tar_holds_every_file_and_a_manifest_that_verifies(filled, tmp_path):
    content = body(filled.get("/basket/files.tar"))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(tmp_path, filter="data")
        names = tar.getnames()
    done = subprocess.run(
        ["sha256sum", "-c", "archipelago/manifest-sha256.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": OK") == len(names) - 3 == 3
    assert "Winkler" in (tmp_path / "archipelago" / "ACKNOWLEDGEMENT.txt").read_text()
    assert "@article{Winkler2003" in (tmp_path / "archipelago" / "references.bib").read_text()
    page = filled.get("/basket").content.decode()
    assert re.search(r"([\d,]+) bytes, with manifest", page)[1].replace(",", "") == str(len(content))


def test_tar_can_be_resumed(filled):
    whole = body(filled.get("/basket/files.tar"))
    response = filled.get("/basket/files.tar", headers={"Range": "bytes=1000-"})
    assert b"".join(response.streaming_content) == whole[1000:]


def test_basket_survives_login_and_logout(filled, django_user_model):
    user = django_user_model.objects.create_user("astronomer")
    filled.force_login(user)
    assert SERIES in filled.get("/basket").content.decode()
    filled.logout()
    filled.cookies.pop("sessionid", None)


def test_cookie_is_closed_and_goes_with_the_last_product(archive, client):
    response = client.post("/basket/change", {"add": SERIES})
    cookie = response.cookies["basket"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert 'class="badge">1<' in client.get(f"/sources/{CRAB}").content.decode()
    assert "Nothing in it" in client.post("/basket/change", {"remove": SERIES}, follow=True).content.decode()
    assert client.get("/basket/files.tar").status_code == 404


def test_shared_basket_is_a_copy_that_anybody_can_take(archive, client):
    items = share_text([SERIES, "gone"])
    page = client.get(f"/basket?items={items}").content.decode()
    assert SERIES in page
    assert "1 product of this basket is not in the release" in page
    assert body(client.get(f"/basket/manifest-sha256.txt?items={items}")).decode().count("\n") == 1
    assert "basket" not in client.cookies


def test_script_fetches_by_address_and_verifies(filled):
    script = body(filled.get("/basket/fetch.sh")).decode()
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    assert script.count("curl -fsS -C -") == 3


@pytest.mark.parametrize("items", ["AAAA", "a" * 7000, "%3Cscript%3E", "eJwDAAAAAAE"])
def test_damaged_share_is_refused(archive, client, items):
    response = client.get(f"/basket?items={items}")
    assert response.status_code == 400
    assert "damaged or cut off" in response.content.decode()


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        ({"add": "no-such-product"}, {}, 404),
        ({"add": "a\0b"}, {}, 404),
        ({"add": SERIES}, {"Origin": "https://evil.example"}, 400),
        ({"add": SERIES}, {"Sec-Fetch-Site": "cross-site"}, 400),
        ({"add": [f"p{n}" for n in range(2001)]}, {}, 400),
    ],
)
def test_refused_change_leaves_the_basket_alone(archive, client, data, headers, status):
    client.post("/basket/change", {"add": SPECTRUM})
    assert client.post("/basket/change", data, headers=headers).status_code == status
    assert client.get("/basket").content.decode().count('name="remove"') == 1


def test_forged_cookie_is_an_empty_basket(archive, client):
    for value in ("x", "a" * 32, "' OR 1=1 --"):
        client.cookies["basket"] = value
        assert "Nothing in it" in client.get("/basket").content.decode()
