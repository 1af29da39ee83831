"""Observations, science windows and revolutions."""

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from archive.errors import NotFoundError
from archive.models import Observation, Product, Revolution, ScienceWindow
from archive.selectors import current_rows, within_cone
from archive.times import mjd_tt_from_utc
from archive.website import adql
from archive.website.paging import read_size, take_page
from archive.website.request_values import read_choice, read_cone, read_text, read_whole

SORTS = {
    "time": "tstart_mjd_tt", "-time": "-tstart_mjd_tt", "obs_id": "obs_id", "-obs_id": "-obs_id",
    "exposure": "exposure_s", "-exposure": "-exposure_s", "target": "target_name", "-target": "-target_name",
}  # fmt: skip
GOOD_TIMES = ("isgri", "picsit", "jemx1", "jemx2", "spi", "omc")
MAX_WINDOWS = 500
MAX_REVOLUTION = 100_000


def observation_list(request: HttpRequest) -> HttpResponse:
    """List observations: filter, sort, page, export."""
    params = request.GET
    sort = read_choice(params, "sort", tuple(SORTS), "time")
    cone = read_cone(params, 10.0)
    target, proposal = read_text(params, "target", 80), read_text(params, "proposal", 16)
    after, before = read_text(params, "after", 30), read_text(params, "before", 30)
    rows, conditions = current_rows(Observation), []
    if target:
        rows = rows.filter(Q(target_name__icontains=target) | Q(title__icontains=target))
        conditions.append(f"LOWER(target_name) LIKE {adql.quote(f'%{target.lower()}%')}")
    if proposal:
        rows = rows.filter(proposal_id=proposal)
        conditions.append(adql.equals("proposal_id", proposal))
    if after:
        rows = rows.filter(tstart_mjd_tt__gte=mjd_tt_from_utc(after))
        conditions.append(f"tstart_mjd_tt >= {mjd_tt_from_utc(after):.6f}")
    if before:
        rows = rows.filter(tstart_mjd_tt__lt=mjd_tt_from_utc(before))
        conditions.append(f"tstart_mjd_tt < {mjd_tt_from_utc(before):.6f}")
    if cone is not None:
        rows = within_cone(rows, cone.ra, cone.dec, cone.radius_deg)
        conditions.append(adql.cone_condition(cone))
    summary = rows.order_by().aggregate(total=Count("id"), exposure=Sum("exposure_s"))
    page = take_page(
        rows, order=SORTS[sort], key="obs_id", mark=params.get("page", ""), size=read_size(params.get("size", ""))
    )
    query = adql.select("integral.observations", conditions, "tstart_mjd_tt")
    context = {
        "section": "observations",
        "page": page,
        "summary": summary,
        "sort": sort,
        "cone": cone,
        "target": target,
        "proposal": proposal,
        "after": after,
        "before": before,
        "exports": adql.export_links(query),
        "query": query,
    }
    return render(request, "archive/observations.html", context)


def observation(request: HttpRequest, obs_id: str) -> HttpResponse:
    """Show an observation with its science windows and products."""
    row = current_rows(Observation).filter(obs_id=obs_id).select_related("delivery", "release_from").first()
    if row is None:
        raise NotFoundError(f"There is no observation {obs_id!r} in this release; an observation id has 11 digits.")
    windows = current_rows(ScienceWindow).filter(obs_id=obs_id)
    context = {
        "section": "observations",
        "observation": row,
        **_windows(windows),
        "products": current_rows(Product).filter(obs_id=obs_id)[:200],
        "pyvo": adql.pyvo_code(adql.select("integral.science_windows", [adql.equals("obs_id", obs_id)])),
        "curl": adql.curl_code(adql.select("integral.science_windows", [adql.equals("obs_id", obs_id)])),
    }
    return render(request, "archive/observation.html", context)


