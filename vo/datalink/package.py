"""All files of a selection of products as the members of one tar, first of them their digests."""

import hashlib
from collections.abc import Sequence

from archive.bundles import Member, manifest
from archive.models import Product, ProductFile
from archive.selectors import current_rows
from archive.storage import file_path
from vo.datalink.sets import find_sets

MANIFEST = "SHA256SUMS"


def find_members(product_ids: Sequence[str]) -> tuple[list[Member], list[str]]:
    """Return the members, each in the directory of its product, and the products that do not exist.

    A set of a science window stands for its products.
    ``sha256sum -c SHA256SUMS`` checks what was unpacked.
    """
    known = set(current_rows(Product).filter(product_id__in=product_ids).values_list("product_id", flat=True))
    sets = find_sets(set(product_ids) - known)
    missing = [product_id for product_id in product_ids if product_id not in known and product_id not in sets]
    known |= {product.product_id for one in sets.values() for product in one.products}
    files = current_rows(ProductFile).filter(product_id__in=known).order_by("product_id", "file_name")
    members = [
        Member(f"{file.product_id}/{file.file_name}", file_path(file.sha256), file.size_bytes, file.sha256)
        for file in files
    ]
    digests = manifest(members)
    head = Member(MANIFEST, None, len(digests), hashlib.sha256(digests).hexdigest(), digests)
    return [head, *members], missing
