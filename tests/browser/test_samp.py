"""Tables, images and spectra sent to the SAMP hub of pyvo (once astropy's), and what the page offers without a hub."""

import socket
import threading

import pytest
from pyvo.samp import SAMPHubServer, SAMPIntegratedClient, WebProfileDialog

from tests.support.web_archive import SERIES, SPECTRUM

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HUB = "http://localhost:21012/"


class Consent(WebProfileDialog):
    """Allows what asks, as a reader does in the window that a hub opens."""

    def __init__(self):
        super().__init__()
        self.asked, self.ended = [], threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.02):
            self.handle_queue()

    def show_dialog(self, samp_name, details, client, origin):
        self.asked.append(samp_name)
        self.consent()


@pytest.fixture
def hub(tmp_path):
    """A hub with the web profile, and who asked it."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 21012)) == 0:
            pytest.skip("a SAMP hub of somebody else runs here: port 21012 is taken")
    dialog = Consent()
    server = SAMPHubServer(lockfile=str(tmp_path / "samp"), web_profile_dialog=dialog, mode="multiple")
    server.start()
    yield server, dialog
    server.stop()
    dialog.ended.set()
    dialog.thread.join(10)


@pytest.fixture
def viewer(hub):
    """A program that takes everything; what it got, in order."""
    got, client = [], SAMPIntegratedClient(name="viewer")
    client.connect(hub=hub[0])
    came = threading.Semaphore(0)

    def take(private_key, sender, mtype, params, extra):
        got.append((mtype, params))
        came.release()

    for mtype in ("table.load.votable", "spectrum.load.ssa-generic"):
        client.bind_receive_notification(mtype, take)
    yield got, came
    client.disconnect()


def test_products_are_sent_when_the_reader_presses_and_not_before(open_page, site, hub, viewer):
    got, came = viewer
    page = open_page(f"/products/{SERIES}", hub=HUB)
    assert hub[1].asked == []
    page.get_by_role("button", name="Send to TOPCAT").click()
    page.get_by_text("Sent to 1 program.").wait_for()
    page.goto(f"{site}/products/{SPECTRUM}")
    page.get_by_role("button", name="Send to a spectrum viewer").click()
    page.get_by_text("Sent to 1 program.").wait_for()
    assert came.acquire(timeout=10)
    assert came.acquire(timeout=10)
    assert hub[1].asked == ["Archipelago", "Archipelago"]
    (table, table_params), (spectrum, spectrum_params) = got
    assert (table, table_params["url"]) == ("table.load.votable", f"{site}/votable/{SERIES}")
    assert spectrum == "spectrum.load.ssa-generic"
    assert spectrum_params["url"].startswith(f"{site}/products/{SPECTRUM}/files/")
    assert spectrum_params["meta"]["Access.Reference"] == spectrum_params["url"]


def test_without_a_hub_the_address_can_be_copied(open_page, site):
    page = open_page(f"/products/{SERIES}", hub="http://", forgiven="ERR_CONNECTION_REFUSED")
    page.get_by_role("button", name="Send to TOPCAT").click()
    page.get_by_text("no SAMP hub answers on this computer").wait_for()
    assert page.get_by_label("Address to load by hand").input_value() == f"{site}/votable/{SERIES}"
