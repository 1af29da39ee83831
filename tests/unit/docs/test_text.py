"""What the text tells people to type exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, get_commands, load_command_class

LAUNCHER_ONLY = {"test", "help"}
SHELL_BLOCK = re.compile(r"^ *```(?:console|sh)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def list_pages(checkout: Path) -> list[Path]:
    return [checkout / "README.md", *sorted((checkout / "docs").rglob("*.md"))]


def list_commands(checkout: Path) -> Iterator[tuple[str, list[str]]]:
    """Calls of the archive's command line in the blocks of every page: page and words."""
    for page in list_pages(checkout):
        if "_build" in page.parts:
            continue
        for block in SHELL_BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                call = re.search(r"(?:^|[ ;])(?:[$#] )?(?:\./archipelago|archipelago-admin) (\w.*)", line)
                if call:
                    yield page.name, shlex.split(call[1], comments=True)


def test_every_command_in_the_text_is_accepted_by_the_program(checkout):
    calls = list(list_commands(checkout))
    assert len(calls) > 10
    for page, words in calls:
        name, *arguments = [word for word in words if word not in {"&&", "\\"}]
        if name in LAUNCHER_ONLY:
            continue
        assert name in get_commands(), f"{page}: {' '.join(words)}"
        parser = load_command_class(get_commands()[name], name).create_parser("archipelago", name)
        try:
            parser.parse_args(arguments)
        except (SystemExit, CommandError) as error:
            pytest.fail(f"{page}: {' '.join(words)}: {error}")


def test_every_file_that_the_text_names_exists(checkout):
    roots = "archive|deploy|docs|hips|ingestion|tests|upper_limits|vo"
    for page in list_pages(checkout):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(rf"`((?:{roots})/[\w./-]+\.(?:py|sh|md|sql|yaml|conf|example))`", text):
            assert (checkout / name).exists(), f"{page.name} names {name}"


def test_every_file_that_the_how_to_installs_exists(checkout):
    text = (checkout / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"(?:/opt/archipelago/| )(deploy/[\w./-]+)", text)):
        assert list(checkout.glob(f"{name}*")) or name == "deploy/.env", name


def test_no_page_names_a_place_of_some_machine(checkout):
    for page in list_pages(checkout):
        assert not re.search(r"/work/|/home/\w+|/tmp/team", page.read_text(encoding="utf-8")), page.name
