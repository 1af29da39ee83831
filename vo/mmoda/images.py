"""Images as `oda_api` takes them: five units after the primary, significance fourth, and the sources in the field."""

from typing import Any

import numpy as np
from astropy.io import fits

from archive.api.points import product_files
from archive.errors import NotFoundError
from archive.formats import Mosaic, read_image
from archive.models import Product, ProductFile, Source
from archive.selectors import current_rows, within_cone
from archive.storage import file_path
from archive.times import ijd_from_mjd_tt
from vo.mmoda.encode import Json, image_unit, numpy_product, primary_unit, table_unit
from vo.mmoda.find import band_note, overlap
from vo.mmoda.params import Query
from vo.mmoda.series import INSTRUME, MJDREF

MOST_PIXELS_A_SIDE = 1000
_PLANES = ("intensity", "variance", "significance", "exposure")
_MOST_SOURCES = 2_000


def image_products(product: Product, query: Query, place: tuple[float, float] | None) -> tuple[Json, Json, list[str]]:
    """Return the image, the catalogue of its sources and what to tell the user.

    An image larger than the client can read in time is cut around `place` (ICRS, deg), or around its middle.

    Raises
    ------
    NotFoundError
        If the product has no image.
    """
    science = next((file for file in product_files(product.product_id) if file.role == ProductFile.Role.SCIENCE), None)
    if science is None:
        raise NotFoundError(f"product {product.product_id} has no image file in this release")
    bands = read_image(file_path(science.sha256))
    image = max(bands, key=lambda one: overlap(one.energy_min_kev, one.energy_max_kev, query))
    note = band_note(product.product_id, image.energy_min_kev, image.energy_max_kev, query)
    notes = [note] if note else []
    rows, columns = window(image, place)
    if (rows.stop - rows.start, columns.stop - columns.start) != image.shape:
        part = f"{columns.stop - columns.start} x {rows.stop - rows.start}"
        notes.append(f"The image has {image.shape[1]} x {image.shape[0]} pixels; this is a part of {part}.")
    units = _units(product, image, rows, columns)
    meta = {"product": "mosaic", "instrument": query.instrument.name, "src_name": "", "product_id": product.product_id}
    return numpy_product("mosaic_image", meta, units), catalogue(image, query), notes


def window(image: Mosaic, place: tuple[float, float] | None) -> tuple[slice, slice]:
    """Return the rows and columns to send: all of them, or a square of the largest size around a place."""
    middle = (image.shape[0] / 2.0, image.shape[1] / 2.0)
    if place is not None:
        x, y = image.pixel_of(*place)
        middle = (float(y), float(x)) if np.isfinite(x) and np.isfinite(y) else middle
    spans = []
    for size, center in zip(image.shape, middle, strict=True):
        length = min(size, MOST_PIXELS_A_SIDE)
        start = int(np.clip(round(center - length / 2.0), 0, size - length))
        spans.append(slice(start, start + length))
    return spans[0], spans[1]


def _units(product: Product, image: Mosaic, rows: slice, columns: slice) -> list[Json]:
    base = _header(product, image, rows, columns)
    detector = {"isgri": "ISGR", "jemx1": "JMX1", "jemx2": "JMX2"}.get(product.instrument, "JMX1")
    index = {
        key: ("<f8", "keV", np.array([np.nan if value is None else value]))
        for key, value in (("E_MIN", image.energy_min_kev), ("E_MAX", image.energy_max_kev))
    }
    head = {"TELESCOP": "INTEGRAL", "INSTRUME": INSTRUME[product.instrument]}
    units = [primary_unit(head), table_unit(f"{detector}-MOSA-IMA-IDX", index, head)]
    for name in _PLANES:
        plane = image.plane(name)
        pixels = np.full(image.shape, np.nan, np.float32) if plane is None else plane.pixels
        header = {**base, "IMATYPE": name.upper(), "BUNIT": plane.unit if plane and plane.unit else None}
        units.append(image_unit(f"{detector}-MOSA-IMA", pixels[rows, columns], header))
    return units


def _header(product: Product, image: Mosaic, rows: slice, columns: slice) -> dict[str, Any]:
    cut = image.wcs[rows, columns]
    coordinates: fits.Header = cut.to_header(relax=True)
    times = {
        key: None if value is None else float(ijd_from_mjd_tt(value))
        for key, value in (("TSTART", product.tstart_mjd_tt), ("TSTOP", product.tstop_mjd_tt))
    }
    return {
        **{key: value for key, value in coordinates.items() if key not in {"COMMENT", "HISTORY", ""}},
        "TELESCOP": "INTEGRAL",
        "INSTRUME": INSTRUME[product.instrument],
        "DETNAM": product.instrument.upper(),
        "E_MIN": image.energy_min_kev,
        "E_MAX": image.energy_max_kev,
        "MJDREF": MJDREF,
        "TIMESYS": "TT",
        **times,
        "PRODID": product.product_id,
        "SIMULATD": product.simulated,
    }


def catalogue(image: Mosaic, query: Query) -> Json:
    """Return the archive's sources in the image whose pixel has the asked significance, brightest first."""
    rows, columns = image.shape
    scale = float(np.sqrt(abs(np.linalg.det(image.wcs.pixel_scale_matrix))))
    radius = min(180.0, scale * float(np.hypot(rows, columns)) / 2.0 + 1.0)
    near = list(within_cone(current_rows(Source), *image.center(), radius)[:_MOST_SOURCES])
    significance = np.full(len(near), np.nan)
    if near and image.plane("significance"):
        places = np.array([(row.ra, row.dec) for row in near])
        significance = image.value_at(places[:, 0], places[:, 1])["significance"]
    strong = np.flatnonzero(np.nan_to_num(significance, nan=-np.inf) >= query.detection_threshold)
    kept = [(near[i], float(significance[i])) for i in strong[np.argsort(-significance[strong])].tolist()]
    every: dict[str, tuple[str, list[object]]] = {
        "meta_ID": ("<i8", list(range(len(kept)))),
        "src_names": ("<U80", [row.name for row, _ in kept]),
        "significance": ("<f8", [value for _, value in kept]),
        "ra": ("<f8", [row.ra for row, _ in kept]),
        "dec": ("<f8", [row.dec for row, _ in kept]),
        "NEW_SOURCE": ("<i8", [0] * len(kept)),
        "ISGRI_FLAG": ("<i8", [1] * len(kept)),
        "FLAG": ("<i8", [1] * len(kept)),
        "ERR_RAD": ("<f8", [row.error_radius_deg or 0.0 for row, _ in kept]),
    }
    if query.instrument.name != "isgri":
        every = {name: value for name, value in every.items() if name not in {"NEW_SOURCE", "ISGRI_FLAG"}}
    return {
        "cat_frame": "fk5",
        "cat_coord_units": "deg",
        "cat_lon_name": "ra",
        "cat_lat_name": "dec",
        "cat_column_names": list(every),
        "cat_column_list": [values for _, values in every.values()],
        "cat_column_descr": [[name, form] for name, (form, _) in every.items()],
    }
