"""Daily CDF files of the radiation monitor, read with cdflib after the counts of their own records were checked.

cdflib believes whatever a record says: a damaged number of dimensions keeps it busy for hours (measured).
"""

from pathlib import Path
from typing import Any

import numpy as np

from archive.formats.findings import FormatError, refuse
from archive.formats.tables import Table, TableColumn
from archive.times import IJD_ZERO_MJD, mjd_tt_from_mjd_utc

CDF_MAGICS = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02")
# CDF_EPOCH counts ms since year 0; MJD 0 is day 678941 of it (CDF User's Guide, 2.3.5).
_CDF_DAY_OF_MJD_ZERO = 678941.0
_IREM_CHANNELS = {"TC1": 0, "TC2": 5, "TC3": 11}
_UNCOMPRESSED = b"\x00\x00\xff\xff"
MAX_VARIABLES = 500
MAX_DIMENSIONS = 4
MAX_RECORDS = 200_000
MAX_VALUES_PER_RECORD = 1000


def _check_records(content: bytes) -> None:
    """Walk the header, the global descriptor and the descriptors of the variables; refuse counts beyond the caps.

    References
    ----------
    CDF Internal Format Description, version 3.9, sections 2.1 to 2.5 and 2.7 (offsets have 4 bytes before version 3).
    """
    wide = 8 if content.startswith(CDF_MAGICS[0]) else 4
    name_bytes = 256 if wide == 8 else 64

    def number(place: int, size: int = 4) -> int:
        if not 0 <= place <= len(content) - size:
            raise _damaged(f"a record lies outside of the file, at {place}")
        return int.from_bytes(content[place : place + size], "big", signed=True)

    def within(place: int, most: int, what: str) -> int:
        found = number(place)
        if not 0 <= found <= most:
            raise _damaged(f"{what}: {found}, at most {most}")
        return found

    if content[4:8] != _UNCOMPRESSED:
        raise _damaged("the file is compressed as a whole")
    descriptor = number(8 + wide + 4, wide)
    counts = descriptor + wide + 4 + 4 * wide
    within(counts + 12, MAX_DIMENSIONS, "dimensions")
    within(counts + 4, MAX_VARIABLES, "attributes")
    for head, count, has_dimensions in (
        (0, within(counts, MAX_VARIABLES, "variables"), False),
        (1, within(counts + 16, MAX_VARIABLES, "variables"), True),
    ):
        place = number(descriptor + wide + 4 + head * wide, wide)
        for _ in range(count):
            after = place + wide + 4 + wide  # behind the size, the type and the next one's place
            if not -1 <= number(after + 4) < MAX_RECORDS:
                raise _damaged(f"records of a variable: {number(after + 4)}, at most {MAX_RECORDS}")
            elements = after + 8 + 2 * wide + 5 * 4
            within(elements, MAX_VALUES_PER_RECORD, "elements of a value")
            if has_dimensions:
                sizes = elements + 8 + wide + 4 + name_bytes
                dimensions = within(sizes, MAX_DIMENSIONS, "dimensions of a variable")
                for axis in range(dimensions):
                    within(sizes + 4 + 4 * axis, MAX_VALUES_PER_RECORD, "values along a dimension")
            place = number(place + wide + 4, wide)


def _damaged(found: str) -> FormatError:
    return refuse("CDF-DAMAGED", "the CDF file cannot be read", found=found)


def read_irem_cdf(path: Path, content: bytes) -> Table:
    """Read a daily CDF file of the radiation monitor: EPOCH (UTC), COUNTRATE of 15 channels, ORBIT in km.

    Channels are in the order of the PSI files: TC1 S12 S13 S14 S15 TC2 S25 C1 C2 C3 C4 TC3 S32 S33 S34.

    Raises
    ------
    FormatError
        ``CDF-DAMAGED`` or ``CDF-VARIABLES``.
    """
    _check_records(content)
    import cdflib  # noqa: PLC0415 - loaded at the first CDF file: only those of the radiation monitor are

    try:
        file = cdflib.CDF(path)
        names = set(file.cdf_info().zVariables) | set(file.cdf_info().rVariables)
        held: dict[str, Any] = {
            name: np.asarray(file.varget(name)) for name in ("EPOCH", "COUNTRATE", "ORBIT") if name in names
        }
    except Exception as error:  # cdflib raises whatever its parsing runs into
        raise refuse(
            "CDF-DAMAGED", "the CDF file cannot be read", found=f"{type(error).__name__}: {error}"[:160]
        ) from error
    rows = len(held.get("EPOCH", ()))
    if (
        held.keys() != {"EPOCH", "COUNTRATE", "ORBIT"}
        or held["COUNTRATE"].shape != (rows, 15)
        or held["ORBIT"].shape != (rows, 3)
    ):
        shapes = {name: values.shape for name, values in held.items()}
        raise refuse(
            "CDF-VARIABLES",
            "the CDF file is not of the radiation monitor",
            found=str(shapes)[:160],
            expected="EPOCH (n), COUNTRATE (n, 15), ORBIT (n, 3)",
        )
    utc = held["EPOCH"].astype(np.float64) / 86_400_000.0 - _CDF_DAY_OF_MJD_ZERO
    if not np.isfinite(utc).all() or not rows:
        raise refuse("CDF-VARIABLES", "EPOCH has no values or gaps", column="EPOCH", found=f"{rows} rows")
    altitude = np.sqrt(np.sum(held["ORBIT"].astype(np.float64) ** 2, axis=1)) - 6378.137
    columns = [TableColumn("TIME", mjd_tt_from_mjd_utc(utc) - IJD_ZERO_MJD, "d")]
    columns += [
        TableColumn(name, held["COUNTRATE"][:, place].astype(np.float64), "count/s")
        for name, place in _IREM_CHANNELS.items()
    ]
    columns.append(TableColumn("ALTITUDE", altitude, "km"))
    keywords = {
        "INSTRUME": "IREM",
        "MJDREF": 51544.0,
        "TIMESYS": "TT",
        "TIMEUNIT": "d",
        "TIMEREF": "LOCAL",
        "TIMEPIXR": 0.5,
    }
    return Table("CDF", "IREM-CNTS", tuple(columns), keywords)
