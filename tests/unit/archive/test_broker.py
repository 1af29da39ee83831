"""Messages in files appear whole, and a damaged one stops nobody."""

from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from archive import broker


@pytest.fixture
def channel(tmp_path):
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path / "c")}
    with Connection(transport=broker.Transport, transport_options=options) as connection:
        yield connection.channel()


def test_a_message_has_its_name_when_it_is_complete(channel, tmp_path, monkeypatch):
    seen = []

    def look_before(self, text, **options):
        with pytest.raises(Empty):  # a worker that looks just now
            channel._get("celery")
        seen.append(write(self, text, **options))
        with pytest.raises(Empty):
            channel._get("celery")

    write = Path.write_text
    monkeypatch.setattr(Path, "write_text", look_before)
    channel._put("celery", {"body": "ä"})
    assert len(seen) == 1
    assert channel._get("celery") == {"body": "ä"}
    assert list(tmp_path.glob("*.msg")) == list(tmp_path.glob("*.part")) == []


def test_a_damaged_message_is_left_out_and_the_next_one_read(channel, tmp_path, caplog):
    (tmp_path / "0_x.celery.msg").write_bytes(b"")
    channel._put("celery", {"n": 1})
    with pytest.raises(Empty):
        channel._get("celery")
    assert "a damaged message of queue celery is left out" in caplog.text
    assert channel._get("celery") == {"n": 1}


def test_the_archive_uses_it(settings, tmp_path):
    from archive.celery import app, make_broker_options

    settings.DATA_ROOT, settings.CELERY_BROKER_URL = tmp_path, ""
    options = make_broker_options()
    with app.connection_for_write(url=options["broker_url"]) as connection:
        assert connection.get_transport_cls() is broker.Transport
