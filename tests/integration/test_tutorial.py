"""The tutorial in Python is executed as it stands, against a server with the small archive; its notebook has the same code."""

import json
import re

import pytest

from tests.support.tap_worker import closed_pools
from tests.support.web_archive import CRAB, fill_archive

__all__ = ["closed_pools"]
pytestmark = [pytest.mark.django_db(transaction=True)]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS_IN_THE_TEXT = "http://127.0.0.1:8000"


# These clients leave their sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning", "ignore::UserWarning:matplotlib")
def test_every_block_does_what_the_text_says(live_server, settings, tmp_path, checkout, monkeypatch, closed_pools):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.RESULTS_ROOT, settings.LIMITS_ROOT = tmp_path / "jobs", tmp_path / "upper_limits"
    settings.PUBLIC_URL = live_server.url
    fill_archive(tmp_path, map_order=6)
    from upper_limits.services import build_current_store

    build_current_store()
    text = (checkout / "docs" / "tutorials" / "from-python.md").read_text(encoding="utf-8")
    blocks, names = BLOCK.findall(text), {}
    for number, block in enumerate(blocks, start=1):
        code = block.replace(ADDRESS_IN_THE_TEXT, live_server.url)
        exec(compile(code, f"block {number}", "exec"), names)  # noqa: S102 - our own documentation
    names["plt"].close("all")
    assert names["source"]["source_id"] == CRAB
    assert names["found"]["name"][0] == "Crab"
    assert len(names["pointings"]) == 6
    assert names["pointings"]["off_axis_deg"].unit == "deg"
    assert len(names["points"]) == 50
    assert names["answer"]["results"][0]["upper_limit_mcrab"] > 0
    assert {name for name, _ in names["limits"]} == {"Crab", "empty field", "Galactic centre"}
    assert names["coverage"].sky_fraction == 1
    assert names["values"].shape == (8, 8)


def test_the_notebook_has_the_code_of_the_text(checkout, monkeypatch):
    monkeypatch.syspath_prepend(checkout / "docs" / "_ext")
    from tutorial_notebooks import make_notebook

    text = (checkout / "docs" / "tutorials" / "from-python.md").read_text(encoding="utf-8")
    notebook = json.loads(make_notebook(text))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code == [block.strip() for block in BLOCK.findall(text)]
    assert not any("```python" in cell["source"] or "{download}" in cell["source"] for cell in notebook["cells"])
