"""Run the validation, keep what it found beside the store, and plan the plots of the method page."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, pgettext

from archive.errors import UnavailableError
from upper_limits.frame import Axis
from upper_limits.services import find_store
from upper_limits.validation import (
    PUBLISHED_AREAS,
    PUBLISHED_DEPTH,
    find_faults,
    measure_coverage,
    measure_depths,
    recover_sources,
)
from upper_limits.validation_plot import ValidationPlot, decades, plan_validation

FILE = "validation.json"
MAPS = ((8, 0.8), (6, 1.83))
"""HEALPix order and FWHM (deg): pixels of 0.29 FWHM as nside 1024 has for 12 arcmin, and of half the FWHM."""


# What `upper_limits.validation` says in English of published values.
PUBLISHED = (
    gettext_noop("4 years, Krivonos et al. 2007, A&A 475, 775 (abstract)"),
    gettext_noop("7 years, Krivonos et al. 2010, A&A 523, A61 (abstract)"),
    gettext_noop("5 sigma, 17-60 keV: 0.77 mCrab (T / Ms)^-1/2; from memory, not verified"),
)


def run_validation(report: Callable[[str], None] = lambda _: None) -> tuple[dict[str, Any], list[str]]:
    """Run everything, write ``validation.json`` below the store's root, return it and what failed."""
    recovered = [recover_sources(order, fwhm, planted) for order, fwhm in MAPS for planted in (3.0, 20.0)]
    for one in recovered:
        report(
            f"{one.count} planted sources of {one.planted_sigma:g} sigma, order {one.order}: found / planted "
            f"{one.ratio:.5f}, pull {one.pull_mean:+.3f} with scatter {one.pull_scatter:.3f}"
        )
    covered = measure_coverage()
    for confidence in sorted({one.confidence for one in covered}):
        least = min(one.bayesian for one in covered if one.confidence == confidence)
        report(f"limits of {confidence:g}: the truth lies below in {least:.4f} of the draws or more")
    notes: list[str] = []
    depths, version = [], ""
    try:
        store, notices = find_store()
        notes += notices
        version = store.map_version
        depths = [measure_depths(totals, number) for totals in store.totals for number in range(len(totals.bands))]
    except UnavailableError as error:
        notes.append(f"depths were not measured: {error}")
    for one in depths:
        what = "simulated" if one.simulated else "measured"
        report(
            f"{one.instrument} {one.band} ({what}): 5 sigma {one.at_1_ms:.3g} {one.unit} at 1 Ms, exposure to the "
            f"power {one.slope:.2f}"
        )
    content = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "map_version": version,
        "notes": notes,
        "recovered": [asdict(one) for one in recovered],
        "covered": [asdict(one) for one in covered],
        "depths": [asdict(one) for one in depths],
    }
    settings.LIMITS_ROOT.mkdir(parents=True, exist_ok=True)
    aside = settings.LIMITS_ROOT / f".{FILE}"
    aside.write_text(json.dumps(content).replace("NaN", "null"))
    aside.rename(settings.LIMITS_ROOT / FILE)
    return content, find_faults(recovered, covered)


def read_validation() -> dict[str, Any] | None:
    """Return what the last run found; None when there was none."""
    path = settings.LIMITS_ROOT / FILE
    return json.loads(path.read_text()) if path.is_file() else None


def plan_plots(content: dict[str, Any]) -> list[ValidationPlot]:
    """Plots of the method page: intervals, depth against exposure, area against depth."""
    plots = [
        plan_validation(
            (
                gettext("Share of simulated limits that lie above the truth"),
                gettext("true flux, σ"),
                pgettext("axis of a plot", "share"),
            ),
            (Axis(0.0, 6.0, (0, 1, 2, 3, 4, 5, 6)), Axis(0.88, 1.0, (0.9, 0.95, 1.0))),
            [
                (
                    f"{confidence:g}",
                    [
                        (one["truth_sigma"], one["bayesian"])
                        for one in content["covered"]
                        if one["confidence"] == confidence
                    ],
                )
                for confidence in sorted({one["confidence"] for one in content["covered"]})
            ],
        )
    ]
    for unit in sorted({one["unit"] for one in content["depths"]}):
        bands = [one for one in content["depths"] if one["unit"] == unit]
        plots += [plot for plot in (_exposure_plot(bands, unit), _area_plot(bands, unit)) if plot]
    return plots


def _name(one: dict[str, Any]) -> str:
    name = f"{one['instrument']} {one['band']} keV"
    return gettext("%(name)s, simulated") % {"name": name} if one["simulated"] else name


def _exposure_plot(bands: list[dict[str, Any]], unit: str) -> ValidationPlot | None:
    curves = [
        (_name(one), [(t / 1e6, s) for t, s in zip(one["exposure_s"], one["statistical"], strict=True)])
        for one in bands
    ]
    curves = [(name, points) for name, points in curves if points]
    if not curves:
        return None
    times = [t for _, points in curves for t, _ in points]
    dots = []
    if unit.lower() == "mcrab":
        value, text = PUBLISHED_DEPTH
        dots = [(t, value * t**-0.5, gettext(text)) for t in (0.1, 1.0, 10.0) if min(times) / 3 < t < 3 * max(times)]
    values = [s for _, points in curves for _, s in points] + [y for _, y, _ in dots]
    return plan_validation(
        (gettext("5 σ sensitivity, statistics only, against exposure"), gettext("exposure, Ms"), unit),
        (decades(times + [x for x, _, _ in dots]), decades(values)),
        curves,
        dots,
    )


def _area_plot(bands: list[dict[str, Any]], unit: str) -> ValidationPlot:
    curves = [(_name(one), list(zip(one["depth"], one["share"], strict=True))) for one in bands]
    dots = [(flux, share, gettext(text)) for share, flux, text in PUBLISHED_AREAS] if unit.lower() == "mcrab" else []
    depths = [x for _, points in curves for x, _ in points] + [x for x, _, _ in dots]
    return plan_validation(
        (
            gettext("Share of the sky that is deeper than a flux, 5 σ with all factors"),
            unit,
            gettext("share of the sky"),
        ),
        (decades(depths), Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))),
        curves,
        dots,
    )
