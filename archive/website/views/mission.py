"""Pages of proposals, gamma-ray bursts and the radiation monitor."""

from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from archive.api.points import SERIES_KINDS, product_table
from archive.errors import ArchiveError, NotFoundError
from archive.models import GrbCatalogueEntry, Observation, Product, Proposal, ScienceWindow, Source
from archive.selectors import current_rows, separation_deg, within_cone
from archive.times import mjd_tt_from_utc
from archive.website import adql
from archive.website.paging import read_size, take_page
from archive.website.request_values import read_text

NEAR_DEG = 5.0
BURST_WINDOW_D = 0.02
MAX_NEAR = 12


def proposal(request: HttpRequest, proposal_id: str) -> HttpResponse:
    """Show a proposal and its observations."""
    row = current_rows(Proposal).filter(proposal_id=proposal_id).select_related("delivery", "release_from").first()
    observations = current_rows(Observation).filter(proposal_id=proposal_id)
    totals = observations.order_by().aggregate(exposure=Sum("exposure_s"))
    page = take_page(
        observations,
        order="tstart_mjd_tt",
        key="obs_id",
        mark=request.GET.get("page", ""),
        size=read_size(request.GET.get("size", "")),
    )
    if row is None and not page.rows:
        raise NotFoundError(f"There is no proposal {proposal_id[:40]!r} in this release; its id has 7 digits.")
    query = adql.select("integral.observations", [adql.equals("proposal_id", proposal_id)], "tstart_mjd_tt")
    context = {
        "section": "observations",
        "proposal_id": proposal_id,
        "proposal": row,
        "page": page,
        "total": observations.order_by().count(),
        "exposure_s": totals["exposure"],
        "exports": adql.export_links(query),
        "query": query,
        "pyvo": adql.pyvo_code(query),
    }
    return render(request, "archive/proposal.html", context)


def burst(request: HttpRequest, name: str) -> HttpResponse:
    """Show a gamma-ray burst: its rows in the catalogues, what was pointed where, products and sources near."""
    rows = list(current_rows(GrbCatalogueEntry).filter(name=name).select_related("delivery", "release_from"))
    if not rows:
        raise NotFoundError(f"There is no burst {name[:60]!r} in this release; the table of bursts lists all.")
    row = next((found for found in rows if found.x is not None), rows[0])
    when = row.trigger_mjd_tt
    windows = current_rows(ScienceWindow).filter(
        Q(scw_id=row.scw_id) if row.scw_id else Q(tstart_mjd_tt__lte=when, tstop_mjd_tt__gte=when)
    )
    products = current_rows(Product).filter(target_name=name)
    near = []
    if row.x is not None:
        within = within_cone(current_rows(Source), row.ra, row.dec, NEAR_DEG)[:MAX_NEAR]
        near = [(source, separation_deg(vars(source)["separation_chord2"])) for source in within]
    during = current_rows(Product).filter(
        instrument="spi_acs", tstart_mjd_tt__lte=when + BURST_WINDOW_D, tstop_mjd_tt__gte=when - BURST_WINDOW_D
    )
    query = adql.select("integral.spi_grb_catalogue", [adql.equals("name", name)])
    context = {
        "section": "tables",
        "burst": row,
        "rows": rows,
        "windows": list(windows.order_by("tstart_mjd_tt")[:5]),
        "products": list(dict.fromkeys([*products[:50], *during[:20]])),
        "near": near,
        "near_deg": NEAR_DEG,
        "pyvo": adql.pyvo_code(query),
    }
    return render(request, "archive/burst.html", context)


def _can_be_drawn(product: Product) -> bool:
    """Say whether the file holds a light curve: counts of the monitor come in tables of many kinds."""
    try:
        return bool(product_table(product))
    except ArchiveError:
        return False


def irem(request: HttpRequest) -> HttpResponse:
    """Show the count rates of the radiation monitor: the newest file, or the one of a day."""
    day = read_text(request.GET, "day", 10)
    rows = current_rows(Product).filter(instrument="irem")
    total = rows.count()
    if day:
        start = mjd_tt_from_utc(day)
        rows = rows.filter(tstart_mjd_tt__lt=start + 1.0, tstop_mjd_tt__gte=start)
    found = list(rows.order_by("-tstart_mjd_tt", "product_id")[:20])
    series = [product for product in found if product.kind in SERIES_KINDS and _can_be_drawn(product)][:1]
    context = {
        "section": "products",
        "day": day,
        "products": found,
        "series": series,
        "total": total,
        "pyvo": adql.pyvo_code(adql.select("integral.products", [adql.equals("instrument", "irem")], "tstart_mjd_tt")),
    }
    return render(request, "archive/irem.html", context)
