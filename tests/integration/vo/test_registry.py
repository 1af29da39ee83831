"""The publishing registry: every verb of OAI-PMH, every record against the schemas of the IVOA."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests.support.web_archive import fill_archive

pytestmark = [pytest.mark.django_db, pytest.mark.urls("vo.urls")]

OAI, RI = "{http://www.openarchives.org/OAI/2.0/}", "{http://www.ivoa.net/xml/RegistryInterface/v1.0}"
SCHEMATA = (
    os.environ.get("ARCHIPELAGO_IVOA_SCHEMATA", ""),
    "/usr/lib/python3/dist-packages/gavo/resources/schemata",
)
NAMES = ("OAI-PMH", "oai_dc", "RegistryInterface", "VOResource", "VODataService", "VORegistry", "ConeSearch",
         "SSA-v1.2", "TAPRegExt")  # fmt: skip


@pytest.fixture
def archive(db, tmp_path, settings):
    settings.FILES_ROOT, settings.MAPS_ROOT = tmp_path / "files", tmp_path / "maps"
    settings.IVO_AUTHORITY, settings.PUBLIC_URL = "archive.example", "http://archive.example"
    fill_archive(tmp_path, map_order=4)


@pytest.fixture
def ask(archive, client):
    def get(**arguments):
        response = client.get("/oai", {name.rstrip("_"): value for name, value in arguments.items()})
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/xml")
        return etree.fromstring(response.content)

    return get


def identifiers(document):
    return [element.text for element in document.iter(f"{OAI}identifier")]


def code_of(document):
    return document.find(f"{OAI}error").get("code")


@pytest.fixture(scope="module")
def schema():
    """All schemas together; each import leads to the file beside it, so nothing is fetched."""
    directory = next((Path(name) for name in SCHEMATA if name and (Path(name) / "OAI-PMH.xsd").is_file()), None)
    if directory is None:
        pytest.skip("the IVOA schemas are not here: apt-get install python3-gavo, or set ARCHIPELAGO_IVOA_SCHEMATA")
    spaces = {}
    for path in directory.glob("*.xsd"):
        spaces.setdefault(etree.parse(path).getroot().get("targetNamespace"), path)
    for name in NAMES:
        path = directory / f"{name}.xsd"
        spaces[etree.parse(path).getroot().get("targetNamespace")] = path

    class Beside(etree.Resolver):
        def resolve(self, url, public_id, context):
            stem = url.rsplit("/", 1)[-1]
            for candidate in (spaces.get(url), spaces.get(url.rsplit("/", 1)[0]), directory / stem):
                if candidate is not None and Path(candidate).is_file():
                    return self.resolve_filename(str(candidate), context)
            found = next((path for space, path in spaces.items() if space and stem.split("-v")[0] in path.stem), None)
            assert found, url
            return self.resolve_filename(str(found), context)

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside())
    imports = "".join(
        f'<xs:import namespace="{etree.parse(directory / f"{name}.xsd").getroot().get("targetNamespace")}" '
        f'schemaLocation="{directory / name}.xsd"/>'
        for name in NAMES
    )
    head = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(head.encode(), parser))


@pytest.mark.parametrize(
    "arguments",
    [
        {"verb": "Identify"},
        {"verb": "ListMetadataFormats"},
        {"verb": "ListSets"},
        {"verb": "ListIdentifiers", "metadataPrefix": "ivo_vor"},
        {"verb": "ListRecords", "metadataPrefix": "ivo_vor"},
        {"verb": "ListRecords", "metadataPrefix": "oai_dc"},
        {"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://archive.example/tap"},
        {"verb": "Nothing"},
    ],
    ids=lambda value: "-".join(value.values())[:40],
)
def test_every_answer_is_valid_against_the_schemas(archive, client, schema, arguments):
    document = etree.fromstring(client.get("/oai", arguments).content)
    assert schema.validate(document), "\n".join(str(error) for error in schema.error_log[:10])


def test_the_schemas_see_a_wrong_record(archive, client, schema):
    asked = {"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://archive.example/scs/sources"}
    content = client.get("/oai", asked).content
    for right, wrong in (
        (b"<title>", b"<title><x/>"),
        (b"vs:CatalogService", b"vs:Nothing"),
    ):
        assert right in content
        assert not schema.validate(etree.fromstring(content.replace(right, wrong)))


def test_every_service_table_set_and_hips_has_a_record(ask):
    found = set(identifiers(ask(verb="ListIdentifiers", metadataPrefix="ivo_vor")))
    base = "ivo://archive.example"
    assert {base, *(f"{base}/{name}" for name in ("registry", "organisation", "tap", "ssa", "ssa/lightcurves", "votable", "sia2",
            "datalink", "soda", "hips", "tables/integral", "tables/ila", "tables/ivoa", "scs/sources", "scs/products"))} <= found  # fmt: skip
    assert f"{base}/P/INTEGRAL/isgri-17-60-flux" in {name.replace("_", "-") for name in found}


def test_records_say_what_clients_look_for(ask):
    document = ask(verb="ListRecords", metadataPrefix="ivo_vor")
    resources = {element.find("identifier").text: element for element in document.iter(f"{RI}Resource")}
    tap = resources["ivo://archive.example/tap"]
    assert tap.find("capability[@standardID='ivo://ivoa.net/std/TAP']/interface/accessURL").text == "http://archive.example/tap"  # fmt: skip
    assert tap.find("tableset/schema/table/column") is not None
    assert {element.find("curation/contact/email").text for element in resources.values()} == {
        "helpdesk@archipelago.invalid"
    }
    curves = resources["ivo://archive.example/ssa/lightcurves"].find("capability[@standardID='ivo://ivoa.net/std/SSA']")
    assert curves.find("interface/accessURL").text == "http://archive.example/ssa/lightcurves"
    address = resources["ivo://archive.example/votable"].find("capability/interface/accessURL")
    assert (address.text, address.get("use")) == ("http://archive.example/votable/", "dir")
    simulated = [element for name, element in resources.items() if "/P/" in name and "simulated" in element.find("title").text]  # fmt: skip
    assert simulated
    assert all(element.find("content/description").text.startswith("SIMULATED") for element in simulated)


def test_identify(ask):
    found = ask(verb="Identify").find(f"{OAI}Identify")
    facts = {element.tag.removeprefix(OAI): element.text for element in found}
    assert facts["protocolVersion"] == "2.0"
    assert facts["adminEmail"] == "helpdesk@archipelago.invalid"
    assert found.find(f"{OAI}description/{RI}Resource/managedAuthority").text == "archive.example"


def test_long_lists_come_in_pages_until_the_records_change(ask, monkeypatch):
    from archive.models import Release

    monkeypatch.setattr("vo.registry.oai.MAX_RECORDS", 4)
    every, token, pages = [], None, 0
    while token is None or token.text:
        more = {"resumptionToken": token.text} if token is not None else {"metadataPrefix": "ivo_vor"}
        document = ask(verb="ListRecords", **more)
        every += [element.find("identifier").text for element in document.iter(f"{RI}Resource")]
        token = document.find(f".//{OAI}resumptionToken")
        pages += 1
        assert int(token.get("completeListSize")) >= 15
    assert len(every) == len(set(every)) == int(token.get("completeListSize"))
    assert pages == -(-len(every) // 4)
    old = ask(verb="ListRecords", metadataPrefix="ivo_vor").find(f".//{OAI}resumptionToken").text
    Release.objects.update(published_at=datetime(2040, 1, 1, tzinfo=UTC))
    assert code_of(ask(verb="ListRecords", resumptionToken=old)) == "badResumptionToken"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "badVerb"),
        ({"verb": "list"}, "badVerb"),
        ({"verb": "ListRecords"}, "badArgument"),
        ({"verb": "Identify", "x": "1"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "marc"}, "cannotDisseminateFormat"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from_": "yesterday"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from_": "2026-02-30"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from_": "2026-02-03", "until": "2026-02-03T00:00:00Z"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from_": "2027-01-01", "until": "2026-01-01"}, "badArgument"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from_": "2199-01-01"}, "noRecordsMatch"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "until": "1999-01-01"}, "noRecordsMatch"),
        ({"verb": "ListRecords", "metadataPrefix": "ivo_vor", "set": "other"}, "noRecordsMatch"),
        ({"verb": "ListRecords", "resumptionToken": "x"}, "badResumptionToken"),
        ({"verb": "ListRecords", "resumptionToken": "W10="}, "badResumptionToken"),
        ({"verb": "ListRecords", "resumptionToken": "x", "metadataPrefix": "ivo_vor"}, "badArgument"),
        ({"verb": "ListSets", "resumptionToken": "x"}, "badResumptionToken"),
        ({"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://other/<b>"}, "idDoesNotExist"),
        ({"verb": "GetRecord", "metadataPrefix": "x", "identifier": "ivo://archive.example/tap"}, "cannotDisseminateFormat"),
        ({"verb": "ListMetadataFormats", "identifier": "ivo://nobody/nothing"}, "idDoesNotExist"),
    ],
)  # fmt: skip
def test_errors_have_the_words_of_the_protocol(ask, arguments, code):
    document = ask(**arguments)
    assert code_of(document) == code
    assert len(document.find(f"{OAI}error").text) > 20
    assert (document.find(f"{OAI}request").attrib == {}) == (code in {"badVerb", "badArgument"})


def test_an_argument_given_twice_is_refused(archive, client):
    assert b'code="badArgument"' in client.get("/oai?verb=Identify&verb2=1&verb2=2").content
    assert b'code="badVerb"' in client.get("/oai?verb=Identify&verb=Identify").content


def test_a_record_by_post_and_by_day(archive, client):
    asked = {"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://ARCHIVE.example/tap"}
    assert b"<ri:Resource" in client.post("/oai", asked).content
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    found = client.get("/oai", {"verb": "ListIdentifiers", "metadataPrefix": "oai_dc", "from": today, "until": today})
    assert b"<header>" in found.content


def test_a_hips_that_only_an_earlier_release_had_is_deleted(archive, ask, monkeypatch):
    monkeypatch.setattr("vo.registry.services._earlier_hips", lambda: ["ivo://archive.example/P/INTEGRAL/old"])
    document = ask(verb="GetRecord", metadataPrefix="ivo_vor", identifier="ivo://archive.example/P/INTEGRAL/old")
    assert document.find(f".//{OAI}header").get("status") == "deleted"
    assert document.find(f".//{OAI}metadata") is None


def test_an_empty_archive_has_a_registry_too(db, client):
    assert b"<Identify>" in client.get("/oai?verb=Identify").content
    assert b"/tap</identifier>" in client.get("/oai?verb=ListRecords&metadataPrefix=ivo_vor").content