def science_window(request: HttpRequest, scw_id: str) -> HttpResponse:
    """Show one science window: when, where, how much good time."""
    row = current_rows(ScienceWindow).filter(scw_id=scw_id).select_related("delivery", "release_from").first()
    if row is None:
        raise NotFoundError(
            f"There is no science window {scw_id!r} in this release; its id has 12 digits, RRRRPPPPSSSF."
        )
    ordered = current_rows(ScienceWindow)
    context = {
        "section": "observations",
        "window": row,
        "good_times": good_times(row),
        "previous": ordered.filter(scw_id__lt=scw_id).order_by("-scw_id").first(),
        "next": ordered.filter(scw_id__gt=scw_id).order_by("scw_id").first(),
    }
    return render(request, "archive/science_window.html", context)


def good_times(row: ScienceWindow) -> list[tuple[str, float | None, float | None]]:
    """Return instrument, good time (s) and its share of the elapsed time (percent)."""
    times = [(name, getattr(row, f"good_{name}_s")) for name in GOOD_TIMES]
    return [
        (name, good, 100.0 * good / row.elapsed_s if good is not None and row.elapsed_s else None)
        for name, good in times
    ]


def revolution_list(request: HttpRequest) -> HttpResponse:
    """List the revolutions that have science windows."""
    first = read_whole(request.GET, "from", MAX_REVOLUTION) or 0
    rows = list(
        current_rows(ScienceWindow)
        .filter(revolution__gte=first)
        .order_by("revolution")
        .values("revolution")
        .annotate(windows=Count("id"), start=Min("tstart_mjd_tt"), stop=Max("tstop_mjd_tt"), good=Sum("good_isgri_s"))[
            :201
        ]
    )
    context = {
        "section": "observations",
        "revolutions": rows[:200],
        "next": rows[200]["revolution"] if len(rows) > 200 else None,
    }
    return render(request, "archive/revolutions.html", context)


def revolution(request: HttpRequest, number: int) -> HttpResponse:
    """Show one revolution: its times and its science windows."""
    row = current_rows(Revolution).filter(revolution=number).first() if number <= MAX_REVOLUTION else None
    windows = current_rows(ScienceWindow).filter(revolution=number) if number <= MAX_REVOLUTION else None
    if windows is None or (row is None and not windows.exists()):
        raise NotFoundError(f"There is nothing of revolution {number} in this release.")
    observed = windows.values("obs_id").order_by()
    context = {
        "section": "observations",
        "number": number,
        "revolution": row,
        **_windows(windows),
        "observations": current_rows(Observation).filter(obs_id__in=observed),
        "pyvo": adql.pyvo_code(adql.select("integral.science_windows", [adql.equals("revolution", number)])),
    }
    return render(request, "archive/revolution.html", context)


def _windows(windows: QuerySet[ScienceWindow]) -> dict[str, object]:
    """Return the windows to list, their totals, and the strip chart of when they were taken."""
    totals = windows.order_by().aggregate(
        count=Count("id"),
        pointings=Count("id", filter=Q(kind="pointing")),
        start=Min("tstart_mjd_tt"),
        stop=Max("tstop_mjd_tt"),
        isgri=Sum("good_isgri_s"),
        jemx1=Sum("good_jemx1_s"),
        jemx2=Sum("good_jemx2_s"),
        spi=Sum("good_spi_s"),
        omc=Sum("good_omc_s"),
    )
    listed = list(windows.order_by("tstart_mjd_tt", "scw_id")[:MAX_WINDOWS])
    span = (totals["stop"] - totals["start"]) if listed else 0.0
    strip = [
        {
            "window": window,
            "x": 1000.0 * (window.tstart_mjd_tt - totals["start"]) / span,
            "width": max(1.0, 1000.0 * (window.tstop_mjd_tt - window.tstart_mjd_tt) / span),
        }
        for window in listed
        if span > 0
    ]
    return {"windows": listed, "totals": totals, "strip": strip, "not_listed": totals["count"] - len(listed)}
