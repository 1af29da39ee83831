"""Light curves as VOTable: times with TIMESYS, position with COOSYS, magnitudes with their photometric calibration.

Reference: VOTable 1.4 sections 3.4 and 3.5 (COOSYS, TIMESYS); the names in the group ``photcal`` are those of PhotDM
1.1 as publishers of light curves in the VO write them. IVOA vocabularies ``timescale`` and ``refposition``.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from archive.api.points import series_label
from archive.formats import TimeSeries
from archive.models import Product
from vo.products.document import DataTable, Field, Param, write_document
from vo.products.facts import KEV_METRE, common_params, product_infos, remarks

_PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "LOCAL": ("TOPOCENTER", "times hold at the spacecraft: they are not corrected to the barycentre"),
        "SOLARSYSTEM": ("BARYCENTER", "times are corrected to the barycentre of the solar system"),
        "UNKNOWN": ("UNKNOWN", "the file does not say whether the times are corrected to the barycentre"),
    }
)
"""Word of the vocabulary ``refposition`` and explanation of each place of reference."""

_UCDS = {"rate": "phot.count", "flux": "phot.flux", "magnitude": "phot.mag;em.opt.V"}

V_ZERO_JY = 3636.0
V_WAVELENGTH_M = 5.45e-7
"""Flux of V = 0 and effective wavelength of Johnson V: Bessell, Castelli & Plez 1998, A&A 333, 231, table A2."""


def write_light_curves(product: Product, curves: Sequence[TimeSeries], identifier: str) -> Iterator[bytes]:
    """Yield the document of a light-curve product: one TABLE for each band.

    Parameters
    ----------
    curves
        At least one; see `archive.formats.read_time_series` for their units and frames.
    identifier
        The publisher's identifier of the product.
    """
    systems = '<COOSYS ID="ICRS" system="ICRS"/>\n' + "".join(
        f'<TIMESYS ID="{_system_id(place)}" timeorigin="MJD-origin" timescale="TT" '
        f'refposition="{_PLACES[place][0]}"/>\n'
        for place in dict.fromkeys(curve.timeref for curve in curves)
    )
    tables = [_table(product, curve, identifier, number) for number, curve in enumerate(curves, start=1)]
    return write_document(tables, description=product.title, systems=systems, infos=product_infos(product))


def _system_id(place: str) -> str:
    return f"MJD_TT_{place}"


def _table(product: Product, curve: TimeSeries, identifier: str, number: int) -> DataTable:
    # Readers name columns by their ID, which is unique in a document.
    mark = "" if number == 1 else f"_{number}"
    value, error = f"{curve.quantity}{mark}", f"error{mark}"
    ucd = _UCDS[curve.quantity]
    fields = [
        Field("time", curve.time_mjd_tt, "time.epoch", "Middle of the bin, MJD", "d", ref=_system_id(curve.timeref),
              own_id=f"time{mark}"),
        Field("time_half_width", curve.half_width_d, "time.interval", "Half the width of the bin; NaN: not stated",
              "d"),
        Field(curve.quantity, curve.rate, ucd, f"{curve.quantity.capitalize()}; NaN: not measured", curve.rate_unit,
              own_id=value),
        Field("error", curve.error, f"stat.error;{ucd}", "One standard deviation", curve.rate_unit, own_id=error),
    ]  # fmt: skip
    if curve.problems is not None:
        meaning = f" ({curve.problems_meaning})" if curve.problems_meaning else ""
        text = f"Problem flags as delivered{meaning}; 0: none"
        fields.append(Field("problems", curve.problems.astype(np.int32), "meta.code.qual", text))
    params = (
        *common_params(product, identifier),
        Param("time_reference", _PLACES[curve.timeref][1], ucd="meta.note"),
        Param("time_resolution", curve.time_resolution_s or None, ucd="time.resolution", unit="s",
              description="Coarseness of the times as the file stores them"),
        Param("energy_min", curve.energy_min_kev, ucd="em.energy;stat.min", unit="keV"),
        Param("energy_max", curve.energy_max_kev, ucd="em.energy;stat.max", unit="keV"),
        Param("em_min", _metres(curve.energy_max_kev), "ssa:Char.SpectralAxis.Coverage.Bounds.Start",
              "em.wl;stat.min", "m"),
        Param("em_max", _metres(curve.energy_min_kev), "ssa:Char.SpectralAxis.Coverage.Bounds.Stop",
              "em.wl;stat.max", "m"),
        *remarks(curve.findings),
    )  # fmt: skip
    groups = _calibration(value, error) if curve.quantity == "magnitude" else ""
    return DataTable(f"light_curve_{number}", series_label(curve), params, tuple(fields), groups=groups)


def _metres(energy_kev: float | None) -> float | None:
    return KEV_METRE / energy_kev if energy_kev else None


def _calibration(value: str, error: str) -> str:
    """Return the group that says what the magnitudes are: Johnson V, Vega system."""
    params = (
        Param("filterIdentifier", "Generic/Johnson.V", "photDM:PhotometryFilter.identifier", "meta.id;instr.filter"),
        Param("magnitudeSystem", "Vega", "photDM:PhotCal.magnitudeSystem.type", "meta.code"),
        Param("zeroPointFlux", V_ZERO_JY, "photDM:PhotCal.zeroPoint.flux.value", "phot.flux.density", "Jy"),
        Param("referenceMagnitude", 0.0, "photDM:PhotCal.zeroPoint.referenceMagnitude.value", "phot.mag", "mag"),
        Param("effectiveWavelength", V_WAVELENGTH_M, "photDM:PhotometryFilter.spectralLocation.value",
              "em.wl.effective", "m"),
    )  # fmt: skip
    references = f'<FIELDref ref="{value}"/>\n<FIELDref ref="{error}"/>\n'
    return f'<GROUP name="photcal">\n{references}{"".join(param.xml() for param in params)}</GROUP>\n'
