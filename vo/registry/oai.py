"""The verbs of OAI-PMH 2.0 over a list of records, as Registry Interfaces 1.1 asks of a publishing registry."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from archive.errors import UsageError
from vo.registry.capabilities import MAX_RECORDS
from vo.registry.documents import FORMATS, SET, write_answer, write_header, write_record, write_resource
from vo.registry.records import Record, Site, registry_record

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SECOND = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_LIST = (("metadataPrefix",), ("from", "until", "set"))
ARGUMENTS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "Identify": ((), ()),
    "ListMetadataFormats": ((), ("identifier",)),
    "ListSets": ((), ("resumptionToken",)),
    "GetRecord": (("identifier", "metadataPrefix"), ()),
    "ListIdentifiers": _LIST,
    "ListRecords": _LIST,
}
"""Arguments that each verb needs, and those that it may have."""


class OaiError(UsageError):
    """An error of OAI-PMH 2.0 section 3.6; `code` is one of its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records of a list, in which format, from which one on."""

    prefix: str
    since: str
    until: str
    start: int


def answer(
    arguments: Sequence[tuple[str, str]], site: Site, list_records: Callable[[], Sequence[Record]], now: datetime
) -> bytes:
    """Return the answer to a request; errors are answers too (OAI-PMH 2.0 section 3.6)."""
    base, stamp = f"{site.url}/oai", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked: dict[str, str] = {}
    try:
        asked = read_arguments(arguments)
        content = _VERBS[asked["verb"]](asked, site, list_records)
    except OaiError as error:
        shown = {} if error.code in {"badVerb", "badArgument"} else asked
        return write_answer(base, stamp, shown, f'<error code="{error.code}">{escape(str(error))}</error>\n')
    return write_answer(base, stamp, asked, content)


def read_arguments(arguments: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the arguments, each once.

    Raises
    ------
    OaiError
        badVerb or badArgument.

    Examples
    --------
    >>> read_arguments([("verb", "Identify")])
    {'verb': 'Identify'}
    """
    given = dict(arguments)
    verbs = [value for name, value in arguments if name == "verb"]
    if len(verbs) != 1 or verbs[0] not in ARGUMENTS:
        found = f"verb {verbs[0][:40]!r} is not known" if verbs else "the argument verb is missing"
        raise OaiError("badVerb", f"{found}; expected one of {', '.join(ARGUMENTS)}, once")
    if len(given) != len(arguments):
        raise OaiError("badArgument", "an argument is given twice")
    verb = given["verb"]
    needed, allowed = ARGUMENTS[verb]
    others = set(given) - {"verb"}
    if "resumptionToken" in others and verb.startswith("List") and verb != "ListMetadataFormats":
        if others != {"resumptionToken"}:
            raise OaiError("badArgument", "resumptionToken must be the only argument beside the verb")
        return given
    if unknown := sorted(others - {*needed, *allowed}):
        raise OaiError("badArgument", f"{verb} has no argument {unknown[0][:40]!r}")
    if missing := [name for name in needed if not given.get(name)]:
        raise OaiError("badArgument", f"{verb} needs the argument {missing[0]}")
    return given


def _identify(_asked: Mapping[str, str], site: Site, _records: Callable[[], Sequence[Record]]) -> str:
    return (
        "<Identify>\n<repositoryName>Archipelago publishing registry</repositoryName>\n"
        f"<baseURL>{escape(site.url)}/oai</baseURL>\n<protocolVersion>2.0</protocolVersion>\n"
        f"<adminEmail>{escape(site.contact_email)}</adminEmail>\n"
        f"<earliestDatestamp>{site.created}</earliestDatestamp>\n<deletedRecord>transient</deletedRecord>\n"
        "<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>\n"
        f"<description>\n{write_resource(registry_record(site), site)}</description>\n</Identify>\n"
    )


def _formats(asked: Mapping[str, str], _site: Site, list_records: Callable[[], Sequence[Record]]) -> str:
    if "identifier" in asked:
        _find(asked["identifier"], list_records())
    formats = "".join(
        f"<metadataFormat>\n<metadataPrefix>{prefix}</metadataPrefix>\n<schema>{schema}</schema>\n"
        f"<metadataNamespace>{namespace}</metadataNamespace>\n</metadataFormat>\n"
        for prefix, (schema, namespace) in FORMATS.items()
    )
    return f"<ListMetadataFormats>\n{formats}</ListMetadataFormats>\n"


def _sets(asked: Mapping[str, str], _site: Site, _records: Callable[[], Sequence[Record]]) -> str:
    if "resumptionToken" in asked:
        raise OaiError("badResumptionToken", "the list of sets is complete; it has no resumption tokens")
    only = f"<set>\n<setSpec>{SET}</setSpec>\n<setName>Resources of this archive</setName>\n</set>\n"
    return f"<ListSets>\n{only}</ListSets>\n"


