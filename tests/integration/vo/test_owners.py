"""Jobs of an account: reached with its session or token, and by nobody else."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from archive.accounts.tokens import create_token

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice():
    return User.objects.create_user("alice", password="a long enough sentence")


def make_job(client, **headers):
    answer = client.post("/tap/async", {"QUERY": "SELECT TOP 1 * FROM tap_schema.tables"}, headers=headers)
    assert answer.status_code == 303
    return re.sub(r"https?://[^/]+", "", answer["Location"]), answer


def test_a_job_of_an_account_is_nobody_elses(client, alice):
    token, _ = create_token(alice, label="test", lifetime_d=1)
    header = {"Authorization": f"Bearer {token}"}
    path, answer = make_job(client, **header)
    assert not answer.cookies
    document = client.get(path, headers=header).content.decode()
    assert "<uws:ownerId>alice</uws:ownerId>" in document
    assert path.rsplit("/", 1)[1] in client.get("/tap/async", headers=header).content.decode()
    session = Client()
    session.force_login(alice)
    assert session.get(path).status_code == 200
    bob = Client()
    bob.force_login(User.objects.create_user("bob"))
    for stranger in (client, bob):
        for address in (path, f"{path}/phase", f"{path}/parameters", f"{path}/results/result", f"{path}/error"):
            assert stranger.get(address).status_code == 404, address
        assert stranger.post(f"{path}/phase", {"PHASE": "RUN"}).status_code == 404
        assert stranger.delete(path).status_code == 404
        assert "jobref" not in stranger.get("/tap/async").content.decode()
    assert session.delete(path).status_code == 303


def test_a_job_without_an_account_is_reached_by_its_address(client, alice):
    path, answer = make_job(client)
    assert answer.cookies
    assert Client().get(path).status_code == 200
    assert 'nil="true"' in Client().get(path).content.decode()


def test_a_wrong_token_is_refused(client):
    answer = client.post("/tap/async", {"QUERY": "x"}, headers={"Authorization": "Bearer arc_wrong"})
    assert answer.status_code == 401


def test_accounts_have_more_time(client, alice):
    query = {"REQUEST": "estimate", "QUERY": "SELECT TOP 1 * FROM tap_schema.tables"}
    assert client.get("/tap/sync", query).json()["time_limit_s"] == 600
    client.force_login(alice)
    assert client.get("/tap/sync", query).json()["time_limit_s"] == 1800
