import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_first_connection_starts_the_server():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        (version,) = cursor.fetchone()
    assert version >= 150000


@pytest.mark.django_db
def test_text_sorts_by_code_point():
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t, '' ORDER BY t COLLATE \"default\") FROM unnest(ARRAY['b','B','a','é']) t")
        assert cursor.fetchone() == ("Babé",)


def test_no_test_reaches_the_outside():
    import socket

    with pytest.raises(PermissionError, match="tests stay on this machine"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
