"""The documentation names everything that users meet: tables, columns, settings, commands and addresses."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from archive.published import SCHEMAS, load_tables

PACKAGES = ("archive", "ingestion", "vo", "hips", "upper_limits")
READERS = {"_require", "_flag", "_words"}
"""Functions of archive/settings.py that read the environment."""

FOREIGN = {"HOME", "PATH", "PYTHONPATH", "PYTHONSAFEPATH", "DJANGO_SETTINGS_MODULE", "COLUMNS", "NO_COLOR", "TMPDIR"}
"""Variables of the system, which are not ours to document."""


def read_page(checkout: Path, name: str) -> str:
    return (checkout / "docs" / name).read_text(encoding="utf-8")


def find_variables(path: Path) -> Iterator[str]:
    """Names that a module asks of the environment: os.environ[...], os.environ.get(...), and the settings' readers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Subscript(
                value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str(name)), ctx=ast.Load()
            ):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"), args=[first, *_]):
                yield from (
                    n.value for n in ast.walk(first) if isinstance(n, ast.Constant) and isinstance(n.value, str)
                )
            case ast.Call(func=ast.Name(id=reader), args=[ast.Constant(value=str(name)), *_]) if reader in READERS:
                yield name
            case _:
                pass


def find_all_variables(checkout: Path) -> set[str]:
    modules = [path for package in PACKAGES for path in (checkout / package).rglob("*.py")]
    found = {name for path in [*modules, checkout / "archipelago"] for name in find_variables(path)}
    return {name for name in found - FOREIGN if name.isupper()}


def test_every_setting_is_documented_and_no_other(checkout):
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", read_page(checkout, "reference/settings.md"), re.MULTILINE))
    assert find_all_variables(checkout) == documented


def test_an_undocumented_setting_is_found(tmp_path):
    module = tmp_path / "settings.py"
    module.write_text(
        "import os\nA = _flag('NEW_FLAG')\nB = os.environ.get('NEW_NAME', '')\nC = os.environ['NEW_KEY']\n"
    )
    assert set(find_variables(module)) == {"NEW_FLAG", "NEW_NAME", "NEW_KEY"}


def test_the_example_of_the_settings_names_documented_ones_only(checkout):
    text = (checkout / "deploy" / "archipelago.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
    assert named <= find_all_variables(checkout)
    assert "ARCHIPELAGO_SECRET_KEY" in named


def test_every_published_schema_has_its_section(checkout):
    sections = re.findall(r"\{published-tables\} (\w+)", read_page(checkout, "reference/tables.md"))
    assert sections == list(SCHEMAS)


def test_every_table_and_column_says_what_it_is():
    for table in load_tables().values():
        assert table.title, table.name
        assert len(table.description) > 20, f"{table.name} has no description worth the name"
        for column in table.columns:
            assert column.description.strip(), f"{table.name}.{column.name}"


@pytest.fixture
def reference(checkout, monkeypatch):
    monkeypatch.syspath_prepend(str(checkout / "docs" / "_ext"))
    import archive_reference

    yield archive_reference
    sys.modules.pop("archive_reference", None)


def test_every_command_is_documented_and_no_other(checkout, reference):
    documented = re.findall(r"\{command-usage\} (\S+)", read_page(checkout, "reference/commands.md"))
    assert len(documented) == len(set(documented))
    assert set(documented) == set(reference.find_commands())


def test_a_usage_is_what_the_program_says_without_djangos_own_options(reference):
    usage = reference.describe_usage("serve")
    assert usage.startswith("usage: ./archipelago serve")
    assert "--port" in usage
    assert "--settings" not in usage


def list_routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from list_routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield entry.name or "", route


def test_every_address_is_documented_and_no_other(checkout):
    rows = re.findall(
        r"^\| `(/\S*)`.*\| `([a-z0-9_-]+)` \|$", read_page(checkout, "reference/endpoints.md"), re.MULTILINE
    )
    documented = {name for _, name in rows}
    named = {name for name, _ in list_routes(get_resolver()) if name}
    assert named == documented


def test_decisions_have_the_five_sections(checkout):
    pages = sorted((checkout / "docs" / "decisions").glob("[0-9]*.md"))
    assert pages
    for page in pages:
        headings = re.findall(r"^## (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        expected = ["Status", "Context", "Decision", "Alternatives", "Consequences"]
        assert [heading for heading in headings if heading in expected] == expected, page.name
