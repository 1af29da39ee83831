"""Answers a query of the MMODA protocol in one reply: nothing is computed, so nothing has to be waited for."""

import hashlib
import json
import threading
import time

from django.conf import settings

from archive.errors import BusyError, NotFoundError
from archive.models import Product
from archive.selectors import current_release
from vo.mmoda.encode import Json, guard_texts
from vo.mmoda.find import Found, find_products, find_source
from vo.mmoda.images import image_products
from vo.mmoda.limits import limit_products
from vo.mmoda.params import Query
from vo.mmoda.series import light_curves
from vo.mmoda.spectra import spectrum_products

NOTHING_FOUND = "failed: get dataserver products "
"""The message, with its blank at the end, that `oda_api` turns into FailedToFindAnyUsefulResults."""

MOST_AT_ONCE = 4
_slots = threading.BoundedSemaphore(MOST_AT_ONCE)


def job_id(query: Query) -> str:
    """Return 16 hexadecimal digits that equal queries share within a release."""
    release = current_release()
    basis = json.dumps([release.name if release else "", query.product, query.normalized])
    return hashlib.sha256(basis.encode()).hexdigest()[:16]


def answer(query: Query, session_id: str) -> Json:
    """Return the whole reply: products, or the failure that means that there are none.

    Raises
    ------
    BusyError
        If `MOST_AT_ONCE` queries are being answered by this process: a reply is built in memory.
    """
    if not _slots.acquire(blocking=False):
        raise BusyError(
            f"this server answers {MOST_AT_ONCE} queries of this protocol at once and has as many; "
            "ask again in some seconds"
        )
    try:
        products, notes = _products(query)
    except NotFoundError as error:
        return _reply(query, session_id, {}, str(error), failed=True)
    finally:
        _slots.release()
    simulated = products.pop("simulated", False)
    notes = [*notes, *(["Some of these data are simulated, not measured."] if simulated else [])]
    if query.unused:
        notes.append(f"Please note that these parameters are not used by this archive: {', '.join(query.unused)}.")
    release = current_release()
    notes.append(f"Data release {release.name if release else '-'} of {settings.PUBLIC_URL}")
    return _reply(query, session_id, products, " ".join(notes))


def _products(query: Query) -> tuple[Json, list[str]]:
    if query.product == "isgri_ul":
        tables, notes = limit_products(query)
        return {"astropy_table_product_ascii_list": tables}, notes
    found = find_products(query)
    if query.product.endswith("_image"):
        return _image(query, found)
    items: list[Json] = []
    notes: list[str] = [*found.notes, *_pages(found.products)]
    for product in found.products:
        if query.product.endswith("_lc"):
            made, told = light_curves(product, query, found.src_name)
        else:
            made, told = spectrum_products(product, found.src_name)
        items += made
        notes += told
    if not items:
        raise NotFoundError(f"no point of the stored {query.product} lies between T1 and T2")
    return {"numpy_data_product_list": items, "simulated": any(row.simulated for row in found.products)}, notes


def _image(query: Query, found: Found) -> tuple[Json, list[str]]:
    place = None
    if query.ra is not None and query.dec is not None:
        place = (query.ra % 360.0, query.dec)
    elif query.src_name:
        source = find_source(query)
        place = (source.ra, source.dec)
    product = found.products[0]
    image, catalogue, notes = image_products(product, query, place)
    products: Json = {"numpy_data_product_list": [image], "catalog": catalogue, "simulated": product.simulated}
    return products, [*found.notes, *_pages((product,)), *notes]


def _pages(products: tuple[Product, ...]) -> list[str]:
    return [f"Stored product: {settings.PUBLIC_URL}/products/{row.product_id}." for row in products[:3]]


def _reply(query: Query, session_id: str, products: Json, text: str, *, failed: bool = False) -> Json:
    """Lay out a reply; texts are guarded, products have guarded theirs themselves."""
    number = job_id(query)
    status = "failed" if failed else "done"
    message = NOTHING_FOUND if failed else ""
    head = {
        "query_status": status,
        "job_status": status,
        "status_code": 200,
        "session_id": session_id,
        "time_request": time.time(),
        "job_monitor": {
            "job_id": number,
            "session_id": session_id,
            "status": status,
            "full_report_dict_list": [],
        },
        "exit_status": {
            "status": int(failed),
            "message": message,
            "error_message": text if failed else "",
            "debug_message": "",
            "comment": "" if failed else text,
            "warning": "",
            "job_status": status,
        },
    }
    facts = {
        "analysis_parameters": dict(query.normalized),
        "instrument": query.instrument.name,
        "session_id": session_id,
        "job_id": number,
        "input_prod_list": [],
    }
    guarded, more = guard_texts(head), guard_texts(facts)
    assert isinstance(guarded, dict) and isinstance(more, dict)  # noqa: PT018, S101 - for the type checker
    return {**guarded, "products": {**more, **products}}
