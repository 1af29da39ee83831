"""A community product from a web form: the form becomes a label, the files a delivery, and the gates are the same."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from archive.errors import BusyError, UsageError
from archive.models import Submission
from archive.storage import digest_file
from ingestion.delivery import MANIFEST_NAME
from ingestion.gates import receive
from ingestion.label import COMMUNITY_LICENCES, FORMAT, INSTRUMENTS, LABEL_NAME
from ingestion.people import is_orcid, is_paper
from ingestion.sandbox import recognise_in_sandbox

TEAM_PREFIX = "community "
MAX_WAITING = 5
MAX_LIST = 20
_WIDTHS = {"title": 200, "description": 5000, "completeness": 1000}
_WAITING = (Submission.State.RECEIVING, Submission.State.RECEIVED, Submission.State.VALID)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the form says, checked: authors are ORCIDs, papers DOIs, bibcodes or arXiv numbers."""

    title: str
    description: str
    creators: tuple[str, ...]
    papers: tuple[str, ...]
    licence: str
    instruments: tuple[str, ...]
    completeness: str
    simulated: bool


def community_team(username: str) -> str:
    """Return the team for which an account signs its own community products."""
    return f"{TEAM_PREFIX}{username}"


def parse_form(values: Mapping[str, str], instruments: list[str]) -> Contribution:
    """Check the fields of the form.

    Raises
    ------
    UsageError
        With the field, what was found and what is expected.
    """
    texts = {name: " ".join(values.get(name, "").split()) for name in _WIDTHS}
    for name, text in texts.items():
        if len(text) > _WIDTHS[name] or not text.isprintable():
            raise UsageError(f"the {name} has {len(text)} characters; at most {_WIDTHS[name]} printable ones are kept")
    for name in ("title", "description"):
        if not texts[name]:
            raise UsageError(f"the {name} is empty; users will read it")
    creators = _list_of(
        values,
        "orcid",
        is_orcid,
        "the ORCID field",
        "16 digits in groups of four with a right check digit, such as 0000-0002-1825-0097; one for each author",
    )
    papers = _list_of(
        values,
        "papers",
        is_paper,
        "the field for papers",
        "a DOI (10.1051/...), a bibcode of 19 characters or an arXiv number (arXiv:2101.01234)",
    )
    licence = values.get("licence", "")
    if licence not in COMMUNITY_LICENCES:
        raise UsageError(f"the licence {licence[:40]!r} is not taken; choose {' or '.join(COMMUNITY_LICENCES)}")
    if unknown := sorted(set(instruments) - set(INSTRUMENTS)):
        raise UsageError(f"{unknown[0][:40]!r} is no instrument; known are {', '.join(INSTRUMENTS)}")
    return Contribution(
        texts["title"],
        texts["description"],
        creators,
        papers,
        licence,
        tuple(one for one in INSTRUMENTS if one in instruments),
        texts["completeness"],
        simulated=values.get("simulated") == "yes",
    )


def _list_of(
    values: Mapping[str, str], name: str, is_right: Callable[[str], bool], field: str, expected: str
) -> tuple[str, ...]:
    """Return the entries of a field, at least one, each of them right."""
    held = tuple(dict.fromkeys(values.get(name, "").replace(",", " ").split()))
    if len(held) > MAX_LIST:
        raise UsageError(f"the field {name} holds {len(held)} entries; at most {MAX_LIST} are kept")
    wrong = [one for one in held if not is_right(one)]
    if wrong or not held:
        found = repr(wrong[0][:60]) if wrong else "nothing"
        raise UsageError(f"{field} holds {found}; expected {expected}")
    return held


def refuse_too_many(username: str) -> None:
    """Let an account have so many deliveries between the gates, and no more.

    Raises
    ------
    BusyError
        If `MAX_WAITING` are waiting.
    """
    waiting = Submission.objects.filter(team=community_team(username), state__in=_WAITING).count()
    if waiting >= MAX_WAITING:
        raise BusyError(
            f"{waiting} of your products wait for validation or signatures; hand in more when they are done"
        )


def hand_in(contribution: Contribution, folder: Path, username: str) -> Submission:
    """Label the files of a folder as a delivery and take it into quarantine; the same again is the same delivery.

    Raises
    ------
    UsageError
        If there is no file, or one is of no known kind.
    """
    profiles = recognise_in_sandbox(folder)
    if not profiles:
        raise UsageError("no file was chosen; a product is at least one file")
    if unknown := sorted(name for name, profile in profiles.items() if not profile):
        raise UsageError(
            f"{', '.join(unknown[:5])}: of no known kind; docs/reference/delivery-formats.md lists what can be taken. "
            "A table that describes itself (ECSV, VOTable, Parquet, FITS with TUCD) is always taken"
        )
    digests = {name: digest_file(folder / name).sha256 for name in sorted(profiles)}
    identity = hashlib.sha256(repr((username, digests)).encode()).hexdigest()[:16]
    label = {
        "delivery_format": FORMAT,
        "delivery_id": f"community-{identity}",
        "kind": "community",
        "title": contribution.title,
        "description": contribution.description,
        "team": community_team(username),
        "contact_role": "author",
        "collection": "community",
        "instruments": list(contribution.instruments),
        "completeness": contribution.completeness,
        "creators": list(contribution.creators),
        "papers": list(contribution.papers),
        "licence": contribution.licence,
        "simulated": contribution.simulated,
        "files": [{"pattern": name, "profile": profile} for name, profile in sorted(profiles.items())],
    }
    written = {name: value for name, value in label.items() if value not in ("", [])}
    (folder / LABEL_NAME).write_text(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), "utf-8")
    digests[LABEL_NAME] = digest_file(folder / LABEL_NAME).sha256
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    (folder / MANIFEST_NAME).write_text("".join(lines), "utf-8")
    return receive(folder, actor=username)
