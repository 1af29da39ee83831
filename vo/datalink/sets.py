"""Science-window sets: all that the archive holds of one instrument in one science window (rows of ObsCore)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models.fields.json import KT

from archive.models import Product
from archive.selectors import current_rows

_SET = re.compile(r"scw:(\d{12}):([a-z0-9_]{1,16})")


@dataclass(frozen=True, slots=True)
class WindowSet:
    """A set by its window and instrument; `products` are in the order of their ids, at least one."""

    scw_id: str
    instrument: str
    products: tuple[Product, ...]


def find_sets(identifiers: Iterable[str]) -> dict[str, WindowSet]:
    """Return the sets among product ids, ``scw:<scw_id>:<instrument>``; what names none is left out."""
    wanted = {text: match for text in identifiers if (match := _SET.fullmatch(text))}
    if not wanted:
        return {}
    rows = current_rows(Product).annotate(scw=KT("metadata__scw_id"))
    held: dict[tuple[str, str], list[Product]] = {}
    for product in rows.filter(scw__in={match[1] for match in wanted.values()}).order_by("product_id"):
        held.setdefault((str(product.metadata["scw_id"]), product.instrument), []).append(product)
    return {
        text: WindowSet(match[1], match[2], tuple(held[match[1], match[2]]))
        for text, match in wanted.items()
        if (match[1], match[2]) in held
    }
