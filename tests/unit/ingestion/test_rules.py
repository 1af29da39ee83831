"""Every rule is in the documentation and has a planted defect that trips it."""

import ast
import re
from pathlib import Path

from ingestion.rules import CODE, collect_rules, describe_rules, remedies_of_rules, rule_sources

TESTS = Path(__file__).parents[2]
DEFECTS = ("unit/ingestion", "unit/archive/formats", "integration/ingestion")


def asserted_codes():
    """Codes that tests of the readers and the pipeline name, each beside the defect that they plant."""
    for folder in DEFECTS:
        for path in (TESTS / folder).rglob("test_*.py"):
            if path != Path(__file__):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield from re.findall(r"[A-Z][A-Z0-9-]+", node.value)


def test_every_rule_has_a_planted_defect():
    planted = set(asserted_codes())
    assert sorted(rule.code for rule in collect_rules() if rule.code not in planted) == []


def test_the_documentation_lists_every_rule(checkout):
    page = (checkout / "docs" / "reference" / "rules.md").read_text("utf-8")
    assert page == describe_rules(), "run: python -m ingestion.rules > docs/reference/rules.md"


def test_no_code_escapes_the_list():
    """Whatever looks like a code in the source of the rules is a rule, or is known to be something else."""
    others = {
        *("GNRL-EVTS", "GNRL-REFR-CAT", "IBIS-SURVEY-CAT", "IREM-CNTS", "JEMX-SURVEY-CAT", "OMC-SRC-CAT"),
        *("OMC-SRC-LCR", "SCIENCE-WINDOWS", "SKY-MAPS", "SPI-ACS", "SPI-GRB-CAT", "UTF-8"),
    }
    held = {
        node.value
        for path in rule_sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "-" in node.value
        and CODE.fullmatch(node.value)
    }
    assert held - others == {rule.code for rule in collect_rules() if "-" in rule.code}


def test_every_rule_says_something():
    silent = [rule.code for rule in collect_rules() if not rule.messages or not rule.severities]
    # These pass on what the archive, astropy and the parser of times say.
    assert silent == ["ARCHIVE-REFUSED", "FITS-NOTE", "TIME-UTC"]


def test_every_rule_says_what_to_do():
    assert [rule.code for rule in collect_rules() if not "".join(rule.remedies)] == []


def test_no_remedy_is_left_of_a_rule_that_is_gone():
    assert set(remedies_of_rules()) <= {rule.code for rule in collect_rules()}


def test_every_remedy_is_one_sentence():
    odd = [code for code, words in remedies_of_rules().items() if not words[0].isupper() or not words.endswith(".")]
    assert odd == []
