"""A basket of products: kept in a session of its own, so that logging in or out does not empty it."""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from archive.bundles import Member
from archive.errors import UsageError
from archive.models import Product, ProductFile, Release
from archive.selectors import current_release, current_rows
from archive.storage import file_path
from archive.website.bundles import safe_stem
from archive.website.citation import acknowledgement, bibtex, cite

COOKIE = "basket"
MAX_PRODUCTS = 2000
MAX_SHARED_CHARACTERS = 6000
_KEEP_S = 90 * 86400
_MAX_TEXT_BYTES = 400_000


@dataclass(frozen=True, slots=True)
class Basket:
    """Products with their files, and the ids that this release does not have."""

    products: tuple[Product, ...]
    files: tuple[ProductFile, ...]
    missing: tuple[str, ...]
    release: Release | None

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def read_ids(request: HttpRequest) -> list[str]:
    """Return the ids in the visitor's basket, in the order in which they were put there."""
    key = request.COOKIES.get(COOKIE, "")
    if not re.fullmatch(r"[a-z0-9]{32}", key):
        return []
    found = SessionStore(key).get("basket", [])
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def write_ids(request: HttpRequest, response: HttpResponse, ids: Sequence[str]) -> None:
    """Keep these ids as the visitor's basket; an empty one leaves no cookie.

    Raises
    ------
    UsageError
        If there are more than a basket holds.
    """
    if len(ids) > MAX_PRODUCTS:
        raise UsageError(
            f"A basket holds at most {MAX_PRODUCTS} products; this would make {len(ids)}. "
            "Download some first, or use TAP."
        )
    key = request.COOKIES.get(COOKIE, "")
    store = SessionStore(key if re.fullmatch(r"[a-z0-9]{32}", key) else None)
    if not ids:
        store.flush()
        response.delete_cookie(COOKIE)
        return
    if not store.exists(store.session_key or ""):
        store = SessionStore()
    store["basket"] = list(ids)
    store.set_expiry(_KEEP_S)
    store.save()
    response.set_cookie(
        COOKIE,
        store.session_key or "",
        max_age=_KEEP_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def fill_basket(ids: Iterable[str]) -> Basket:
    """Look up what the current release has of these products."""
    wanted = list(dict.fromkeys(ids))
    # PostgreSQL knows no NUL, and no product has one in its name.
    possible = [name for name in wanted if "\0" not in name]
    rows = current_rows(Product).filter(product_id__in=possible).select_related("delivery")
    rows = rows.defer("metadata", "footprint", "delivery__counts", "delivery__findings")
    known = {product.product_id: product for product in rows}
    files = current_rows(ProductFile).filter(product_id__in=known).order_by("product_id", "-role", "file_name")
    return Basket(
        tuple(known[name] for name in wanted if name in known),
        tuple(files),
        tuple(name for name in wanted if name not in known),
        current_release(),
    )


def share_text(ids: Sequence[str]) -> str:
    """Write ids so that they fit an address; '' when they do not."""
    text = base64.urlsafe_b64encode(zlib.compress("\n".join(ids).encode(), 9)).decode().rstrip("=")
    return text if len(text) <= MAX_SHARED_CHARACTERS else ""


def read_shared(text: str) -> list[str]:
    """Read the ids of a shared basket.

    Raises
    ------
    UsageError
        If the text is not what `share_text` writes.

    Examples
    --------
    >>> read_shared(share_text(["a", "b c"]))
    ['a', 'b c']
    """
    mistake = UsageError("The address of this shared basket is damaged or cut off; ask for it again.")
    if len(text) > MAX_SHARED_CHARACTERS or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise mistake
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpack = zlib.decompressobj()
        content = unpack.decompress(packed, _MAX_TEXT_BYTES).decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise mistake from error
    ids = content.split("\n")
    if not unpack.eof or len(ids) > MAX_PRODUCTS or any(not name.isprintable() or not name for name in ids):
        raise mistake
    return ids


def basket_members(basket: Basket) -> list[Member]:
    """Return the files of a basket as members of one bundle, with manifest, acknowledgement and BibTeX first."""
    files = [
        Member(name, file_path(file.sha256), file.size_bytes, file.sha256)
        for name, file in zip(member_names(basket), basket.files, strict=True)
    ]
    texts = {
        "archipelago/manifest-sha256.txt": manifest(basket),
        "archipelago/ACKNOWLEDGEMENT.txt": acknowledgement(cite(basket.products), basket.release) + "\n",
        "archipelago/references.bib": bibtex(basket.release),
    }
    return [_text_member(name, text) for name, text in texts.items()] + files


def _text_member(name: str, text: str) -> Member:
    content = text.encode()
    return Member(name, None, len(content), hashlib.sha256(content).hexdigest(), content)


def member_names(basket: Basket) -> list[str]:
    """Return the name of each file in the bundle: a directory per product."""
    return [f"archipelago/{safe_stem(file.product_id)}/{safe_name(file.file_name)}" for file in basket.files]


def safe_name(name: str) -> str:
    """Return a file name without characters that shells or other systems trip over."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", name).lstrip(".-") or "file"


def manifest(basket: Basket) -> str:
    """Write digests as sha256sum reads them; run it beside the directory `archipelago`."""
    return "".join(f"{file.sha256}  {name}\n" for name, file in zip(member_names(basket), basket.files, strict=True))


def fetch_script(basket: Basket) -> str:
    """Write a shell script that fetches and verifies every file, and can be run again after a break."""
    lines = ["#!/bin/sh", "# Fetches each file, resumes what is unfinished, and verifies all at the end.", "set -eu"]
    for name, file in zip(member_names(basket), basket.files, strict=True):
        where = reverse("product-file", args=[file.product_id, file.file_name]).replace("'", "%27")
        lines.append(f"mkdir -p '{name.rsplit('/', 1)[0]}'")
        check = f"echo '{file.sha256}  {name}' | sha256sum -c --status 2>/dev/null"
        lines.append(f"{check} || curl -fsS -C - -o '{name}' '{settings.PUBLIC_URL}{where}'")
    lines += ["sha256sum -c <<'END'", manifest(basket).rstrip("\n"), "END"]
    return "\n".join(lines) + "\n"
