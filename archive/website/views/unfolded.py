"""A spectrum unfolded with a power law: plot, numbers and how they were made; works without JavaScript."""

import csv
import io

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from numpy.typing import NDArray

from archive.api.points import find_product, unfold_product, unfolded_table
from archive.unfolding import INDEX_RANGE, Unfolded
from archive.website.dot_plot import DotPlot, Points, lay_out_points
from archive.website.request_values import read_choice, read_number, read_text

FloatArray = NDArray[np.float64]


@require_safe
def unfolded(request: HttpRequest, product_id: str) -> HttpResponse:
    """Show the spectrum with the photon index `index`, fitted when absent; `format=csv` sends the numbers."""
    product = find_product(product_id)
    index = read_number(request.GET, "index", *INDEX_RANGE)
    found = unfold_product(product, index)
    table = unfolded_table(found)
    if read_choice(request.GET, "format", ("html", "csv"), "html") == "csv":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(f"{name} [{unit}]" if unit else name for name, unit, _ in table.columns)
        writer.writerows(table.rows(0, len(table)))
        response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
        stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in product_id)
        response["Content-Disposition"] = f'attachment; filename="{stem}_unfolded.csv"'
        return response
    context = {
        "section": "products",
        "product": product,
        "found": found,
        "index": read_text(request.GET, "index", 20),
        "plot": _draw(found),
        "not_drawn": int((found.energy_flux <= 0).sum()),
        "table": table,
        "rows": list(table.rows(0, len(table))),
        "lowest": INDEX_RANGE[0],
        "highest": INDEX_RANGE[1],
    }
    return render(request, "archive/unfolded.html", context)


def _draw(found: Unfolded) -> DotPlot | None:
    """Draw E^2 times the photon flux on logarithmic axes; None when no channel is above zero."""
    energy = np.log10(np.sqrt(found.energy_min_kev * found.energy_max_kev))
    shown = found.energy_flux > 0
    if not shown.any():
        return None
    # An error bar that reaches zero ends at a tenth of the value.
    share = found.energy_flux_error[shown] / found.energy_flux[shown]
    below, above = -np.log10(1.0 - np.minimum(share, 0.9)), np.log10(1.0 + share)
    points = Points("points", energy[shown], np.log10(found.energy_flux[shown]), below, above)
    sets = [points]
    if found.norm > 0:
        model = np.log10(found.model_energy_flux)
        sets.append(Points("model", energy, model, np.zeros_like(model)))
    margin = 0.04 * float(np.ptp(energy)) or 0.1
    return lay_out_points(
        sets,
        (float(energy.min()) - margin, float(energy.max()) + margin),
        x_label=gettext("Energy (keV)"),
        y_label="E² N(E), erg cm⁻² s⁻¹",
        log=True,
    )
