"""The notebook of a source is a valid notebook whose cells are Python."""

import ast
import json

import pytest

from tests.support.web_archive import CRAB, HOSTILE_ID


@pytest.mark.parametrize("source_id", [CRAB, HOSTILE_ID])
def test_notebook_is_valid_and_its_cells_compile(archive, client, source_id):
    response = client.get(f"/sources/{source_id}/notebook.ipynb")
    assert response["Content-Disposition"].endswith('.ipynb"')
    notebook = json.loads(response.content)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert set(cell) == {"cell_type", "id", "metadata", "execution_count", "outputs", "source"}
            ast.parse(cell["source"])
        else:
            assert set(cell) == {"cell_type", "id", "metadata", "source"}
            assert "<" not in cell["source"]
    assert sum("light-curve" in cell["source"] for cell in notebook["cells"]) == (source_id == CRAB)


def test_source_page_says_how_far_off_axis_and_how_to_cite(text):
    page = text(f"/sources/{CRAB}")
    assert "How far off-axis" in page
    assert 'class="dots" d="M' in page
    assert "Winkler et al. 2003, A&amp;A 411, L1" in page
    assert "conf.ISLA_TAP_SERVER" in page
