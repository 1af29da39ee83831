"""The documentation is built strictly, as readers get it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("docs")
    environment = {**os.environ, "ARCHIPELAGO_DATA": str(target / "data")}
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-d",
            target / "doctrees",
            checkout / "docs",
            target,
        ],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
    )
    assert answer.returncode == 0, answer.stderr
    return target


def test_every_column_is_on_the_page_of_tables(built):
    from archive.published import load_tables

    page = (built / "reference" / "tables.html").read_text(encoding="utf-8")
    for table in load_tables().values():
        section = re.search(
            rf'<section id="{table.name.replace(".", "-").replace("_", "-")}".*?</section>', page, re.DOTALL
        )
        assert section, table.name
        for column in table.columns:
            assert f'<span class="pre">{column.name}</span>' in section[0], f"{table.name}.{column.name}"


def test_no_page_asks_anything_from_another_host(built):
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(https?://[^"]+)"', text)
        assert not fetched, f"{page.name}: {fetched}"
