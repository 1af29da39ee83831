"""A Jupyter notebook that redraws a source's page: plain pyvo, requests and matplotlib against this archive."""

import json
from collections.abc import Sequence

from django.conf import settings

from archive.models import Product, Source
from archive.website import adql
from archive.website.citation import acknowledgement, cite

MAX_PRODUCTS = 4


def source_notebook(source: Source, series: Sequence[Product], spectra: Sequence[Product], release: str) -> str:
    """Return a notebook (nbformat 4.5) for a source; texts from the archive stand in it as JSON strings only."""
    products = [*series[:MAX_PRODUCTS], *spectra[:MAX_PRODUCTS]]
    here = adql.equals("source_id", source.source_id)
    cells = [
        _text(
            f"# {_plain(source.name)}\n\nMade by {settings.PUBLIC_URL}/sources/{source.source_id}, release {release}. "
            f"Needs: `pip install pyvo requests matplotlib`."
        ),
        _code(
            "import matplotlib.pyplot as plt\nimport pyvo\nimport requests\n\n"
            f"ARCHIVE = {settings.PUBLIC_URL!r}\n"
            f"SOURCE = {source.source_id!r}\n"
            'tap = pyvo.dal.TAPService(f"{ARCHIVE}/tap")'
        ),
        _text("## Products and names"),
        _code(f"tap.search({adql.select('integral.products', [here])!r}).to_table()"),
        _code(f"tap.search({adql.select('integral.source_names', [here])!r}).to_table()"),
        _text("## Pointings that had it in the field of view, with their distance from the axis"),
        _code(
            "pointings = tap.search(\n"
            '    "SELECT scw_id, tstart_mjd_tt, good_isgri_s, "\n'
            f'    "DISTANCE(POINT(ra, dec), POINT({source.ra:.6f}, {source.dec:.6f})) AS off_axis_deg "\n'
            "    \"FROM integral.science_windows WHERE kind = 'pointing' AND \"\n"
            f'    "1 = CONTAINS(POINT(ra, dec), CIRCLE({source.ra:.6f}, {source.dec:.6f}, 15))"\n'
            ").to_table()\n"
            'plt.plot(pointings["tstart_mjd_tt"], pointings["off_axis_deg"], ".", ms=2)\n'
            'plt.xlabel("MJD (TT)")\nplt.ylabel("off-axis angle (deg)")'
        ),
    ]
    for product in products:
        cells.append(_text(f"## {_plain(product.title)}{' (simulated)' if product.simulated else ''}"))
        cells.append(_code(_spectrum(product) if product.kind == Product.Kind.SPECTRUM else _light_curve(product)))
    cells.append(_text(f"## Acknowledgement\n\n{_plain(acknowledgement(cite(products), None))}"))
    return json.dumps(
        {
            "cells": [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


def _light_curve(product: Product) -> str:
    return (
        f'answer = requests.get(ARCHIVE + "/api/v1/products/" + {product.product_id!r} + "/light-curve", timeout=60)\n'
        "answer.raise_for_status()\n"
        'for curve in answer.json()["curves"]:\n'
        '    points = [p for p in zip(curve["time_mjd_tt"], curve["value"], curve["error"]) if None not in p]\n'
        "    if points:\n"
        '        plt.errorbar(*zip(*points), fmt=".", ms=2, lw=0.5, label=curve["label"])\n'
        "        plt.ylabel(f\"{curve['quantity']} ({curve['unit']})\")\n"
        'plt.xlabel("MJD (TT)")\nplt.legend()'
    )


def _spectrum(product: Product) -> str:
    return (
        f'answer = requests.get(ARCHIVE + "/api/v1/products/" + {product.product_id!r} + "/spectrum", timeout=60)\n'
        "answer.raise_for_status()\n"
        "spectrum = answer.json()\n"
        'columns = ("energy_min_kev", "energy_max_kev", "rate_per_kev", "error_per_kev", "quality")\n'
        "points = [p for p in zip(*(spectrum[name] for name in columns)) if None not in p and p[4] == 0]\n"
        "low, high, rate, error, _ = zip(*points)\n"
        "middle = [(a * b) ** 0.5 for a, b in zip(low, high)]\n"
        'plt.errorbar(middle, rate, error, fmt=".")\n'
        'plt.xscale("log")\nplt.yscale("log")\nplt.xlabel("channel energy (keV)")\n'
        'plt.ylabel("ct/s/keV, folded with the response")'
    )


def _plain(text: str) -> str:
    """Take the signs out of a name that Markdown or HTML would read."""
    return "".join(" " if sign in "<>&`*_[]()#!|\\" else sign for sign in text)


def _text(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, object]:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
