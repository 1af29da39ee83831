"""The search box: one hit leads to its page, several are listed, nothing says so."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from archive.errors import UsageError
from archive.selectors import suggest_names
from archive.website import adql
from archive.website.lookup import Answer, find_answer, read_radius
from archive.website.query import parse_query
from archive.website.request_values import read_choice, read_number


def search(request: HttpRequest) -> HttpResponse:
    """Answer `q`, optionally within `radius` (`unit` deg or arcmin)."""
    text = request.GET.get("q", "").strip()
    if not text:
        return redirect("home")
    status, refused = 200, False
    radius_value, unit = None, "deg"
    try:
        unit = read_choice(request.GET, "unit", ("deg", "arcmin"), "deg")
        radius_value = read_number(request.GET, "radius", 1e-6, 10800)
        answer = find_answer(parse_query(text), read_radius(radius_value, unit))
    except UsageError as error:
        answer, status, refused = Answer(sentence=str(error)), 400, True
    if answer.page:
        return redirect(answer.page)
    nothing = not (answer.sources or answer.observations or answer.windows or answer.products)
    if status == 200 and answer.sentence and nothing:
        status = 404
    context = {
        "q": text[:400],
        "answer": answer,
        "nothing": nothing,
        "refused": refused,
        "unit": unit,
        "radius": radius_value,
    }
    if answer.cone:
        context |= _cone_links(answer)
    return render(request, "archive/search.html", context, status=status)


def suggest(request: HttpRequest) -> HttpResponse:
    """Give names that begin like `q`, for the list below the search box."""
    text = request.GET.get("q", "").strip()
    names = suggest_names(text) if 2 <= len(text) <= 60 and text.isprintable() else []
    return render(request, "archive/parts/suggestions.html", {"names": names})


def _cone_links(answer: Answer) -> dict[str, object]:
    assert answer.cone is not None  # noqa: S101 - called for a cone only
    params = urlencode(
        {"ra": f"{answer.cone.ra:.7g}", "dec": f"{answer.cone.dec:.7g}", "radius": f"{answer.cone.radius_deg:.6g}"}
    )
    query = adql.select("integral.sources", [adql.cone_condition(answer.cone)])
    return {"cone_params": params, "exports": adql.export_links(query), "query": query, "pyvo": adql.pyvo_code(query)}
