"""The rules of the validator, collected from its source: code, severity, what is said, what to do.

A rule is a place in the code that makes a finding, so the list cannot differ from what is checked. ``python -m
ingestion.rules`` writes docs/reference/rules.md; a test keeps the two equal, and another wants a planted defect for
each rule. Codes are never used again for another meaning.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

CODE = re.compile(r"[A-Z][A-Z0-9]+(-[A-Z0-9]+)*")
SEVERITIES = ("error", "warning", "info")
_ROOT = Path(__file__).resolve().parent.parent
REMEDIES_PATH = Path(__file__).with_name("remedies.yaml")
_NOT_RULES = {
    "jobs.py",
    "load.py",
    "services.py",
    "progress.py",
    "urls.py",
    "views.py",
    "read_back.py",
    "quarantine.py",
    "unpack.py",
    "rehearsal.py",
    "rehearsal_run.py",
}
# Functions that make findings: position of the code; its severity stands behind it, or is always error.
_MAKERS = {"Finding": 0, "add": 0, "refuse": 0, "fail": 0, "_wrong": 0, "note_rows": 2, "require_hdu": 2}
_ALWAYS_ERROR = {"refuse", "fail", "_wrong", "note_rows", "require_hdu"}
_OUTSIDE = {"require_hdu": "no HDU is of this class"}  # says its message itself


@dataclass(frozen=True, slots=True)
class Rule:
    """A code with everything that findings of this code say."""

    code: str
    severities: tuple[str, ...]
    messages: tuple[str, ...]
    remedies: tuple[str, ...]


def rule_sources() -> tuple[Path, ...]:
    """Return the modules whose source is the rules."""
    own = (path for path in (_ROOT / "ingestion").glob("*.py") if path.name not in _NOT_RULES)
    return tuple(
        sorted([*own, *(_ROOT / "ingestion/profiles").glob("*.py"), *(_ROOT / "archive/formats").glob("*.py")])
    )


@cache
def rules_sha256() -> str:
    """Return the digest of the rules' source, which a report carries: equal digest, equal verdict."""
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(_ROOT).as_posix()}\n"
        for path in (*rule_sources(), *sorted((_ROOT / "ingestion/profiles").glob("*.yaml")), REMEDIES_PATH)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def collect_rules() -> tuple[Rule, ...]:
    """Return every rule, by code.

    Examples
    --------
    >>> next(rule for rule in collect_rules() if rule.code == "BAG-FETCH").severities
    ('error',)
    """
    said: dict[str, tuple[set[str], dict[str, None], dict[str, None]]] = {}
    for path in rule_sources():
        for code, severities, message, remedy in _findings_in(ast.parse(path.read_text("utf-8"))):
            known = said.setdefault(code, (set(), {}, {}))
            known[0].update(severities)
            known[1].update(dict.fromkeys(message))
            known[2].update(dict.fromkeys(remedy))
    written = remedies_of_rules()
    return tuple(
        Rule(
            code,
            tuple(word for word in SEVERITIES if word in severities),
            tuple(messages),
            tuple(remedies) or ((written[code],) if code in written else ()),
        )
        for code, (severities, messages, remedies) in sorted(said.items())
    )


def remedies_of_rules() -> dict[str, str]:
    """Return what to do about rules whose findings do not say so themselves, by code."""
    return yaml.safe_load(REMEDIES_PATH.read_text("utf-8"))


def _findings_in(tree: ast.Module) -> Iterator[tuple[str, set[str], list[str], list[str]]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    constants = _assigned_texts(tree.body)
    for function in functions:
        texts = [*constants, *_assigned_texts(list(ast.walk(function)))]
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = _MAKERS.get(name)
            if place is None or len(node.args) + (name in _OUTSIDE) < place + 2:
                continue
            for code in (text for text in _texts(node.args[place], texts) if CODE.fullmatch(text)):
                rest = node.args[place + 1 :]
                severities = {"error"}
                if name not in _ALWAYS_ERROR:
                    severities = set(_texts(rest[0], texts)) & set(SEVERITIES) if rest else {"error"}
                    rest = rest[1:]
                remedy = [text for word in node.keywords if word.arg == "fix" for text in _texts(word.value, texts)]
                messages = [_OUTSIDE[name]] if name in _OUTSIDE else _texts(rest[0], texts) if rest else []
                yield code, severities or {"error", "warning"}, messages, remedy


Assigned = list[tuple[str, int, list[str]]]
"""Local names with the line of an assignment and the texts assigned."""


def _assigned_texts(nodes: Iterable[ast.AST]) -> Assigned:
    assigned: Assigned = []
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            assigned += [(one.id, node.lineno, _texts(value, [])) for one, value in pairs if isinstance(one, ast.Name)]
    return sorted(assigned, key=lambda item: item[1])


def _texts(node: ast.expr, known: Assigned) -> list[str]:
    """Return the texts an expression may have; what a template fills in shows as three dots."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)]
        case ast.IfExp(body=first, orelse=second):
            return [*_texts(first, known), *_texts(second, known)]
        case ast.BinOp(left=first, right=_):
            return _texts(first, known)
        case ast.Name(id=name):
            before = [texts for held, line, texts in known if held == name and line <= node.lineno]
            return before[-1] if before else []
        case _:
            return []


def describe_rules() -> str:
    """Write the list of rules as the page of the documentation."""
    rules = collect_rules()
    lines = [
        "# Rules of the validator",
        "",
        "<!-- Written by `python -m ingestion.rules`; do not edit. -->",
        "",
        f"The {len(rules)} rules that `archipelago delivery validate` and `archipelago ingest` apply. A code keeps its",
        "meaning for ever. An *error* keeps the whole delivery out, a *warning* is shown and the delivery loaded,",
        "*info* records a decision. Three dots stand for what a finding fills in; each also says where it is, what was",
        "found and what was expected. Some rules are errors in a delivery and warnings in a folder without label.",
        "",
        "| code | severity | what it says | what to do |",
        "| --- | --- | --- | --- |",
    ]
    for rule in rules:
        cells = (
            f'<span id="{rule.code.lower()}"></span>`{rule.code}`',
            ", ".join(rule.severities),
            "; ".join(_cell(text) for text in rule.messages),
            " ".join(_cell(text) for text in rule.remedies),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([|<>*_\[\]])", r"\\\1", text.replace("`", "'"))


if __name__ == "__main__":
    sys.stdout.write(describe_rules())
