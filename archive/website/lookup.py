"""Finding what a search means: one page, several things, a circle on the sky, or nothing with suggestions."""

from dataclasses import dataclass, field

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext

from archive.errors import UsageError
from archive.identifiers import normalize_name
from archive.models import Observation, Product, Revolution, ScienceWindow, Source, SourceName
from archive.selectors import current_rows, suggest_names, within_cone
from archive.website.query import (
    NameQuery,
    ObservationQuery,
    PositionQuery,
    ProposalQuery,
    Query,
    RevolutionQuery,
    ScienceWindowQuery,
    TimeQuery,
)
from archive.website.request_values import Cone

MAX_LISTED = 25
EXACT_RADIUS_DEG = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found. `page` is set when it is one thing; `sentence` when it is nothing."""

    page: str = ""
    cone: Cone | None = None
    read_as: str = ""
    sources: list[Source] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    windows: list[ScienceWindow] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    sentence: str = ""
    suggestions: list[SourceName] = field(default_factory=list)


def find_answer(query: Query, radius_deg: float | None = None) -> Answer:
    """Look up a parsed search in the current release."""
    match query:
        case PositionQuery():
            return find_around(query, 1.0 if radius_deg is None else radius_deg)
        case TimeQuery():
            return _find_time(query)
        case ScienceWindowQuery(scw_id=scw_id):
            sentence = gettext("There is no science window %(name)s in this archive.") % {"name": scw_id}
            return _one(ScienceWindow, "scw_id", scw_id, "scw", sentence)
        case ObservationQuery(obs_id=obs_id):
            sentence = gettext("There is no observation %(name)s in this archive.") % {"name": obs_id}
            return _one(Observation, "obs_id", obs_id, "observation", sentence)
        case RevolutionQuery(revolution=number):
            return _find_revolution(number)
        case ProposalQuery(proposal_id=proposal_id):
            rows = current_rows(Observation).filter(proposal_id=proposal_id)
            if rows.exists():
                return Answer(page=f"{reverse('observations')}?proposal={proposal_id}")
            sentence = gettext("There is no observation of proposal %(name)s in this archive.") % {"name": proposal_id}
            return Answer(sentence=sentence)
        case NameQuery():
            return _find_name(query, radius_deg)


def find_around(place: PositionQuery, radius_deg: float) -> Answer:
    """Everything within a radius (deg) of a position, nearest first."""
    cone = Cone(place.ra, place.dec, radius_deg)
    return Answer(
        cone=cone,
        read_as=place.read_as,
        sources=list(within_cone(current_rows(Source), cone.ra, cone.dec, radius_deg)[:MAX_LISTED]),
        observations=list(within_cone(current_rows(Observation), cone.ra, cone.dec, radius_deg)[:MAX_LISTED]),
        products=list(
            within_cone(current_rows(Product).filter(x__isnull=False), cone.ra, cone.dec, radius_deg)[:MAX_LISTED]
        ),
    )


def _one(model: type[Observation | ScienceWindow], column: str, value: str, url_name: str, sentence: str) -> Answer:
    if current_rows(model).filter(**{column: value}).exists():
        return Answer(page=reverse(url_name, args=[value]))
    return Answer(sentence=sentence)


def _find_revolution(number: int) -> Answer:
    known = current_rows(Revolution).filter(revolution=number).exists()
    if known or current_rows(ScienceWindow).filter(revolution=number).exists():
        return Answer(page=reverse("revolution", args=[number]))
    return Answer(sentence=gettext("There is nothing of revolution %(number)d in this archive.") % {"number": number})


def _find_time(query: TimeQuery) -> Answer:
    during = Q(tstart_mjd_tt__lte=query.tstop_mjd_tt, tstop_mjd_tt__gte=query.tstart_mjd_tt)
    windows = list(current_rows(ScienceWindow).filter(during).order_by("tstart_mjd_tt")[:MAX_LISTED])
    observations = list(current_rows(Observation).filter(during)[:MAX_LISTED])
    if windows or observations:
        return Answer(read_as=query.read_as, windows=windows, observations=observations)
    before = current_rows(ScienceWindow).filter(tstop_mjd_tt__lt=query.tstart_mjd_tt).order_by("-tstop_mjd_tt").first()
    after = current_rows(ScienceWindow).filter(tstart_mjd_tt__gt=query.tstop_mjd_tt).order_by("tstart_mjd_tt").first()
    near = [window for window in (before, after) if window]
    sentence = gettext("No science window of this archive covers that time.")
    return Answer(read_as=query.read_as, windows=near, sentence=sentence)


def _find_name(query: NameQuery, radius_deg: float | None) -> Answer:
    normalized = normalize_name(query.name)
    ids = set(current_rows(SourceName).filter(normalized_name=normalized).values_list("source_id", flat=True))
    ids |= set(current_rows(Source).filter(source_id__iexact=query.name).values_list("source_id", flat=True))
    if len(ids) == 1:
        return Answer(page=reverse("source", args=[ids.pop()]))
    if current_rows(Product).filter(product_id=query.name).exists():
        return Answer(page=reverse("product", args=[query.name]))
    if ids:
        return Answer(
            sources=list(current_rows(Source).filter(source_id__in=ids)),
            read_as=gettext("a name that several sources share"),
        )
    if query.position is not None:
        around = find_around(query.position, EXACT_RADIUS_DEG if radius_deg is None else radius_deg)
        if around.sources or around.products or around.observations:
            return around
    return _find_similar(query.name)


def _find_similar(name: str) -> Answer:
    names = suggest_names(name)
    ids = [found.source_id for found in names]
    begins = [found for found in names if found.normalized_name.startswith(normalize_name(name))]
    observations = list(
        current_rows(Observation).filter(Q(target_name__icontains=name) | Q(title__icontains=name))[:MAX_LISTED]
    )
    sources = {source.source_id: source for source in current_rows(Source).filter(source_id__in=ids)} if begins else {}
    listed = [sources[source_id] for source_id in ids if source_id in sources]
    if listed or observations:
        return Answer(
            sources=listed,
            observations=observations,
            read_as=gettext("the beginning of a name") if listed else gettext("a target name"),
        )
    return Answer(sentence=gettext("Nothing in this archive is called %(name)r.") % {"name": name}, suggestions=names)


def read_radius(value: float | None, unit: str) -> float | None:
    """Turn a radius in `deg` or `arcmin` into degrees.

    Raises
    ------
    UsageError
        If it is not above 0 and at most 180 degrees.
    """
    if value is None:
        return None
    radius = value / 60.0 if unit == "arcmin" else value
    if not 0.0 < radius <= 180.0:
        raise UsageError(f"radius {value:g} {unit} is outside 0 to 180 degrees.")
    return radius
