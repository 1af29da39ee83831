"""Signing on the page: members of the team for the team, archive scientists for the archive, nobody for both."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from archive.accounts.roles import set_roles
from archive.models import Job, SignOff
from ingestion import gates
from tests.support.deliveries import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def submission(tmp_path, settings):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    return gates.check(gates.receive(deliver(tmp_path / "d"), actor="tests").pk)


def login(client, name, *, archive=False, teams=()):
    user = get_user_model().objects.create_user(username=name, password="a-long-password-1")
    set_roles(user, archive=archive, teams=teams)
    client.force_login(user)


def post(client, submission, role, content=""):
    values = {"role": role, "content": content or submission.digest_sha256}
    return client.post(reverse("delivery-sign", args=[submission.delivery_id]), values)


def test_team_and_archive_sign_and_a_worker_publishes(client, submission):
    login(client, "desk", teams=("tests",))
    assert b"Sign for the team" in client.get(reverse("delivery", args=["test-1"])).content
    assert post(client, submission, "team").status_code == 302
    login(client, "scientist", archive=True)
    assert post(client, submission, "archive").status_code == 302
    assert sorted(SignOff.objects.values_list("role", "signer")) == [("archive", "scientist"), ("team", "desk")]
    assert Job.objects.get().kind == "delivery_publish"


def test_nobody_else_signs(client, submission):
    assert post(client, submission, "team").status_code == 302  # to the log-in
    assert "login" in post(client, submission, "team").headers["Location"]
    login(client, "stranger", teams=("others",))
    assert post(client, submission, "team").status_code == 403
    assert post(client, submission, "archive").status_code == 403
    assert post(client, submission, "root").status_code == 403
    assert b"Sign for the" not in client.get(reverse("delivery", args=["test-1"])).content
    login(client, "both", archive=True, teams=("tests",))
    assert post(client, submission, "team").status_code == 302
    assert post(client, submission, "archive").status_code == 403
    assert client.get(reverse("delivery-sign", args=["test-1"])).status_code == 405
    assert SignOff.objects.count() == 1


def test_what_changed_meanwhile_is_not_signed(client, submission):
    login(client, "desk", teams=("tests",))
    assert post(client, submission, "team", content="0" * 64).status_code == 400
    assert not SignOff.objects.exists()
