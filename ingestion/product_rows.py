"""The row of a product: what it is called and what its file says of it; which source it is about is found later."""

import re
import sys
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import numpy as np

from archive.formats.spectrum import Spectrum
from archive.identifiers import parse_scw_id
from ingestion.content import (
    DetectionPart,
    EventPart,
    ImagePart,
    MonitorPart,
    Part,
    SeriesPart,
    SpectrumPart,
    TablePart,
)
from ingestion.matching import Subject
from ingestion.rows import ProductRow

# A series over less than this many days is one of an epoch (ISLA: short), above it one of the mission (long).
LONG_SERIES_D = 30.0
ENDINGS = ("", ".fits", ".reg", ".ecsv", ".vot", ".xml", ".parquet", ".qdp", ".cdf", ".csv", ".txt", ".dat")
"""What the name of a file may end with, before ``.gz``."""
_ENDING = re.compile(rf"({'|'.join(map(re.escape, ENDINGS[1:]))})?(\.gz)?$")
_OSA_LIST = re.compile(r"(isgri|jmx[12])_(sky|srcl|mosa|obs)[._]*res")
_ISLA_EPOCH = re.compile(r"_(\d{4})_(\d{11})_")


@dataclass(frozen=True, slots=True)
class PartFile:
    """One file of a product: its name in the delivery, digest, size, and what was read from it."""

    name: str
    sha256: str
    size_bytes: int
    part: Part

    @property
    def base_name(self) -> str:
        """File name without folder."""
        return PurePosixPath(self.name).name

    @property
    def folder(self) -> str:
        """Folder within the delivery."""
        return folder_of(self.name)

    @property
    def stem(self) -> str:
        """File name without folder and endings."""
        return _stem(self.base_name)

    @property
    def image_stem(self) -> str:
        """Stem without what tells the files of one mosaic apart: original, smooth, sources."""
        return image_stem(self.name)


def folder_of(name: str) -> str:
    """Return the folder of a file within the delivery.

    Examples
    --------
    >>> folder_of("jemx/a.fits"), folder_of("a.fits")
    ('jemx', '.')
    """
    return sys.intern(str(PurePosixPath(name).parent))


def image_stem(name: str) -> str:
    """Return a file name without folder, endings, and what tells the files of one mosaic apart.

    Examples
    --------
    >>> image_stem("x/isgri_0727_mosaic_smooth.fits.gz")
    'isgri_0727_mosaic'
    """
    return re.sub(r"_(original|smooth|smoothed|sources)$", "", _stem(PurePosixPath(name).name))


def _stem(base_name: str) -> str:
    return _ENDING.sub("", base_name, count=1)


def slug(text: str) -> str:
    """Reduce a name to lower case, digits and ``._+-``.

    Examples
    --------
    >>> slug("SMC X-1_ISGRI")
    'smc_x-1_isgri'
    """
    return re.sub(r"[^a-z0-9.+-]+", "_", text.lower()).strip("_.")


def _band(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.6g}_{high:.6g}"


def _epoch(name: str, obs_id: str, revolution: int | None) -> tuple[str, str, int | None]:
    """Return ISLA's epoch, observation id and revolution: from the header, else from ISLA's file name."""
    match = _ISLA_EPOCH.search(name)
    if match:
        return f"{match[1]}_{match[2]}", obs_id or match[2], revolution if revolution is not None else int(match[1])
    return (f"{revolution:04d}_{obs_id}" if obs_id and revolution is not None else ""), obs_id, revolution


def _subject(
    main: PartFile,
    source_id: str,
    name: str | None,
    place: tuple[float | None, float | None],
    instrument: str | None,
) -> Subject:
    """Make what is to be linked: the position is the one that the extraction was given, without an error of its own."""
    return Subject(name or "", source_id, *place, 0.0, instrument or "", path=main.name)


def image_product(main: PartFile, part: ImagePart) -> ProductRow:
    """Make the product of an image file."""
    first = part.mosaics[0]
    bands = [(mosaic.energy_min_kev, mosaic.energy_max_kev) for mosaic in part.mosaics]
    low, high = _outer_band(bands)
    epoch, obs_id, revolution = _epoch(main.base_name, part.obs_id, part.revolution)
    ra, dec = first.center()
    outline = first.outline()
    exposure = first.plane("exposure")
    is_scw = first.scw_id is not None and not part.extname.endswith("-MOSA-IMA")
    band = _band(low, high) if len(bands) == 1 else ""
    what = "Science-window image" if is_scw else "Mosaic"
    where = f" revolution {revolution:04d}" if revolution is not None else ""
    return ProductRow(
        product_id=slug(main.image_stem),
        kind="scw_image" if is_scw else "mosaic",
        title=_titled(f"{what} {first.instrument or ''} {_kev(low, high)}{where}", simulated=first.simulated),
        instrument=first.instrument or "",
        band=band,
        energy_min_kev=low,
        energy_max_kev=high,
        target_name=part.target_name,
        epoch=epoch,
        revolution=revolution,
        obs_id=obs_id,
        ra=ra,
        dec=dec,
        field_of_view_deg=_diameter((ra, dec), outline),
        footprint="POLYGON ICRS " + " ".join(f"{value:.6f}" for vertex in outline for value in vertex),
        tstart_mjd_tt=first.tstart_mjd_tt,
        tstop_mjd_tt=first.tstop_mjd_tt,
        exposure_s=None if exposure is None else _finite(np.nanmax(exposure.pixels)),
        sample_count=max(first.shape),
        software=first.software or "",
        created_at=part.created_at[:32],
        metadata={
            "planes": [{"quantity": plane.quantity, "unit": plane.unit} for plane in first.planes],
            "shape_pixels": list(first.shape),
            "bands_kev": [list(band) for band in bands],
        },
    )


