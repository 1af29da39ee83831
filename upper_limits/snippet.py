"""The Python code shown beside a result: it asks the API again and recomputes every number of the table.

Ingredients are what the maps hold (flux, variance, exposure, k_sys, noise factor, term of bright neighbours); all else
is made from them and from the spectra written out in the code.
"""

from collections.abc import Sequence

from upper_limits.absorption import TABLE
from upper_limits.flux import CRABS, Band, BlackBody, BrokenPowerLaw, Crab, CutoffPowerLaw, Model, PowerLaw
from upper_limits.limits import Options
from upper_limits.store import BandTotals


def spectrum_code(model: Model) -> str:
    """Write N(E) of a model as a Python expression of `E` (keV), unit normalisation.

    Examples
    --------
    >>> spectrum_code(PowerLaw(2.1))
    'E ** -2.1'
    """
    match model:
        case PowerLaw(index=index):
            return f"E ** {-index!r}"
        case BrokenPowerLaw(index=index, break_kev=edge, index2=index2):
            return f"E ** {-index!r} if E < {edge!r} else {edge!r} ** {index2 - index!r} * E ** {-index2!r}"
        case CutoffPowerLaw(index=index, cutoff_kev=cutoff):
            return f"E ** {-index!r} * exp(-E / {cutoff!r})"
        case BlackBody(kt_kev=kt):
            return f"E**2 / expm1(E / {kt!r})"
        case Band(alpha=alpha, beta=beta, epeak_kev=peak):
            folding = peak / (2.0 + alpha)
            edge = (alpha - beta) * folding
            below = f"(E / 100) ** {alpha!r} * exp(-E / {folding!r})"
            above = f"({edge!r} / 100) ** {alpha - beta!r} * exp({beta - alpha!r}) * (E / 100) ** {beta!r}"
            return f"{below} if E < {edge!r} else {above}"


def crab_code(crab: Crab) -> str:
    """Write the photon spectrum of a Crab, ph cm-2 s-1 keV-1, as a Python expression of `E`.

    Examples
    --------
    >>> crab_code(CRABS["10*E**-2.1"])
    '10.0 * (E ** -2.1)'
    """
    return f"{crab.norm!r} * ({spectrum_code(crab.model)})"


def python_snippet(url: str, options: Options, bands: Sequence[BandTotals]) -> str:
    """Write the code for one answer: `url` gives its JSON, `bands` are the maps that it was read from."""
    conventions = sorted({band.crab_convention for band in bands if band.crab_convention in CRABS})
    of_map = CRABS[conventions[0]] if len(conventions) == 1 else options.crab
    wanted = options.flux_band_kev
    return _CODE.format(
        url=repr(url),
        spectrum=spectrum_code(options.model),
        crab=crab_code(options.crab),
        map_crab=crab_code(of_map),
        absorption=_ABSORPTION.format(nh=options.nh_cm2, table=",\n    ".join(map(repr, TABLE)))
        if options.nh_cm2
        else "",
        seen="lambda E: spectrum(E) * transmission(E), native, EDGES" if options.nh_cm2 else "spectrum, native",
        wanted=f"({wanted[0]!r}, {wanted[1]!r})" if wanted else 'row["energy_min_kev"], row["energy_max_kev"]',
    )


_ABSORPTION = """\
TABLE = [  # Morrison & McCammon 1983, ApJ 270, 119: upper edge in keV, c0, c1, c2
    {table},
]
EDGES = [row[0] for row in TABLE]


def transmission(E):  # share that comes through {nh!r} atoms of hydrogen per cm2
    inside = min(E, 10.0)
    c0, c1, c2 = next(row[1:] for row in TABLE if inside <= row[0])
    return exp(-{nh!r} * 1e-24 * (c0 + c1 * inside + c2 * inside**2) / E**3)


"""
_CODE = """\
import json
import urllib.request
from math import exp, expm1, log1p, sqrt  # used by the spectra below

from scipy.integrate import quad  # pip install scipy
from scipy.special import log_ndtr, ndtri_exp

URL = {url}
ERG_PER_KEV = 1.602176634e-9


def spectrum(E):  # assumed, photons cm-2 s-1 keV-1, any scale
    return {spectrum}


{absorption}def crab(E):  # 1 Crab of the table
    return {crab}


def map_crab(E):  # 1 Crab of maps in mCrab
    return {map_crab}


def integral(density, band, edges=()):
    inner = [edge for edge in edges if band[0] < edge < band[1]]
    return quad(density, *band, epsabs=0, epsrel=1e-10, points=inner or None)[0]


def factors(row):
    \"\"\"mCrab and erg cm-2 s-1 for one unit of the map.\"\"\"
    native = row["energy_min_kev"], row["energy_max_kev"]
    wanted = {wanted}
    energy = ERG_PER_KEV * integral(lambda E: E * spectrum(E), wanted) / integral({seen})
    photons = {{"mcrab": 1e-3 * integral(map_crab, native), "ph cm-2 s-1": 1.0, "ph/cm2/s": 1.0}}[row["unit"].lower()]
    return photons / (1e-3 * integral(crab, native)), photons * energy


answer = json.load(urllib.request.urlopen(URL))
confidence, threshold = answer["confidence_one_sided"], answer["threshold_sigma"]
for row in answer["results"]:
    if row["flux"] is None:
        print(row["instrument"], row["band"], row["status"], row["message"])
        continue
    # every number is made from the ingredients in the same row
    flux = row["flux"]
    error = sqrt(row["variance"] * (row["noise_factor"] * row["k_sys"]) ** 2 + row["bright_term"] ** 2)
    limit = flux - error * ndtri_exp(log1p(-confidence) + log_ndtr(flux / error))
    made = {{
        "flux_error": error,
        "significance": flux / error,
        "upper_limit": limit,
        "sensitivity": threshold * error,
    }}
    if row["upper_limit_erg"] is not None:
        to_mcrab, to_erg = factors(row)
        made |= {{"upper_limit_mcrab": limit * to_mcrab, "upper_limit_erg": limit * to_erg, "flux_erg": flux * to_erg}}
    for name, value in made.items():
        assert abs(value / row[name] - 1) < 1e-6, (name, value, row[name])
    assert row["status"] == ("detection" if flux / error > threshold else "limit")
    made |= {{name: row[name] for name in ("flux", "exposure_s", "k_sys", "noise_factor")}}
    print(row["instrument"], row["band"], "keV", row["status"], "simulated" if row["simulated"] else "measured")
    for name, value in made.items():
        print("   ", name, "not known" if value is None else f"{{value:.9g}}")
"""
