"""Sphinx directives that write the reference from the code: published tables and commands."""

import os
from collections.abc import Iterator, Mapping

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from archive.published import SCHEMAS, Column, Table, load_optional_tables, load_tables

TABLE_HEADERS = ("Column", "Type", "Unit", "UCD", "What it is")


class PublishedTables(Directive):
    """``{published-tables} SCHEMA``: a section for every published table of the schema, with all its columns."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the sections."""
        schema = self.arguments[0]
        if schema not in SCHEMAS:
            raise self.error(f"there is no published schema {schema!r}; there are {', '.join(SCHEMAS)}")
        published = {**load_tables(), **load_optional_tables()}
        tables = [table for table in published.values() if table.schema == schema]
        return [_describe_table(table, self.state.document) for table in tables]


class CommandUsage(Directive):
    """``{command-usage} NAME``: what ``./archipelago help NAME`` prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the usage as a literal block."""
        name = self.arguments[0]
        if name not in find_commands():
            raise self.error(f"there is no command {name!r}; there are {', '.join(find_commands())}")
        text = describe_usage(name)
        return [nodes.literal_block(text, text, language="text")]


def find_commands() -> Mapping[str, str]:
    """Return the archive's own commands: name and the package that has it."""
    import django  # noqa: PLC0415 - after conf.py has set the environment
    from django.core.management import get_commands  # noqa: PLC0415

    django.setup()
    own = {"archive", "ingestion", "vo", "hips", "upper_limits"}
    return {name: str(app) for name, app in sorted(get_commands().items()) if app in own}


def describe_usage(name: str) -> str:
    """Return a command's usage, without the options that every Django command has."""
    from django.core.management import load_command_class  # noqa: PLC0415
    from django.core.management.base import DjangoHelpFormatter  # noqa: PLC0415

    os.environ["COLUMNS"] = "100"  # argparse folds its text to the terminal
    parser = load_command_class(find_commands()[name], name).create_parser("archipelago", name)
    common = DjangoHelpFormatter.show_last
    for action in list(parser._actions):  # noqa: SLF001 - argparse has no public list of its options
        if common.intersection(action.option_strings) or "--help" in action.option_strings:
            parser._remove_action(action)  # noqa: SLF001
            for group in parser._action_groups:  # noqa: SLF001
                if action in group._group_actions:  # noqa: SLF001
                    group._group_actions.remove(action)  # noqa: SLF001
    return parser.format_help().strip().replace("usage: archipelago", "usage: ./archipelago", 1)


def _describe_table(table: Table, document: nodes.document) -> nodes.section:
    section = nodes.section(ids=[nodes.make_id(table.name)], names=[table.name])
    document.note_explicit_target(section)
    section += nodes.title("", "", nodes.literal(text=table.name), nodes.Text(f" - {table.title}"))
    section += nodes.paragraph(text=table.description)
    section += _make_columns(table)
    for key in table.keys:
        own, target = (", ".join(names) for names in zip(*key.columns, strict=True))
        line = nodes.paragraph()
        line += [nodes.Text("Joins "), nodes.literal(text=key.target), nodes.Text(" by ")]
        line += [nodes.literal(text=own), nodes.Text(" = "), nodes.literal(text=target)]
        line += nodes.Text(f": {key.description}")
        section += line
    return section


def _make_columns(table: Table) -> nodes.table:
    group = nodes.tgroup(cols=len(TABLE_HEADERS))
    group += [nodes.colspec(colwidth=width) for width in (20, 10, 10, 20, 60)]
    head, body = nodes.thead(), nodes.tbody()
    head += _make_row([nodes.Text(text)] for text in TABLE_HEADERS)
    for column in table.columns:
        body += _make_row(_describe_column(column))
    group += [head, body]
    return nodes.table("", group, classes=["published-columns"])


def _describe_column(column: Column) -> Iterator[list[nodes.Node]]:
    yield [nodes.literal(text=column.name)]
    array = f"({column.arraysize})" if column.arraysize else ""
    yield [nodes.Text(f"{column.datatype}{array}{f', {column.xtype}' if column.xtype else ''}")]
    yield [nodes.Text(column.unit or "")]
    yield [nodes.literal(text=column.ucd)] if column.ucd else []
    yield [nodes.Text(column.description)]


def _make_row(cells: Iterator[list[nodes.Node]]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", nodes.paragraph("", "", *cell))
    return row


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives; the reference is written anew in every build."""
    app.add_directive("published-tables", PublishedTables)
    app.add_directive("command-usage", CommandUsage)
    app.connect("env-get-outdated", lambda *_: ["reference/tables", "reference/commands"])
    return {"parallel_read_safe": True}
