"""Spectra with their responses as `oda_api` takes them: OGIP 92-007 and CAL/GEN/92-002 tables."""

import numpy as np
from numpy.typing import NDArray

from archive.api.points import product_files, read_product_spectrum
from archive.formats import EffectiveArea, Response, Spectrum, read_effective_area, read_response
from archive.models import Product
from archive.storage import file_path
from archive.times import ijd_from_mjd_tt
from vo.mmoda.encode import Card, Json, numpy_product, primary_unit, table_unit
from vo.mmoda.series import INSTRUME, MJDREF

MOST_MATRIX_VALUES = 1_500_000


def spectrum_products(product: Product, src_name: str) -> tuple[list[Json], list[str]]:
    """Return spectrum, ARF and RMF in this order, those that are stored, and what to tell the user."""
    files = {file.role: file for file in product_files(product.product_id)}
    instrument = "isgri" if product.instrument == "isgri" else "jemx"
    names = {role: files[role].file_name if role in files else "NONE" for role in ("arf", "rmf")}
    head: dict[str, Card] = {
        "TELESCOP": "INTEGRAL",
        "INSTRUME": INSTRUME[product.instrument],
        "DETNAM": product.instrument.upper(),
        "NAME": src_name,
        "PRODID": product.product_id,
        "SIMULATD": product.simulated,
    }
    items, notes = [_spectrum(read_product_spectrum(product), product, head, names)], []
    if "arf" in files:
        items.append(_area(read_effective_area(file_path(files["arf"].sha256)), head))
    if "rmf" in files:
        response = read_response(file_path(files["rmf"].sha256))
        if response.matrix.size > MOST_MATRIX_VALUES:
            notes.append(f"The response of {product.product_id} is too large for this protocol; download its file.")
        else:
            items.append(_matrix(response, head))
    if missing := [role.upper() for role in names if role not in files]:
        notes.append(f"{product.product_id} is stored without {' and '.join(missing)}.")
    kinds = {"SPECTRUM": "spectrum", "SPECRESP": "arf", "EBOUNDS": "rmf"}
    return [
        numpy_product("", {"src_name": src_name, "product": f"{instrument}_{kinds[name]}"}, units)
        for name, units in items
    ], notes


def _spectrum(
    spectrum: Spectrum, product: Product, head: dict[str, Card], names: dict[str, str]
) -> tuple[str, list[Json]]:
    start, stop = (
        float(ijd_from_mjd_tt(value)) if value is not None else None
        for value in (product.tstart_mjd_tt, product.tstop_mjd_tt)
    )
    header: dict[str, Card] = {
        **head,
        "EXTNAME": "SPECTRUM",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "SPECTRUM",
        "HDUVERS": "1.2.1",
        "FILTER": "NONE",
        "EXPOSURE": spectrum.exposure_s,
        "BACKFILE": "NONE",
        "CORRFILE": "NONE",
        "CORRSCAL": 0.0,
        "BACKSCAL": 1.0,
        "AREASCAL": 1.0,
        "RESPFILE": names["rmf"],
        "ANCRFILE": names["arf"],
        "POISSERR": False,
        "CHANTYPE": "PI",
        "DETCHANS": len(spectrum),
        "MJDREF": MJDREF,
        "TIMESYS": "TT",
        "TSTART": start,
        "TSTOP": stop,
    }
    bad = (spectrum.quality != 0) | ~np.isfinite(spectrum.rate)
    columns = {
        "CHANNEL": ("<i4", "", spectrum.channel),
        "RATE": ("<f8", "count/s", spectrum.rate),
        "SYS_ERR": ("<f8", "", spectrum.systematic_error),
        "STAT_ERR": ("<f8", "count/s", spectrum.error),
        "QUALITY": ("<i4", "", np.where(bad, np.maximum(spectrum.quality, 1), 0)),
        "GROUPING": ("<i4", "", np.ones(len(spectrum), dtype=np.int64)),
    }
    return "SPECTRUM", [_primary(head), table_unit("SPECTRUM", columns, header)]


def _area(area: EffectiveArea, head: dict[str, Card]) -> tuple[str, list[Json]]:
    header: dict[str, Card] = {
        **head,
        "EXTNAME": "SPECRESP",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "SPECRESP",
        "HDUVERS": "1.1.0",
    }
    columns = {
        "ENERG_LO": ("<f8", "keV", area.energy_low_kev),
        "ENERG_HI": ("<f8", "keV", area.energy_high_kev),
        "SPECRESP": ("<f8", "cm2", area.area_cm2),
    }
    return "SPECRESP", [_primary(head), table_unit("SPECRESP", columns, header)]


def _matrix(response: Response, head: dict[str, Card]) -> tuple[str, list[Json]]:
    bounds = {
        "CHANNEL": ("<i4", "", response.channel),
        "E_MIN": ("<f8", "keV", response.channel_min_kev),
        "E_MAX": ("<f8", "keV", response.channel_max_kev),
    }
    first, count, packed = pack_matrix(response.matrix)
    start = int(response.channel[0]) if len(response.channel) else 0
    matrix = {
        "ENERG_LO": ("<f8", "keV", response.energy_low_kev),
        "ENERG_HI": ("<f8", "keV", response.energy_high_kev),
        "N_GRP": ("<i2", "", (count > 0).astype(np.int64)),
        "F_CHAN": ("<i4", "", first + start),
        "N_CHAN": ("<i4", "", count),
        "MATRIX": ("<f4", "", packed),
    }
    ogip: dict[str, Card] = {
        **head,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "DETCHANS": len(response.channel),
        "CHANTYPE": "PI",
    }
    ebounds: dict[str, Card] = {**ogip, "EXTNAME": "EBOUNDS", "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0"}
    rsp: dict[str, Card] = {
        **ogip,
        "EXTNAME": "SPECRESP MATRIX",
        "HDUCLAS2": "RSP_MATRIX",
        "HDUCLAS3": "REDIST",
        "HDUVERS": "1.3.0",
        "TLMIN4": start,
        "NUMGRP": int((count > 0).sum()),
        "NUMELT": int(count.sum()),
    }
    units = [_primary(head), table_unit("EBOUNDS", bounds, ebounds), table_unit("SPECRESP MATRIX", matrix, rsp)]
    return "EBOUNDS", units


def pack_matrix(
    matrix: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return for each energy the first channel with a response, how many there are, and them, padded with zeros.

    Examples
    --------
    >>> first, count, packed = pack_matrix(np.array([[0, 0, 2, 3], [0, 0, 0, 0]], dtype=np.float32))
    >>> first.tolist(), count.tolist(), packed.tolist()
    ([2, 0], [2, 0], [[2.0, 3.0], [0.0, 0.0]])
    """
    used = matrix != 0
    some = used.any(axis=1)
    first = np.where(some, used.argmax(axis=1), 0)
    last = np.where(some, matrix.shape[1] - 1 - used[:, ::-1].argmax(axis=1), -1)
    count = last - first + 1
    width = max(1, int(count.max(initial=0)))
    place = np.minimum(first[:, None] + np.arange(width), matrix.shape[1] - 1)
    packed = np.where(np.arange(width) < count[:, None], np.take_along_axis(matrix, place, axis=1), 0)
    return first, count, packed.astype(np.float32)


def _primary(head: dict[str, Card]) -> Json:
    return primary_unit({key: str(head[key]) for key in ("TELESCOP", "INSTRUME")})
