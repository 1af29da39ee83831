"""What every test gets: our own database server and no way out of this machine."""

import ipaddress
import os
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"  # a path: Unix socket
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host in {None, "", "localhost", b"localhost", "testserver"}:
        return
    try:
        allowed = ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise PermissionError(f"a test tried to reach {host!r}: tests stay on this machine")


# An audit hook sees every connection of the process, whichever library makes it.
sys.addaudithook(_refuse_outside)


@pytest.fixture(autouse=True)
def _counts_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute after the last time, a request would write the counts of use: tests without a database would fail."""
    monkeypatch.setattr("archive.usage.FLUSH_EVERY_S", float("inf"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Root of the source tree."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real INTEGRAL files; the test is skipped where it is absent."""
    directory = Path(os.environ.get("ARCHIPELAGO_SHARED", CHECKOUT.parent / "shared")) / "data"
    if not directory.is_dir():
        pytest.skip(f"the shared data folder {directory} is absent (set ARCHIPELAGO_SHARED)")
    return directory
