"""Accounts: login by password, tokens for programs, roles."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from archive.accounts.roles import is_archive_scientist, list_teams, set_roles
from archive.accounts.tokens import MOST_TOKENS, PREFIX, create_token, find_owner
from archive.errors import NotFoundError, UsageError
from archive.models import ApiToken

pytestmark = pytest.mark.django_db

PASSWORD = "violet-crab-nebula-9"


@pytest.fixture
def maria():
    return User.objects.create_user("maria", password=PASSWORD)


@pytest.fixture(autouse=True)
def forget_rates():
    """allauth counts attempts in the cache, which outlives a test."""
    from django.core.cache import cache

    cache.clear()


def log_in(client, name="maria", password=PASSWORD):
    return client.post("/account/login", {"login": name, "password": password})


def make_token(client, **form):
    """The archive asks for the password once more, then makes the token."""
    answer = client.post("/account/tokens", form)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/reauthenticate")
    return client.post(answer["Location"], {"password": PASSWORD, "next": "/account/tokens"})


def test_opening_an_account_logs_in_and_asks_for_no_address(client):
    page = client.get("/account/signup")
    assert b"password1" in page.content
    assert b"email" not in page.content
    answer = client.post("/account/signup", {"username": "ada", "password1": PASSWORD, "password2": PASSWORD})
    assert answer.status_code == 302
    assert b"ada" in client.get("/account").content


def test_closed_signup_says_so(client, settings):
    settings.SIGNUP_OPEN = False
    assert b"on request only" in client.get("/account/signup").content
    assert b"Open one" not in client.get("/account/login").content
    client.post("/account/signup", {"username": "ada", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_login_with_a_wrong_password_stays_out(client, maria):
    assert "not correct" in log_in(client, password="nonsense").content.decode()
    assert client.get("/account").status_code == 302


def test_visitors_get_no_cookie(client):
    assert not client.get("/about").cookies


def test_a_foreign_form_cannot_log_out(maria):
    client = Client(enforce_csrf_checks=True)
    client.force_login(maria)
    assert client.post("/account/logout").status_code == 403


def test_token_is_shown_once_and_works(client, maria):
    log_in(client)
    page = make_token(client, label="notebook", lifetime_d="30").content.decode()
    token = page.split("<code>")[1].split("</code>")[0]
    assert token.startswith(PREFIX)
    assert token not in client.get("/account").content.decode()
    assert find_owner(token) == maria
    assert not ApiToken.objects.filter(digest_sha256=token).exists()
    answer = Client().get("/account", headers={"Authorization": f"Bearer {token}"})
    assert b"maria" in answer.content
    revoked = client.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke")
    assert revoked.status_code == 302
    assert Client().get("/account", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_cannot_make_tokens(client, maria):
    token, _ = create_token(maria, label="x", lifetime_d=1)
    form = {"label": "more", "lifetime_d": "1"}
    answer = client.post("/account/tokens", form, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 302
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("header", ["Bearer arc_unknown", "Basic bWFyaWE6eA==", "Bearer", "Bearer \u00e9"])
def test_a_wrong_token_is_refused_not_taken_for_a_visitor(client, header):
    answer = client.get("/about", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_expired_tokens_and_closed_accounts_are_refused(maria):
    token, row = create_token(maria, label="x", lifetime_d=1)
    ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_owner(token) is None
    token, _ = create_token(maria, label="y", lifetime_d=1)
    call_command("account", "close", "maria", stdout=io.StringIO())
    assert find_owner(token) is None


@pytest.mark.parametrize(("label", "days"), [("", 1), ("x" * 81, 1), ("x", 0), ("x", 367)])
def test_tokens_have_a_label_and_an_end(maria, label, days):
    with pytest.raises(UsageError):
        create_token(maria, label=label, lifetime_d=days)


def test_an_account_has_so_many_tokens(maria):
    for number in range(MOST_TOKENS):
        create_token(maria, label=str(number), lifetime_d=1)
    with pytest.raises(UsageError, match="revoke one"):
        create_token(maria, label="more", lifetime_d=1)


@pytest.mark.parametrize("days", ["soon", "-1", "\u0661", ""])
def test_form_says_what_is_wrong_with_a_lifetime(client, maria, days):
    log_in(client)
    answer = make_token(client, label="x", lifetime_d=days)
    assert answer.status_code == 400
    assert "day" in answer.content.decode()


def test_nobody_revokes_the_token_of_another(client, maria):
    _, row = create_token(User.objects.create_user("eve"), label="x", lifetime_d=1)
    log_in(client)
    assert client.post(f"/account/tokens/{row.pk}/revoke").status_code == 404
    assert ApiToken.objects.filter(pk=row.pk).exists()


def test_roles_are_exactly_what_was_said(maria):
    set_roles(maria, archive=True, teams=("IBIS", "OMC"))
    assert is_archive_scientist(maria)
    assert list_teams(maria) == ("IBIS", "OMC")
    set_roles(maria, archive=False, teams=("JEM-X",))
    assert not is_archive_scientist(maria)
    assert list_teams(maria) == ("JEM-X",)


def test_command_makes_accounts_with_roles(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    out = io.StringIO()
    call_command("account", "add", "maria", "--archive", "--team", "IBIS", stdout=out)
    call_command("account", "list", stdout=out)
    assert "archive scientist, team IBIS" in out.getvalue()
    assert User.objects.get().check_password(PASSWORD)
    call_command("account", "token", "maria", stdout=(token := io.StringIO()))
    assert find_owner(token.getvalue().strip()).username == "maria"


@pytest.mark.parametrize("password", ["", "password", "12345678901"])
def test_command_refuses_weak_passwords(monkeypatch, password):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(UsageError):
        call_command("account", "add", "maria")
    assert not User.objects.exists()


def test_command_refuses_names(monkeypatch, maria):
    with pytest.raises(UsageError, match="already"):
        call_command("account", "add", "maria")
    with pytest.raises(UsageError, match="no user name"):
        call_command("account", "add", "a b<script>")
    with pytest.raises(NotFoundError):
        call_command("account", "roles", "nobody")


def test_a_new_password_ends_open_sessions(client, maria, monkeypatch):
    log_in(client)
    monkeypatch.setattr("sys.stdin", io.StringIO("another-crab-nebula-7\n"))
    call_command("account", "password", "maria", stdout=io.StringIO())
    assert client.get("/account").status_code == 302


def test_expired_sessions_are_removed(client, maria):
    from django.contrib.sessions.models import Session

    from archive.tasks import clear_sessions_task

    log_in(client)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    clear_sessions_task()
    assert not Session.objects.exists()
