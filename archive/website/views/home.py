"""Home, about, status, and the small files that every site has."""

from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from django.conf import settings
from django.db.models import Count, F, IntegerField, Max, Min, Q, Sum
from django.db.models.functions import Cast, Floor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext_lazy, npgettext_lazy, pgettext_lazy

from archive.errors import NotFoundError
from archive.models import (
    CatalogueRelease,
    Delivery,
    Instrument,
    Observation,
    Product,
    ProductFile,
    Release,
    Revolution,
    ScienceWindow,
    Source,
)  # fmt: skip
from archive.probes import probe_parts
from archive.published import load_tables
from archive.selectors import current_release, rows_of_release
from archive.website.charts import YearBars, year_bars
from archive.website.pictures import coverage_png

EXAMPLES = (
    ("Crab", gettext_lazy("a name")),
    ("83.633 +22.0145", gettext_lazy("a position")),
    ("17 45 40.0 -29 00 28", gettext_lazy("sexagesimal")),
    ("gal 0 0", pgettext_lazy("coordinates", "Galactic")),
    ("IGR J17544-2619", gettext_lazy("a J-name")),
    ("rev 745", gettext_lazy("a revolution")),
    ("2003-02-27", gettext_lazy("a date")),
)
_DAYS_PER_YEAR = 365.25
_MJD_2000 = 51544.0


def home(request: HttpRequest) -> HttpResponse:
    """Show the search box, the mission at a glance, and the ways in."""
    release = current_release()
    glance = mission_glance(release.number) if release else None
    latest = Release.objects.order_by("-number")[:4]
    return render(request, "archive/home.html", {"glance": glance, "latest": latest, "examples": EXAMPLES})


@lru_cache(maxsize=4)
def mission_glance(release_number: int) -> dict[str, object]:
    """Count what a release holds; a release never changes, so it is counted once."""
    release = Release.objects.get(number=release_number)
    windows = rows_of_release(ScienceWindow, release)
    span = windows.aggregate(first=Min("tstart_mjd_tt"), last=Max("tstop_mjd_tt"), good=Sum("good_isgri_s"))
    products = rows_of_release(Product, release)
    sources, observations = rows_of_release(Source, release).count(), rows_of_release(Observation, release).count()
    n_windows, n_products = windows.count(), products.count()
    spectra = products.filter(kind="spectrum").count()
    series = products.filter(kind="long_timeseries").count()
    return {
        # Kept for readers of every language, hence lazy.
        "counts": (
            ("/sources/", npgettext_lazy("what the archive holds", "source", "sources", sources), sources),
            (
                "/observations/",
                npgettext_lazy("what the archive holds", "observation", "observations", observations),
                observations,
            ),
            (
                "/observations/",
                npgettext_lazy("what the archive holds", "science window", "science windows", n_windows),
                n_windows,
            ),
            ("/products/", npgettext_lazy("what the archive holds", "product", "products", n_products), n_products),
            (
                "/products/?kind=spectrum",
                npgettext_lazy("what the archive holds", "spectrum", "spectra", spectra),
                spectra,
            ),
            (
                "/products/?kind=long_timeseries",
                npgettext_lazy("what the archive holds", "all-mission series", "all-mission series", series),
                series,
            ),
        ),
        "span": span,
        "years": windows_by_year(release),
        "catalogues": _catalogues(release),
    }


def _catalogues(release: Release) -> list[tuple[str, str, list[CatalogueRelease]]]:
    """Name and title of each catalogue's table, with its versions, the newest first."""
    rows = rows_of_release(CatalogueRelease, release).order_by("catalogue", "-id")
    tables = load_tables()
    return [
        (f"integral.{name}", tables[f"integral.{name}"].title, list(versions))
        for name, versions in groupby(rows, attrgetter("catalogue"))
    ]


def windows_by_year(release: Release) -> YearBars:
    """Count pointings per year, simulated ones apart."""
    year = Cast(Floor((F("tstart_mjd_tt") - _MJD_2000) / _DAYS_PER_YEAR) + 2000, IntegerField())
    rows = (
        rows_of_release(ScienceWindow, release)
        .filter(kind="pointing")
        .annotate(year=year)
        .order_by("year")
        .values("year")
        .annotate(real=Count("id", filter=Q(simulated=False)), made_up=Count("id", filter=Q(simulated=True)))
    )
    return year_bars([(row["year"], row["real"], row["made_up"]) for row in rows], gettext_lazy("pointings"))


def coverage(request: HttpRequest) -> HttpResponse:
    """Send the exposure map of the current release."""
    release = current_release()
    if release is None:
        raise NotFoundError("There is no release yet, so there is no coverage map.")
    response = HttpResponse(coverage_png(release.number), content_type="image/png")
    response["Cache-Control"] = "public, max-age=300"
    return response


def about(request: HttpRequest) -> HttpResponse:
    """Say what this is, how to cite it, and what it is not."""
    licences = Delivery.objects.filter(state=Delivery.State.PUBLISHED).order_by("received_at")
    return render(request, "archive/about.html", {"deliveries": licences, "instruments": Instrument.objects.all()})


def status(request: HttpRequest) -> HttpResponse:
    """Try each part and say what was found."""
    release = current_release()
    files = rows_of_release(ProductFile, release).aggregate(count=Count("id"), size=Sum("size_bytes"))
    revolutions = rows_of_release(Revolution, release).count()
    return render(request, "archive/status.html", {"parts": probe_parts(), "files": files, "revolutions": revolutions})


def releases(request: HttpRequest) -> HttpResponse:
    """List the releases and what each delivery brought."""
    current = current_release()
    rows = Release.objects.prefetch_related("deliveries")[:200]
    return render(request, "archive/releases.html", {"section": "releases", "releases": rows, "current": current})


def robots(request: HttpRequest) -> HttpResponse:
    """Keep robots off endless searches and downloads; the pages themselves may be read."""
    text = "User-agent: *\nDisallow: /search\nDisallow: /tap/\nDisallow: /api/\nDisallow: /hips/\nCrawl-delay: 2\n"
    text += f"\nSitemap: {settings.PUBLIC_URL}/sitemap.xml\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def favicon(request: HttpRequest) -> HttpResponse:
    """Point browsers that ask by habit to the icon."""
    return redirect(static("archive/favicon.svg"), permanent=True)
