"""Gathers the facts that the registry's records are made of: settings, releases, published tables, HiPS."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings

from archive.errors import ArchiveError, UnavailableError
from archive.models import Release
from archive.published import load_tables
from archive.selectors import current_release
from hips.catalogues import catalogue_properties, list_catalogues
from hips.properties import make_creator_did
from hips.services import current_version, find_published_version, list_surveys
from hips.surveys import find_surveys
from vo.registry.records import Hips, Record, Site, make_records
from vo.scs.views import find_tables

EMPTY = datetime(2026, 1, 1, tzinfo=UTC)
"""Date of the records of an archive without a release."""


def read_site() -> Site:
    """Return the archive as it stands."""
    release = current_release()
    first = Release.objects.order_by("number").first()
    return Site(
        authority=settings.IVO_AUTHORITY,
        url=settings.PUBLIC_URL,
        contact_name=settings.CONTACT_NAME,
        contact_email=settings.CONTACT_EMAIL,
        release=release.name if release else "none",
        created=_stamp(first.published_at if first else EMPTY),
        updated=_stamp(release.published_at if release else EMPTY),
    )


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def list_records() -> list[Record]:
    """Return every record of the current release, and as deleted those of HiPS that earlier releases had."""
    site, found = read_site(), list(_find_hips())
    records = make_records(site, load_tables(), find_tables(), found)
    held = {record.ivoid for record in records}
    gone = [ivoid for ivoid in _earlier_hips() if ivoid not in held]
    return records + [Record(ivoid, "vs:DataResource", "", "", "", "", "", deleted=True) for ivoid in gone]


def _find_hips() -> Iterator[Hips]:
    base = f"{settings.PUBLIC_URL}/hips"
    try:
        text = list_surveys(current_version(), base_url=base)
    except UnavailableError:
        text = ""
    for block in text.split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line and not line.startswith("#"))
        if facts:
            yield _hips({key.strip(): value.strip() for key, value in facts.items()})
    for opened in list_catalogues():
        facts = catalogue_properties(opened)
        yield _hips({**facts, "hips_service_url": f"{base}/{opened.facts.survey_id}"})


def _hips(facts: dict[str, str]) -> Hips:
    simulated = "simulated" in facts.get("obs_collection", "").lower() or "simulated" in facts["obs_title"].lower()
    return Hips(facts["creator_did"], facts["obs_title"], facts["hips_service_url"], simulated)


def _earlier_hips() -> list[str]:
    """Return the identifiers of the HiPS of earlier releases whose maps are still on disk."""
    release = current_release()
    names = Release.objects.exclude(map_version="").values_list("map_version", flat=True).distinct()
    found: dict[str, None] = {}
    for name in sorted(set(names) - {release.map_version if release else ""}):
        try:
            surveys = find_surveys(find_published_version(name))
        except ArchiveError:
            continue
        found |= dict.fromkeys(make_creator_did(settings.IVO_AUTHORITY, survey.survey_id) for survey in surveys)
    return list(found)
