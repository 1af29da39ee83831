"""Spectra as VOTable in the Spectrum data model 1.2: counts in channels with their energies.

The energies are those of the channels (EBOUNDS of the response): the spectrum is not unfolded. To fit it take the
original OGIP file with its responses.
"""

from collections.abc import Iterator

import numpy as np

from archive.formats import Spectrum
from archive.models import Product
from vo.products.document import DataTable, Field, Param, write_document
from vo.products.facts import KEV_METRE, common_params, product_infos, remarks

DATA_MODEL = "Spectrum-1.2"


def write_spectrum(product: Product, spectrum: Spectrum, identifier: str) -> Iterator[bytes]:
    """Yield the document of a spectrum with channel energies.

    Parameters
    ----------
    spectrum
        Its channels have energies (`archive.formats.read_spectrum` with a response).
    identifier
        The publisher's identifier of the product.
    """
    low, high = spectrum.energy_min_kev, spectrum.energy_max_kev
    with np.errstate(divide="ignore", invalid="ignore"):
        density, error = spectrum.rate / (high - low), spectrum.error / (high - low)
    accuracy = "spec:Data.SpectralAxis.Accuracy"
    fields = (
        Field("energy", (low + high) / 2.0, "em.energy", "Middle of the channel", "keV",
              "spec:Data.SpectralAxis.Value"),
        Field("flux", density, "phot.count;em.energy", "Count rate per energy; not unfolded", "ct/(s.keV)",
              "spec:Data.FluxAxis.Value"),
        Field("flux_error", error, "stat.error;phot.count;em.energy", "One standard deviation, statistical",
              "ct/(s.keV)", "spec:Data.FluxAxis.Accuracy.StatError"),
        Field("flux_systematic", spectrum.systematic_error * np.abs(density), "stat.error.sys;phot.count;em.energy",
              "Systematic error", "ct/(s.keV)", "spec:Data.FluxAxis.Accuracy.SysError"),
        Field("energy_min", low, "em.energy;stat.min", "Lower end of the channel", "keV", f"{accuracy}.BinLow"),
        Field("energy_max", high, "em.energy;stat.max", "Upper end of the channel", "keV", f"{accuracy}.BinHigh"),
        Field("quality", spectrum.quality.astype(np.int32), "meta.code.qual", "0 good, others bad (OGIP 92-007)",
              utype="spec:Data.FluxAxis.Quality"),
        Field("channel", spectrum.channel.astype(np.int32), "meta.number", "Channel as in the file"),
    )  # fmt: skip
    text = "Counts in channels with their energies; fold a model through the responses of the original file to fit it."
    table = DataTable("spectrum", text, _params(product, spectrum, identifier), fields, utype="spec:Spectrum")
    return write_document(
        [table],
        description=product.title,
        systems='<COOSYS ID="ICRS" system="ICRS"/>\n',
        utype="spec:Spectrum",
        infos=product_infos(product),
    )


def _params(product: Product, spectrum: Spectrum, identifier: str) -> tuple[Param, ...]:
    low, high = float(spectrum.energy_min_kev.min()), float(spectrum.energy_max_kev.max())
    coverage = "spec:Char.SpectralAxis.Coverage.Bounds"
    return (
        Param("data_model", DATA_MODEL, "spec:Dataset.DataModel", "meta.id"),
        Param("type", "Spectrum", "spec:Dataset.Type", "meta.code.class"),
        Param("length", len(spectrum), "spec:Dataset.Length", "meta.number"),
        Param("time_system", "TT", "spec:CoordSys.TimeFrame.Name", "meta.id"),
        Param("space_frame", "ICRS", "spec:CoordSys.SpaceFrame.Name", "meta.id"),
        Param("spectral_ucd", "em.energy", "spec:Char.SpectralAxis.Ucd", "meta.ucd"),
        Param("flux_ucd", "phot.count;em.energy", "spec:Char.FluxAxis.Ucd", "meta.ucd"),
        Param("spectral_start", KEV_METRE / high, f"{coverage}.Start", "em.wl;stat.min", "m"),
        Param("spectral_stop", KEV_METRE / low if low else None, f"{coverage}.Stop", "em.wl;stat.max", "m"),
        *(
            Param(p.name, p.value, p.utype.replace("ssa:", "spec:"), p.ucd, p.unit, p.description)
            for p in common_params(product, identifier)
        ),
        *remarks(spectrum.findings),
    )  # fmt: skip
