"""Files of products: images, spectra with their responses, light curves, event lists, region files, sky maps."""

import dataclasses
import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from archive.formats import headers
from archive.formats.container import FitsFile, open_fits
from archive.formats.events import event_list_in, is_event_list
from archive.formats.findings import Finding, refuse
from archive.formats.image import images_in, is_sky_image
from archive.formats.ogip import check_good_times
from archive.formats.response import effective_area_in, find_hdu, response_in
from archive.formats.spectrum import spectrum_in
from archive.formats.timeseries import is_time_series, time_series_in
from archive.skymaps import SkyMap
from archive.times import MISSION_START_MJD_TT, MISSION_STOP_MJD_TT, mjd_tt_from_utc
from ingestion.cells import Findings, fits_table, read_text
from ingestion.content import (
    Content,
    EventPart,
    ImagePart,
    MapPart,
    MonitorPart,
    Probe,
    RegionPart,
    ResponsePart,
    SeriesPart,
    SpectrumPart,
)

_LONGEST_YEAR_D = 366.0 + 3.1
_REVOLUTION_D = 3.1
"""The longest revolution lasted 3 days; maps of a year may begin or end with a whole revolution."""

SPECTRUM_NAMES = ("spectrum", "arf", "rmf")


def _hdu_class(probe: Probe, first: str, second: str = "") -> bool:
    return any(
        hdu.cards.get("HDUCLAS1") == first and (not second or hdu.cards.get("HDUCLAS2") == second) for hdu in probe.hdus
    )


def recognise_spectrum(probe: Probe) -> bool:
    """Say whether an HDU is of class SPECTRUM, or has an OSA or OGIP name of one, with a column of channels."""
    named = [
        hdu
        for hdu in probe.hdus
        if hdu.cards.get("HDUCLAS1") == "SPECTRUM" or hdu.name == "SPECTRUM" or hdu.name.endswith("-SPE")
    ]
    return any("CHANNEL" in probe.columns(hdu.name) for hdu in named)


def recognise_rmf(probe: Probe) -> bool:
    """Say whether there is a response matrix."""
    return _hdu_class(probe, "RESPONSE", "RSP_MATRIX") or any(
        hdu.name in {"MATRIX", "SPECRESP MATRIX"} for hdu in probe.hdus
    )


def recognise_arf(probe: Probe) -> bool:
    """Say whether there is an effective area and no response matrix."""
    return not recognise_rmf(probe) and (
        _hdu_class(probe, "RESPONSE", "SPECRESP") or any(hdu.name == "SPECRESP" for hdu in probe.hdus)
    )


def recognise_events(probe: Probe) -> bool:
    """Say whether there is an OGIP event list, extracted for sources; the raw lists of science windows stay there."""
    return any(hdu.cards.get("HDUCLAS1") == "EVENTS" and hdu.name.startswith("GNRL-EVTS") for hdu in probe.hdus)


def recognise_image(probe: Probe) -> bool:
    """Say whether there is an INTEGRAL image: planes with IMATYPE, or one image of ISLA's smoothed kind."""
    images = [
        hdu
        for hdu in probe.hdus
        if hdu.cards.get("NAXIS") == "2"
        and hdu.kind in {"IMAGE", "PRIMARY"}
        and hdu.cards.get("CTYPE1", "").startswith("RA-")
    ]
    return any("IMATYPE" in hdu.cards for hdu in images) or (
        len(images) == 1 and images[0].kind == "PRIMARY" and {"TSTART", "TSTOP", "MJDREF"} <= images[0].cards.keys()
    )


def recognise_time_series(probe: Probe) -> bool:
    """Say whether there is an all-mission or epoch series: TIMESERIES (ISLA) or RATES (ESAC)."""
    return probe.has_hdu("TIMESERIES") or {"TIME", "RATES", "ERRORS"} <= probe.columns("RATES")


def recognise_light_curve(probe: Probe) -> bool:
    """Say whether there is a light curve in OSA's layout or of OGIP's class."""
    return any(hdu.name.endswith("-SRC.-LCR") for hdu in probe.hdus) or any(
        hdu.cards.get("HDUCLAS1", "").replace(" ", "") == "LIGHTCURVE"
        and hdu.cards.get("INSTRUME") not in {"OMC", "SPI-ACS"}
        and "TIME" in probe.columns(hdu.name)
        and {"RATE", "RATES", "COUNTS", "FLUX"} & probe.columns(hdu.name)
        for hdu in probe.hdus
    )