def _diameter(center: tuple[float, float], outline: tuple[tuple[float, float], ...]) -> float:
    """Return twice the distance from the middle to the farthest vertex of the outline, degrees."""
    ra, dec = np.radians(center)
    distances = []
    for corner_ra, corner_dec in np.radians(outline):
        cosine = np.sin(dec) * np.sin(corner_dec) + np.cos(dec) * np.cos(corner_dec) * np.cos(ra - corner_ra)
        distances.append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    return float(2.0 * max(distances))


def _finite(value: float | np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None


def spectrum_product(main: PartFile, part: SpectrumPart) -> tuple[ProductRow, Subject]:
    """Make the product of a spectrum, and say what it is about."""
    spectrum = part.spectrum
    low, high = _spectrum_band(spectrum)
    epoch, obs_id, revolution = _epoch(main.base_name, part.obs_id, spectrum.revolution)
    place = (spectrum.ra, spectrum.dec)
    subject = _subject(main, part.source_id, spectrum.source_name, place, spectrum.instrument)
    row = ProductRow(
        product_id=slug(re.sub(r"_spe$", "", main.stem)),
        kind="spectrum",
        title=_titled(
            f"Spectrum {spectrum.source_name or ''} {spectrum.instrument or ''} {_kev(low, high)}",
            simulated=spectrum.simulated,
        ),
        instrument=spectrum.instrument or "",
        energy_min_kev=low,
        energy_max_kev=high,
        target_name=spectrum.source_name or "",
        epoch=epoch,
        revolution=revolution,
        obs_id=obs_id,
        ra=spectrum.ra,
        dec=spectrum.dec,
        tstart_mjd_tt=spectrum.tstart_mjd_tt,
        tstop_mjd_tt=spectrum.tstop_mjd_tt,
        exposure_s=spectrum.exposure_s,
        sample_count=len(spectrum),
        software=spectrum.software or "",
        created_at=part.created_at[:32],
        metadata={
            "rate_unit": "ct/s",
            "good_channels": int(((spectrum.quality == 0) & np.isfinite(spectrum.rate)).sum()),
        },
    )
    return row, subject


def _spectrum_band(spectrum: Spectrum) -> tuple[float | None, float | None]:
    if not np.isfinite(spectrum.energy_min_kev).any():
        return None, None
    good = (spectrum.quality == 0) & np.isfinite(spectrum.rate)
    use = good if good.any() else np.ones(len(spectrum), dtype=bool)
    return float(spectrum.energy_min_kev[use].min()), float(spectrum.energy_max_kev[use].max())


def series_product(main: PartFile, part: SeriesPart) -> tuple[ProductRow, Subject]:
    """Make the product of a file with light curves; OSA's files per science window get a telling name."""
    first = part.series[0]
    bands = [(one.energy_min_kev, one.energy_max_kev) for one in part.series]
    low, high = _outer_band(bands)
    start, stop = min(one.tstart_mjd_tt for one in part.series), max(one.tstop_mjd_tt for one in part.series)
    if part.extname in {"TIMESERIES", "RATES"}:
        kind = "long_timeseries" if stop - start > LONG_SERIES_D else "short_timeseries"
    else:
        kind = "light_curve"
    epoch, obs_id, revolution = _epoch(main.base_name, part.obs_id, first.revolution)
    stem = slug(main.stem)
    if stem.replace(".", "").isdigit():  # OSA names per science window carry no source
        stem = slug(f"{first.source_name or 'unknown'}_{first.instrument or ''}_{_band(low, high)}_{stem}")
    band = (
        _band(low, high)
        if len(bands) == 1 and first.quantity != "magnitude"
        else "V"
        if first.quantity == "magnitude"
        else ""
    )
    words = {"long_timeseries": "Long-term series", "short_timeseries": "Series", "light_curve": "Light curve"}
    target = first.source_name or part.omc_id
    shown = "V band" if band == "V" else _kev(low, high)
    row = ProductRow(
        product_id=stem,
        kind=kind,
        title=_titled(f"{words[kind]} {target} {first.instrument or ''} {shown}", simulated=first.simulated),
        instrument=first.instrument or "",
        band=band,
        energy_min_kev=low,
        energy_max_kev=high,
        target_name=target,
        epoch=epoch,
        revolution=revolution,
        obs_id=obs_id,
        ra=first.ra,
        dec=first.dec,
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        exposure_s=first.exposure_s,
        sample_count=max(len(one) for one in part.series),
        software=part.software[:120],
        created_at=part.created_at[:32],
        metadata={
            "rate_unit": first.rate_unit,
            "quantity": first.quantity,
            "timeref": first.timeref,
            "time_resolution_s": first.time_resolution_s,
            "scw_id": first.scw_id,
            "omc_id": part.omc_id,
            "inputs": list(first.inputs),
            "bands_kev": [list(pair) for pair in bands],
        },
    )
    return row, _subject(main, part.source_id, first.source_name, (first.ra, first.dec), first.instrument)


def event_product(main: PartFile, part: EventPart) -> tuple[ProductRow, Subject]:
    """Make the product of an event list, and say what it is about."""
    events = part.events
    epoch, obs_id, revolution = _epoch(main.base_name, part.obs_id, None)
    row = ProductRow(
        product_id=slug(main.stem),
        kind="event_list",
        title=_titled(f"Event list {part.target_name} {events.instrument or ''}", simulated=events.simulated),
        instrument=events.instrument or "",
        energy_min_kev=events.energy_min_kev,
        energy_max_kev=events.energy_max_kev,
        target_name=part.target_name,
        epoch=epoch,
        revolution=revolution,
        obs_id=obs_id,
        ra=part.ra,
        dec=part.dec,
        tstart_mjd_tt=events.tstart_mjd_tt,
        tstop_mjd_tt=events.tstop_mjd_tt,
        exposure_s=events.good_time_s,
        sample_count=events.event_count,
        created_at=part.created_at[:32],
        metadata={"columns": list(events.column_names)},
    )
    return row, _subject(main, part.source_id, part.target_name, (part.ra, part.dec), events.instrument)


def table_product(main: PartFile, part: TablePart) -> ProductRow:
    """Make the product of a table that describes itself; units are kept as they are used and as they were spelt."""
    return ProductRow(
        product_id=slug(main.stem),
        kind="table",
        title=_titled(part.title or f"Table {part.name}", simulated=False)[:200],
        instrument=part.instrument,
        sample_count=part.row_count,
        software=part.software[:120],
        created_at=part.created_at[:32],
        metadata={"format": part.form, "columns": [asdict(column) for column in part.columns]},
    )


def detection_product(main: PartFile, part: DetectionPart) -> ProductRow:
    """Make the product of a source list; OSA gives each the same file name, so that of what it is of is added."""
    low, high = _outer_band([*part.bands])
    start, stop = part.tstart_mjd_tt, part.tstop_mjd_tt
    times = f"{start:.5f}_{stop:.5f}" if start is not None and stop is not None else ""
    what = part.scw_id or times
    own_name = _OSA_LIST.fullmatch(main.stem)
    where = f"science window {part.scw_id}" if part.scw_id else ""
    return ProductRow(
        product_id=slug(f"{main.stem}_{what}" if own_name and what else main.stem),
        kind="table",
        title=_titled(f"Source list {part.instrument} {_kev(low, high)} {where}", simulated=part.simulated),
        instrument=part.instrument,
        band=_band(low, high) if len(part.bands) == 1 else "",
        energy_min_kev=low,
        energy_max_kev=high,
        revolution=parse_scw_id(part.scw_id).revolution if part.scw_id else None,
        ra=part.ra,
        dec=part.dec,
        field_of_view_deg=part.field_of_view_deg,
        tstart_mjd_tt=start,
        tstop_mjd_tt=stop,
        exposure_s=part.exposure_s,
        sample_count=part.row_count,
        software=part.software[:120],
        created_at=part.created_at[:32],
        metadata={
            "format": "FITS",
            "extname": part.extname,
            "scw_id": part.scw_id or None,
            "lists": part.list_count,
            "new_sources": part.new_count,
            "bands_kev": [list(band) for band in part.bands],
            "columns": [{"name": name, "unit": unit} for name, unit in part.columns],
        },
    )


def monitor_product(main: PartFile, part: MonitorPart) -> ProductRow:
    """Make the product of radiation-monitor rates."""
    return ProductRow(
        product_id=slug(main.stem),
        kind="long_timeseries",
        title="IREM count rates",
        instrument="irem",
        tstart_mjd_tt=part.tstart_mjd_tt,
        tstop_mjd_tt=part.tstop_mjd_tt,
        sample_count=part.sample_count,
        software=part.software[:120],
        created_at=part.created_at[:32],
        metadata={"channels": ["TC1", "TC2", "TC3"], "rate_unit": "ct/s"},
    )


def _outer_band(bands: list[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    lows, highs = [low for low, _ in bands if low is not None], [high for _, high in bands if high is not None]
    return (min(lows), max(highs)) if lows and highs else (None, None)


def _kev(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g}-{high:.4g} keV"


def _titled(text: str, *, simulated: bool) -> str:
    cleaned = " ".join(text.split())
    return f"Simulated: {cleaned[0].lower()}{cleaned[1:]}" if simulated else cleaned