def _find(identifier: str, records: Sequence[Record]) -> Record:
    """IVOA identifiers are compared without regard to case (Identifiers 2.0 section 2.1)."""
    found = next((record for record in records if record.ivoid.lower() == identifier.lower()), None)
    if found is None:
        raise OaiError("idDoesNotExist", f"there is no record {identifier[:120]!r} in this registry")
    return found


def _check_prefix(prefix: str) -> None:
    if prefix not in FORMATS:
        raise OaiError("cannotDisseminateFormat", f"{prefix[:40]!r} is not offered; there are {', '.join(FORMATS)}")


def _get(asked: Mapping[str, str], site: Site, list_records: Callable[[], Sequence[Record]]) -> str:
    record = _find(asked["identifier"], list_records())
    _check_prefix(asked["metadataPrefix"])
    return f"<GetRecord>\n{write_record(record, site, asked['metadataPrefix'])}</GetRecord>\n"


def _list(asked: Mapping[str, str], site: Site, list_records: Callable[[], Sequence[Record]]) -> str:
    verb = asked["verb"]
    chosen = read_token(asked["resumptionToken"], site) if "resumptionToken" in asked else _select(asked)
    _check_prefix(chosen.prefix)
    stamp = site.updated
    records = list_records() if chosen.since <= stamp <= chosen.until else ()
    if not records:
        raise OaiError("noRecordsMatch", f"no record has changed in that span; the last change was at {stamp}")
    page = records[chosen.start : chosen.start + MAX_RECORDS]
    if not page:
        raise OaiError("badResumptionToken", "the resumption token points behind the last record")
    if verb == "ListIdentifiers":
        content = "".join(write_header(record, site) for record in page)
    else:
        content = "".join(write_record(record, site, chosen.prefix) for record in page)
    end = chosen.start + len(page)
    token = write_token(chosen, end, site) if end < len(records) else ""
    if chosen.start or token:
        place = f'completeListSize="{len(records)}" cursor="{chosen.start}"'
        content += f"<resumptionToken {place}>{token}</resumptionToken>\n"
    return f"<{verb}>\n{content}</{verb}>\n"


def _select(asked: Mapping[str, str]) -> Selection:
    if asked.get("set", SET) != SET:
        raise OaiError("noRecordsMatch", f"there is no set {asked['set'][:40]!r}; there is {SET}")
    since, until = asked.get("from"), asked.get("until")
    for name, value in (("from", since), ("until", until)):
        if value is not None:
            _check_date(name, value)
    if since and until and len(since) != len(until):
        raise OaiError("badArgument", "from and until have different granularities")
    if since and until and since > until:
        raise OaiError("badArgument", f"from {since} is later than until {until}")
    lower = "" if since is None else since if len(since) > 10 else f"{since}T00:00:00Z"
    upper = "9999" if until is None else until if len(until) > 10 else f"{until}T23:59:59Z"
    return Selection(asked["metadataPrefix"], lower, upper, 0)


def _check_date(name: str, value: str) -> None:
    form = "%Y-%m-%d" if _DAY.fullmatch(value) else "%Y-%m-%dT%H:%M:%SZ" if _SECOND.fullmatch(value) else ""
    try:
        if not form:
            raise ValueError
        datetime.strptime(value, form).replace(tzinfo=UTC)
    except ValueError as error:
        raise OaiError(
            "badArgument", f"{name} is {value[:40]!r}; expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"
        ) from error


def write_token(chosen: Selection, start: int, site: Site) -> str:
    """Return a resumption token: where to go on, and a digest that fails once the records have changed."""
    fields = [chosen.prefix, chosen.since, chosen.until, start]
    return base64.urlsafe_b64encode(json.dumps([*fields, _seal(fields, site)]).encode()).decode()


def read_token(token: str, site: Site) -> Selection:
    """Read a resumption token.

    Raises
    ------
    OaiError
        If this archive did not write it, or for an earlier state of its records.
    """
    try:
        *fields, seal = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        prefix, since, until, start = fields
        whole = all(isinstance(text, str) for text in (prefix, since, until)) and isinstance(start, int) and start > 0
    except (ValueError, TypeError, binascii.Error) as error:
        raise OaiError("badResumptionToken", "the resumption token is not one of this registry") from error
    if not whole or seal != _seal(fields, site):
        raise OaiError("badResumptionToken", "the resumption token is not valid any more; begin the list again")
    return Selection(prefix, since, until, start)


def _seal(fields: Sequence[object], site: Site) -> str:
    basis = json.dumps([*fields, site.authority, site.url, site.updated])
    return hashlib.sha256(basis.encode()).hexdigest()[:16]


_VERBS: Mapping[str, Callable[[Mapping[str, str], Site, Callable[[], Sequence[Record]]], str]] = {
    "Identify": _identify,
    "ListMetadataFormats": _formats,
    "ListSets": _sets,
    "GetRecord": _get,
    "ListIdentifiers": _list,
    "ListRecords": _list,
}