def recognise_acs(probe: Probe) -> bool:
    """Say whether there is a light curve of the anti-coincidence shield, as MMODA and the IBAS pages give it."""
    return any(
        hdu.cards.get("INSTRUME") == "SPI-ACS" and {"TIME", "RATE"} <= probe.columns(hdu.name) for hdu in probe.hdus
    )


def recognise_omc(probe: Probe) -> bool:
    """Say whether there is an OMC light curve."""
    return probe.has_hdu("OMC-SRC-LCR")


def recognise_region(probe: Probe) -> bool:
    """Say whether the text is a DS9 region file with circles on the sky."""
    return any(re.match(r"(fk5|icrs);circle\(", line) for line in probe.lines)


def recognise_maps(probe: Probe) -> bool:
    """Say whether there is a SKY-MAPS table in HEALPix."""
    return probe.has_hdu("SKY-MAPS")


def recognise_irem(probe: Probe) -> bool:
    """Say whether there is an IREM-CNTS table."""
    return probe.has_hdu("IREM-CNTS")


def _gather(file: FitsFile, more: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return (*file.findings, *more)


def _known(header: fits.Header, *keywords: str) -> str:
    return next((value for keyword in keywords if (value := headers.text(header, keyword))), "")


def read_image(path: Path) -> Content:
    """Read mosaics or science-window images."""
    with open_fits(path) as file:
        mosaics = images_in(file)
        header = next(hdu.header for hdu in file.hdus if is_sky_image(hdu))
        revolution = headers.number(header, "REVOL")
        part = ImagePart(
            mosaics,
            str(header.get("EXTNAME", "")),
            _known(header, "DATE"),
            _known(header, "OBJECT"),
            _known(header, "OBS_ID"),
            None if revolution is None else int(revolution),
        )
        return Content(
            part=part,
            findings=_gather(file, tuple(dict.fromkeys(f for mosaic in mosaics for f in mosaic.findings))),
            simulated=mosaics[0].simulated,
        )


def read_spectrum(path: Path) -> Content:
    """Read a spectrum; its responses are joined in `ingestion.products`."""
    with open_fits(path) as file:
        spectrum = spectrum_in(file)
        header = file.hdus[find_hdu(file, "SPECTRUM")].header
        part = SpectrumPart(spectrum, _known(header, "DATE"), _known(header, "SOURCEID"), _known(header, "OBS_ID"))
        return Content(part=part, findings=_gather(file, spectrum.findings), simulated=spectrum.simulated)


def read_arf(path: Path) -> Content:
    """Read an effective area."""
    with open_fits(path) as file:
        area = effective_area_in(file)
        header = file.hdus[find_hdu(file, "SPECRESP")].header
        return Content(
            part=ResponsePart("arf", len(area.area_cm2), 0),
            findings=_gather(file, area.findings),
            simulated=headers.is_simulated(header),
        )


def read_rmf(path: Path) -> Content:
    """Read a response matrix."""
    with open_fits(path) as file:
        response = response_in(file)
        header = file.hdus[find_hdu(file, "RSP_MATRIX")].header
        part = ResponsePart(
            "rmf",
            len(response.matrix),
            len(response.channel),
            response.channel_min_kev,
            response.channel_max_kev,
            response.channel,
        )
        return Content(part=part, findings=_gather(file, response.findings), simulated=headers.is_simulated(header))


def read_series(path: Path) -> Content:
    """Read light curves, one per band."""
    with open_fits(path) as file:
        series = time_series_in(file)
        hdu = next(hdu for hdu in file.hdus if is_time_series(hdu))
        header = hdu.header
        part = SeriesPart(
            series,
            hdu.name,
            _known(header, "DATE"),
            _known(header, "CREATOR", "AUTHOR"),
            _known(header, "OMC_ID"),
            _known(header, "SOURCEID"),
            _known(header, "OBS_ID"),
        )
        findings = Findings()
        findings.extend(check_good_times(file))
        for one in series:
            _check_series_span(one.tstart_mjd_tt, one.tstop_mjd_tt, one.time_mjd_tt, one.hdu, findings)
        return Content(
            part=part,
            findings=_gather(file, (*(f for one in series for f in one.findings), *findings.finish())),
            simulated=series[0].simulated,
        )


def _check_series_span(start: float, stop: float, times: np.ndarray, hdu: str, findings: Findings) -> None:
    outside = ~((times >= MISSION_START_MJD_TT) & (times <= MISSION_STOP_MJD_TT))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        expected = f"MJD(TT) {MISSION_START_MJD_TT:g} to {MISSION_STOP_MJD_TT:g}"
        findings.add(
            "TIME-MISSION",
            "error",
            f"{int(outside.sum())} times are outside the mission, the first shown",
            hdu=hdu,
            column="TIME",
            row=row + 1,
            found=f"MJD(TT) {times[row]:.5f}",
            expected=expected,
        )
    if not start <= stop:
        findings.add(
            "TIME-SPAN", "error", "TSTOP is before TSTART", hdu=hdu, column="TSTOP", found=f"{start} to {stop}"
        )


def read_events(path: Path) -> Content:
    """Read the summary of an event list."""
    with open_fits(path) as file:
        events = event_list_in(file)
        header = next(hdu.header for hdu in file.hdus if is_event_list(hdu))
        name = _known(header, "NAME", "OBJ_1", "SRC_1", "OBJECT")
        _, ra, dec = headers.object_of(header)
        if ra is None:
            ra, dec = headers.number(header, "RA_1"), headers.number(header, "DEC_1")
        part = EventPart(
            events, _known(header, "DATE"), name, _known(header, "SOURCEID"), _known(header, "OBS_ID"), ra, dec
        )
        return Content(part=part, findings=_gather(file, events.findings), simulated=events.simulated)


def read_region(path: Path) -> Content:
    """Read the labels of a DS9 region file; anything but circles and globals is refused."""
    labels = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        match = re.fullmatch(
            r"(?:fk5|icrs);circle\([-+.\d]+, *[-+.\d]+, *[\d.]+['\"]?\)(?: *# *text=\{([^}]*)\})?", line.strip()
        )
        if match:
            labels.append(match[1] or "")
        elif line.strip() and not line.startswith(("#", "global")):
            raise refuse(
                "REGION",
                "the line is not a region this archive takes",
                row=number,
                found=repr(line[:60]),
                expected="fk5;circle(ra, dec, radius) # text={name}",
            )
    return Content(part=RegionPart(tuple(labels)))


def read_maps(path: Path) -> Content:
    """Read all-sky maps of one instrument and band."""
    findings = Findings()
    with open_fits(path) as file:
        findings.extend(file.findings)
        wanted = {"FLUX": "number mCrab", "VARIANCE": "number mCrab**2", "EXPOSURE": "number s"}
        table = fits_table(file, "SKY-MAPS", wanted)
        for keyword, value in (
            ("PIXTYPE", "HEALPIX"),
            ("ORDERING", "NESTED"),
            ("COORDSYS", "C"),
            ("INDXSCHM", "IMPLICIT"),
        ):
            if (headers.text(table.header, keyword) or "").upper() != value:
                raise refuse(
                    "MAP-LAYOUT",
                    f"{keyword} must be {value}",
                    hdu=table.label,
                    column=keyword,
                    found=repr(table.header.get(keyword)),
                    expected=value,
                )
        nside = int(headers.number(table.header, "NSIDE") or 0)
        order = nside.bit_length() - 1
        if nside < 1 or nside != 1 << order or len(table) != 12 * nside * nside:
            raise refuse(
                "MAP-SIZE",
                "the map is not complete",
                hdu=table.label,
                column="NSIDE",
                found=f"NSIDE {nside}, {len(table)} pixels",
                expected="12 * NSIDE**2 pixels, NSIDE a power of 2",
            )
        low, high = headers.number(table.header, "E_MIN"), headers.number(table.header, "E_MAX")
        instrument, (start, stop) = headers.instrument_of(table.header), headers.span_mjd_tt(table.header)
        if low is None or high is None or not 0 < low < high or instrument is None or start is None or stop is None:
            raise refuse(
                "MAP-KEYWORDS",
                "instrument, band or time range of the map is missing",
                hdu=table.label,
                column="INSTRUME, E_MIN, E_MAX, TSTART, TSTOP",
            )
        arrays = {name: table.data[name].astype(np.float32) for name in wanted}
        seen = arrays["EXPOSURE"] > 0
        for name in ("FLUX", "VARIANCE"):
            if not np.array_equal(np.isfinite(arrays[name]), seen):
                row = int(np.flatnonzero(np.isfinite(arrays[name]) != seen)[0])
                raise refuse(
                    "MAP-MASK",
                    f"{name} must be a number exactly where EXPOSURE > 0",
                    hdu=table.label,
                    row=row + 1,
                    column=name,
                    found=f"{arrays[name][row]}, exposure {arrays['EXPOSURE'][row]} s",
                )
        if (arrays["VARIANCE"][seen] <= 0).any():
            raise refuse(
                "MAP-VARIANCE",
                "a variance is not positive",
                hdu=table.label,
                column="VARIANCE",
                expected="> 0 mCrab**2",
            )
        arrays["EXPOSURE"] = np.where(seen, arrays["EXPOSURE"], np.float32(np.nan))
        simulated, band = headers.is_simulated(table.header), f"{low:g}_{high:g}"
        psf, mcrab = headers.number(table.header, "PSFFWHM") or 0.0, headers.number(table.header, "CRABFLUX") or 0.0
        if psf <= 0 or mcrab <= 0:
            raise refuse(
                "MAP-KEYWORDS",
                "the width of the PSF or the flux of 1 mCrab is missing",
                hdu=table.label,
                column="PSFFWHM, CRABFLUX",
                found=f"{psf}, {mcrab}",
                expected="arcmin, erg cm-2 s-1",
            )
        epoch = _map_epoch(table.label, headers.text(table.header, "MAPEPOCH"), start, stop)
        maps = []
        for name, unit in (("FLUX", "mCrab"), ("VARIANCE", "mCrab**2"), ("EXPOSURE", "s")):
            sky_map = SkyMap(
                map_id=f"{instrument}_{band}_{name.lower()}{'_' if epoch else ''}{epoch}",
                instrument=instrument,
                band=band,
                energy_min_kev=low,
                energy_max_kev=high,
                quantity=name.lower(),
                order=order,
                unit=unit,
                tstart_mjd_tt=start,
                tstop_mjd_tt=stop,
                simulated=simulated,
                title=f"{'Simulated ' if simulated else ''}{name.lower()} {instrument} {low:g}-{high:g} keV",
                psf_fwhm_arcmin=psf,
                crab_convention=headers.text(table.header, "CRABCONV") or "",
                mcrab_erg_cm2_s=mcrab,
                epoch=epoch,
            )
            if epoch:
                sky_map = dataclasses.replace(sky_map, title=f"{sky_map.title}, {sky_map.epoch_name}")
            maps.append(MapPart(sky_map, arrays[name]))
        return Content(maps=maps, findings=findings.finish(), simulated=simulated)


def _map_epoch(label: str, text: str | None, start_mjd_tt: float, stop_mjd_tt: float) -> str:
    """Read of which epoch maps are, as `archive.skymaps.SkyMap` has it: a map of a year never passes for the total."""
    told = (text or "").strip().upper()
    days = stop_mjd_tt - start_mjd_tt
    expected = "MAPEPOCH = 'MISSION', 'YEAR-2004' or 'REV-0082', as TSTART and TSTOP say"
    found = f"MAPEPOCH {text!r}, {days:.2f} days"
    if told == "MISSION" or (not told and days > _LONGEST_YEAR_D):
        return ""
    if match := re.fullmatch(r"YEAR-(20[0-9]{2})", told):
        year = int(match[1])
        first, end = (mjd_tt_from_utc(f"{one}-01-01") for one in (year, year + 1))
        if first - _REVOLUTION_D <= start_mjd_tt <= stop_mjd_tt <= end + _REVOLUTION_D:
            return match[1]
    elif (match := re.fullmatch(r"REV-([0-9]{4})", told)) and days <= _REVOLUTION_D:
        return f"r{match[1]}"
    raise refuse(
        "MAP-EPOCH",
        "the maps do not say of which epoch they are, or their times say another",
        hdu=label,
        column="MAPEPOCH",
        found=found,
        expected=expected,
    )


def read_irem(path: Path) -> Content:
    """Read the summary of IREM count rates."""
    with open_fits(path) as file:
        wanted = {
            "TIME": "number d",
            "TC1": "number ct/s",
            "TC2": "number ct/s",
            "TC3": "number ct/s",
            "ALTITUDE": "number km",
        }
        table = fits_table(file, "IREM-CNTS", wanted)
        times = headers.time_scale(table.header).zero_mjd_tt + table.numbers("TIME")
        findings = Findings()
        _check_series_span(float(np.nanmin(times)), float(np.nanmax(times)), times, table.label, findings)
        back = np.flatnonzero(np.diff(times) <= 0)
        if len(back):
            findings.add(
                "TIME-ORDER",
                "error",
                "times do not rise",
                hdu=table.label,
                column="TIME",
                row=int(back[0]) + 2,
                found=str(times[back[0] + 1]),
            )
        part = MonitorPart(
            len(table), float(times[0]), float(times[-1]), _known(table.header, "DATE"), _known(table.header, "CREATOR")
        )
        return Content(
            part=part, findings=_gather(file, findings.finish()), simulated=headers.is_simulated(table.header)
        )
