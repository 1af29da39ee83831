"""Sphinx's configuration; built strictly: ``sphinx-build -W docs docs/_build``."""

import os
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]

# The reference is generated from the code; reading the code takes settings, but no database and no data.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
os.environ.setdefault("ARCHIPELAGO_SECRET_KEY", "only-for-the-documentation")
os.environ.setdefault("ARCHIPELAGO_DATA", str(Path(tempfile.gettempdir()) / "archipelago-docs"))

project = "Archipelago"
author = "The Archipelago maintainers"
copyright = "2026, the Archipelago maintainers"
release = "0.1.0"

extensions = ["myst_parser", "archive_reference", "tutorial_notebooks"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext"]
nitpicky = True

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Archipelago"
html_static_path = ["_static"]
html_css_files = ["archipelago.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sourcelink = False
