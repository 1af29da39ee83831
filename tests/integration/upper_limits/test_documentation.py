"""Every request in the how-to of upper limits is answered, and its Python runs."""

import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.upper_limits.conftest import CRAB
from tests.integration.upper_limits.test_epochs import archive, history
from vo.adql.parser import parse_query

__all__ = ["archive", "history"]
pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).parents[3] / "docs/how-to/upper-limits.md").read_text()
BASE = "http://127.0.0.1:8000"
ADDRESSES = sorted(set(re.findall(rf"'({BASE}/api/v1/upper-limits[^']*)'", PAGE)))
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def here(address):
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_each_address_is_answered(client, history):
    assert len(ADDRESSES) == 7
    for path in map(here, ADDRESSES):
        if "?format=parquet" in path:
            body = f"ra,dec,label\n{CRAB[0]},{CRAB[1]},the Crab\n10.0,95.0,not on the sky\n"
            response = client.post(path, body, content_type="text/csv")
        else:
            response = client.get(path)
        content = response.getvalue() if response.streaming else response.content
        assert response.status_code == 200, (path, content)
        assert len(content) > 20, path


def test_the_python_runs(client, limits, monkeypatch, capsys):
    assert len(BLOCKS) == 2

    def urlopen(url):
        return io.BytesIO(client.get(here(url)).getvalue())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    exec(compile(BLOCKS[0], "how-to", "exec"), {})  # noqa: S102 - the block of our own page
    said = capsys.readouterr().out
    assert said.count(" keV limit ") == 2
    assert "simulated" in said
    query = "".join(re.findall(r'^    "(.*)"$', BLOCKS[1], re.MULTILINE))
    assert "integral_ul" in query
    parse_query(query)
