"""From a list or a name to a tar whose every file is compared: by mouse, by keyboard alone, on a phone, without scripts."""

import hashlib
import tarfile

import pytest

from tests.support.web_archive import CRAB

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIST = "# my targets\nCrab\n83.70 22.05\nDouble name\nno such thing\n12 95\n"
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
FILES = ("series.fits", "spectrum.fits", "rmf.fits")


@pytest.fixture
def originals(site, tmp_path):
    """SHA-256 of the three files of the Crab as they were before the archive took them."""
    return sorted(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in FILES)


def fetch_tar(page, originals, *, act):
    """Fetch the tar of the basket by `act`: what is inside must be the originals, and the manifest must say so."""
    with page.expect_download() as waiting:
        act()
    assert waiting.value.suggested_filename == "archipelago.tar"
    with tarfile.open(waiting.value.path()) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    texts = {name: content for name, content in contents.items() if name.count("/") == 1}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name not in texts}
    assert sorted(found.values()) == originals
    said = dict(
        reversed(line.split("  ", 1)) for line in texts["archipelago/manifest-sha256.txt"].decode().splitlines()
    )
    assert said == found
    assert b"INTEGRAL" in texts["archipelago/ACKNOWLEDGEMENT.txt"]
    assert texts["archipelago/references.bib"].startswith(b"@")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["scripts", "no-scripts"])
def test_from_a_list_of_targets_to_a_verified_tar(open_page, originals, options):
    page = open_page("/tables/", **options)
    page.get_by_role("link", name="target list").click()
    page.fill("#targets", LIST)
    page.get_by_role("button", name="Look them up").click()
    rows = page.get_by_role("region", name="Targets").locator("tbody tr")
    states = [cells.splitlines()[0] for cells in rows.locator("td:nth-child(3)").all_inner_texts()]
    assert rows.locator("td:first-child").all_inner_texts() == ["2", "3", "4", "5", "6"]
    assert page.input_value("#targets") == LIST
    assert states == ["found", "found", "ambiguous", "no source", "unreadable"]
    assert rows.locator(f"a[href='/sources/{CRAB}']").count() == 2
    page.get_by_role("button", name="The 2 products of 1 source into the basket").click()
    page.wait_for_url("**/basket")
    assert page.locator("main").get_by_role("link", name="Crab ISGRI").count() == 2
    fetch_tar(page, originals, act=page.get_by_role("link", name="One tar").click)


def press_tab_until(page, wanted, *, most=250):
    """Walk with the keyboard as a reader does; what has the focus must be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            assert wanted.is_visible()
            return
    raise AssertionError(f"{most} times Tab do not reach {wanted}")


def test_with_the_keyboard_alone_from_a_name_to_a_verified_tar(open_page, originals):
    page = open_page("/")
    press_tab_until(page, page.locator("#q"))
    page.keyboard.type("crab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sources/{CRAB}")
    press_tab_until(page, page.get_by_role("button", name="All into the basket"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/basket")
    tar = page.get_by_role("link", name="One tar")
    press_tab_until(page, tar)
    fetch_tar(page, originals, act=lambda: page.keyboard.press("Enter"))


def test_on_a_phone_from_a_name_over_the_light_curve_to_a_verified_tar(open_page, originals):
    page = open_page("/", **PHONE)
    page.fill("#q", "crab")
    page.locator(".hero-search button").tap()
    page.wait_for_url(f"**/sources/{CRAB}")
    plot = page.locator("[data-plot=light-curve]").first
    plot.scroll_into_view_if_needed()
    plot.locator("canvas").wait_for()
    plot.get_by_role("button", name="IJD").tap()
    page.wait_for_url("**axis=ijd**")
    # Drawn anew, and not wider than the screen.
    page.wait_for_function("document.querySelector('[data-plot=light-curve] canvas')?.clientWidth <= 360")
    page.get_by_role("button", name="All into the basket").tap()
    page.wait_for_url("**/basket")
    fetch_tar(page, originals, act=page.get_by_role("link", name="One tar").tap)
