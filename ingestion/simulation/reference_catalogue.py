"""The simulated ISDC reference catalogue: real facts, model rates, the original's 36 columns."""

from pathlib import Path

import numpy as np

from ingestion.simulation.fitsfiles import (
    FIXED_DATE,
    SKY_KEYWORDS,
    Column,
    Keyword,
    make_table,
    time_keywords,
    write_fits,
)
from ingestion.simulation.response import Response, band_rate, norm_at_1_kev
from ingestion.simulation.sources import Source, band_fluxes

VERSION = 9901

# JEM-X model rates of the Crab in the ISDC reference catalogue, version 43, 3-10 and 10-30 keV (its own normalisation)
_JEMX_CRAB = (0.5005, 0.1425)

_BANDS: dict[str, Keyword] = {
    "SPIEMIN1": 15.0,
    "SPIEMAX1": 300.0,
    "SPIEMIN2": 300.0,
    "SPIEMAX2": 8000.0,
    "ISGEMIN1": 20.0,
    "ISGEMAX1": 60.0,
    "ISGEMIN2": 60.0,
    "ISGEMAX2": 200.0,
    "PICEMIN1": 100.0,
    "PICEMAX1": 600.0,
    "PICEMIN2": 600.0,
    "PICEMAX2": 6000.0,
    "JMXEMIN1": 3.0,
    "JMXEMAX1": 10.0,
    "JMXEMIN2": 10.0,
    "JMXEMAX2": 30.0,
}


def write_reference_catalogue(path: Path, sources: tuple[Source, ...], response: Response) -> None:
    """Write GNRL-REFR-CAT, sorted by source id; zero means no model, as in the original."""
    rows = tuple(sorted(sources, key=lambda source: source.source_id))
    count = len(rows)
    parameters = np.zeros((count, 32))
    parameters[:, 0] = [source.photon_index for source in rows]
    parameters[:, 1] = [norm_at_1_kev(source) for source in rows]
    isgri = np.array(
        [[band_rate(response, source, *band) for source in rows] for band in ((20.0, 60.0), (60.0, 200.0))]
    )
    jemx = [
        1e-3 * crab * band_fluxes(rows, *band)
        for crab, band in zip(_JEMX_CRAB, ((3.0, 10.0), (10.0, 30.0)), strict=True)
    ]
    bright = np.array([source.flux_20_60_mcrab for source in rows])
    flag = np.where(bright > 10.0, 2, 1)
    none, blank = np.zeros(count), np.full(count, "")
    columns = [
        Column("SOURCE_ID", "16A", [source.source_id for source in rows]),
        Column("DAY_ID", "D", none, "d"),
        Column("NAME", "20A", [source.name[:20] for source in rows]),
        Column("CLASS", "I", [source.isdc_class for source in rows]),
        Column("RA_OBJ", "E", [source.ra for source in rows], "deg"),
        Column("DEC_OBJ", "E", [source.dec for source in rows], "deg"),
        Column("ERR_RAD", "E", np.full(count, 0.0003), "deg"),
        Column("ISGRI_FLAG", "B", flag),
        Column("ISGRI_FLAG2", "B", flag),
        Column("JEMX_FLAG", "B", band_fluxes(rows, 3.0, 10.0) > 1.0),
        Column("SPI_FLAG", "B", bright > 5.0),
        Column("PICSIT_FLAG", "B", bright > 500.0),
        Column("SPA_MODL", "32A", blank),
        Column("SPA_NPAR", "I", none),
        Column("SPA_PARS", "8E", np.zeros((count, 8))),
        Column("SPE_MODL", "128A", np.full(count, "powerlaw")),
        Column("SPE_NPAR", "I", np.full(count, 2)),
        Column("SPE_PARS", "32E", parameters),
        Column("VAR_MODL", "128A", blank),
        Column("VAR_NPAR", "I", none),
        Column("VAR_PARS", "8E", np.zeros((count, 8))),
        Column("COMMENTS", "128A", [", ".join(source.aliases) for source in rows]),
        Column("SPI_FLUX_1", "E", none, "cm-2 ph s-1"),
        Column("SPI_FLUX_2", "E", none, "cm-2 ph s-1"),
        Column("ISGR_FLUX_1", "E", isgri[0], "count s-1"),
        Column("ISGR_FLUX_2", "E", isgri[1], "count s-1"),
        Column("PICS_FLUX_1", "E", none, "count s-1"),
        Column("PICS_FLUX_2", "E", none, "count s-1"),
        Column("JEMX_FLUX_1", "E", jemx[0], "count s-1"),
        Column("JEMX_FLUX_2", "E", jemx[1], "count s-1"),
        *(
            Column(name, "256E", np.zeros((count, 256)), unit)
            for name, unit in (
                ("E_MIN", "keV"),
                ("E_MAX", "keV"),
                ("FLUX", "cm-2 ph s-1"),
                ("FLUX_ERR", "cm-2 ph s-1"),
            )
        ),
        Column("SEL_FLAG", "I", none),
        Column("FLAG", "I", none),
    ]
    keywords: dict[str, Keyword] = {
        "EXTREL": "9.6",
        "BASETYPE": "DAL_TABLE",
        "VERSION": VERSION,
        "FILENAME": "gnrl_refr_cat.fits",
        "STRT_VAL": "2000-01-01T00:00:00",
        "STAMP": FIXED_DATE,
        **_BANDS,
        **time_keywords(),
        **SKY_KEYWORDS,
    }
    write_fits(path, [make_table("GNRL-REFR-CAT", columns, keywords)])
