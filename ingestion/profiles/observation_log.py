"""The ESASky observation log: id, RA, Dec, start (UTC), exposure (s), blank-separated, one observation a line."""

import re
from pathlib import Path

from archive.errors import UsageError
from archive.identifiers import parse_obs_id
from archive.times import mjd_tt_from_mjd_utc
from ingestion.cells import Findings, Line, read_text
from ingestion.content import Content, Probe
from ingestion.profiles.utc import mjd_utc_from_iso
from ingestion.rows import ObservationRow

NAME = "observation_log"
COLUMNS = ("obsid", "RA", "Dec", "start", "exposure")
_LINE = re.compile(r"\d{8,12}\s+[-+.\dEe]+\s+[-+.\dEe]+\s+\d{4}-\d{2}-\d{2}T\S+\s+\d+\s*")
MAX_EXPOSURE_S = 4e6


def recognise(probe: Probe) -> bool:
    """Say whether the first line is of this form."""
    return bool(probe.lines) and _LINE.fullmatch(probe.lines[0]) is not None


def read(path: Path) -> Content:
    """Read observations; starts become MJD TT, positions are taken as ICRS (the log says J2000 to 1e-6 deg)."""
    findings = Findings()
    kept: list[tuple[Line, str, float, float, float, float]] = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        cells = text.split()
        if len(cells) != len(COLUMNS):
            findings.add(
                "ROW-LENGTH",
                "error",
                "the row has another number of cells",
                row=number,
                found=str(len(cells)),
                expected=str(len(COLUMNS)),
            )
            continue
        line = Line(number, dict(zip(COLUMNS, cells, strict=True)), findings)
        obs_id = line.identifier("obsid", parse_obs_id)
        ra, dec = line.position_required("RA", "Dec")
        try:
            start = mjd_utc_from_iso(line.text("start"))
        except UsageError as error:
            line.fail("TIME-UTC", str(error), "start", found=line.text("start"), expected="YYYY-MM-DDThh:mm:ss")
            continue
        exposure = line.number_required("exposure", 0.0, MAX_EXPOSURE_S, "s")
        if line.usable:
            kept.append((line, obs_id, ra, dec, start, exposure))
    starts = mjd_tt_from_mjd_utc([item[4] for item in kept])
    rows = []
    for (line, obs_id, ra, dec, _, exposure), start in zip(kept, starts.tolist(), strict=True):
        line.mission_time(start, "start")
        rows.append(
            ObservationRow(
                obs_id=obs_id, ra=ra, dec=dec, tstart_mjd_tt=start, exposure_s=exposure, proposal_id=obs_id[:7]
            )
        )
    return Content(rows=rows, findings=findings.finish())
