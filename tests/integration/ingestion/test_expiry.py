"""What leaves quarantine by itself, and what never does."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from tests.support.deliveries import deliver, seal

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stores")]


def hand_in(folder, *, good, **changes):
    from ingestion import gates

    deliver(folder, **changes)
    if not good:
        (folder / "notes.txt").write_text("nobody declared this")
        seal(folder)
    return gates.check(gates.receive(folder, actor="team").pk)


def age(submission, days):
    from archive.models import Submission

    back = timedelta(days=days)
    times = {"received_at": submission.received_at - back, "checked_at": submission.checked_at - back}
    Submission.objects.filter(pk=submission.pk).update(**times)
    submission.refresh_from_db()


def test_refused_packages_go_and_waiting_ones_stay(tmp_path, client, capsys):
    from archive.audit import verify_log
    from archive.models import AuditEntry
    from ingestion.expiry import expire_packages, kept_until
    from ingestion.gates import package_path

    refused, waiting = hand_in(tmp_path / "a", good=False, delivery_id="bad"), hand_in(tmp_path / "b", good=True)
    assert (refused.state, waiting.state) == ("INVALID", "VALID")
    assert f"{kept_until(refused):%Y-%m-%d}" in client.get(reverse("delivery", args=["bad"])).text
    call_command("delivery", "status", "bad")
    assert f"stay in quarantine until {kept_until(refused):%Y-%m-%d}" in capsys.readouterr().out
    assert expire_packages() == []
    age(refused, 91)
    age(waiting, 91)
    call_command("delivery", "expire")
    assert "bad (1)" in capsys.readouterr().out
    assert not package_path(refused).exists()
    assert package_path(waiting).exists(), "what waits for signatures is never removed"
    assert kept_until(refused) is None
    assert client.get(reverse("delivery-report", args=["bad"])).json()["verdict"] == "invalid", "the report stays"
    assert AuditEntry.objects.filter(action="delivery expired", subject="bad (1)").count() == 1
    verify_log()
    call_command("delivery", "expire")
    assert "Nothing to remove" in capsys.readouterr().out


def test_an_attempt_goes_when_its_successor_is_old(tmp_path):
    from ingestion.expiry import expire_packages
    from ingestion.gates import package_path

    first = hand_in(tmp_path / "a", good=True)
    second = hand_in(tmp_path / "b", good=True, title="Corrected")
    assert (second.delivery_id, second.attempt) == (first.delivery_id, 2)
    age(first, 91)
    assert expire_packages() == [], "its successor is of today"
    age(second, 91)
    assert expire_packages() == ["test-1 (1)"]
    assert not package_path(first).exists()
    assert package_path(second).exists()


def test_the_queue_is_counted(tmp_path, client):
    from ingestion import gates
    from ingestion.expiry import count_ahead

    one, two = (
        gates.receive(deliver(tmp_path / name, delivery_id=name), actor="team") for name in ("first-one", "second-one")
    )
    assert (count_ahead(one), count_ahead(two)) == (0, 1)
    assert "1 delivery waits before it" in client.get(reverse("delivery", args=["second-one"])).text
    assert count_ahead(gates.check(one.pk)) == 0
    assert count_ahead(two) == 0
