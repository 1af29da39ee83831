"""Each tutorial in Python as a Jupyter notebook to download, made from its text when the documentation is built."""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx

TUTORIALS = ("from-python",)
_BLOCK = re.compile(r"^```python\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_ROLE = re.compile(r"\{download\}`([^<`]+?) ?<[^>`]*>`")


def make_notebook(text: str) -> str:
    r"""Return a notebook (nbformat 4.5) whose code cells are the Python blocks of a tutorial.

    Examples
    --------
    >>> [cell["cell_type"] for cell in json.loads(make_notebook("# A\n\n```python\n1 + 1\n```\n"))["cells"]]
    ['markdown', 'code']
    """
    cells: list[dict[str, object]] = []
    for number, part in enumerate(_BLOCK.split(text)):
        if not part.strip():
            continue
        cell: dict[str, object] = {"id": f"cell-{number}", "metadata": {}, "source": _ROLE.sub(r"\1", part).strip()}
        if number % 2:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        else:
            cell["cell_type"] = "markdown"
        cells.append(cell)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def write_notebooks(app: Sphinx) -> None:
    """Write the notebooks where the pages link to them."""
    source = Path(app.srcdir)
    for name in TUTORIALS:
        text = (source / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
        (source / "_static" / f"{name}.ipynb").write_text(make_notebook(text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_notebooks)
    return {"parallel_read_safe": True}
